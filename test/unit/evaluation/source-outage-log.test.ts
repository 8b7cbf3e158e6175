import { beforeEach, describe, expect, it } from 'vitest';
import { createOutageLog, type OutageLog } from '../../../src/evaluation/evaluate-group.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import { createSpyLogger, type SpyLogger } from '../../support/spies.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

describe('the log of an outage', () => {
  let clock: VirtualClock;
  let logger: SpyLogger;
  let log: OutageLog;

  beforeEach(() => {
    clock = createVirtualClock();
    logger = createSpyLogger();
    log = createOutageLog('Prometheus', { clock, logger });
  });

  const lines = () => logger.lines.map(({ level, fields }) => [level, ...Object.values(fields)]);

  it('is written once at its start and once at its end', async () => {
    log.succeeded('a');
    log.failed('a', 'refused');
    await clock.advance(MINUTE);
    log.failed('a', 'timeout');
    log.succeeded('a');
    log.succeeded('a');
    expect(lines()).toEqual([
      ['error', 'refused'],
      ['info', 60],
    ]);
  });

  it('lasts until every group that failed has succeeded', () => {
    log.failed('slow', 'timeout');
    for (let i = 0; i < 5; i++) {
      log.succeeded('quick');
      log.failed('slow', 'timeout');
    }
    expect(lines()).toEqual([['error', 'timeout']]);
    log.succeeded('slow');
    expect(lines()).toHaveLength(2);
  });

  it('does not wait for groups without requests', async () => {
    log.failed('removed', 'refused');
    await clock.advance(11 * MINUTE);
    log.succeeded('other');
    expect(lines()).toEqual([
      ['error', 'refused'],
      ['info', 660],
    ]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { createOutageLog, type OutageLog } from '../../../src/evaluation/source-outage.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import { createSpyLogger, type SpyLogger } from '../../support/spies.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

describe('the note of an outage', () => {
  let clock: VirtualClock;
  let logger: SpyLogger;
  let note: OutageLog;

  beforeEach(() => {
    clock = createVirtualClock();
    logger = createSpyLogger();
    note = createOutageLog('Prometheus', { clock, logger });
  });

  const said = () => logger.lines.map(({ level, fields }) => [level, ...Object.values(fields)]);

  it('is written once when it begins and once when it is over', async () => {
    note.succeeded('a');
    note.failed('a', 'refused');
    await clock.advance(MINUTE);
    note.failed('a', 'timeout');
    note.succeeded('a');
    note.succeeded('a');
    expect(said()).toEqual([
      ['error', 'refused'],
      ['info', 60],
    ]);
  });

  it('lasts while anybody who failed has had no answer', () => {
    note.failed('slow', 'timeout');
    for (let i = 0; i < 5; i++) {
      note.succeeded('quick');
      note.failed('slow', 'timeout');
    }
    expect(said()).toEqual([['error', 'timeout']]);
    note.succeeded('slow');
    expect(said()).toHaveLength(2);
  });

  it('does not wait for those who ask no more', async () => {
    note.failed('removed', 'refused');
    await clock.advance(11 * MINUTE);
    note.succeeded('other');
    expect(said()).toEqual([
      ['error', 'refused'],
      ['info', 660],
    ]);
  });
});

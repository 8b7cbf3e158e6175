import { expect, it } from 'vitest';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import { createSourceProbe } from '../../../src/ops/source-probe.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const refused = new UpstreamError({
  system: 'jaeger',
  code: 'unavailable',
  message: 'Jaeger did not respond: it refused the connection',
  advice: 'Check JAEGER_URL.',
});

it('says which source cannot be reached and what to do, without making the bot unready', async () => {
  const clock = createVirtualClock();
  const logger = createSpyLogger();
  let isDown = true;
  const probe = createSourceProbe({
    clock,
    logger,
    recorder: createSpyRecorder(),
    requests: {
      prometheus: async () => [],
      jaeger: async () => {
        if (isDown) throw refused;
      },
    },
  });
  const ended = new AbortController();
  const problems = () => probe.checks.map(({ name, problem, isWarning }) => [name, problem(), isWarning]);
  probe.watch(ended.signal);
  await clock.advance(1);
  expect(problems()).toEqual([
    ['prometheus', undefined, true],
    ['jaeger', 'Jaeger did not respond: it refused the connection. Check JAEGER_URL.', true],
  ]);
  isDown = false;
  await clock.advance(MINUTE);
  expect(problems()[1]).toEqual(['jaeger', undefined, true]);
  ended.abort();
});

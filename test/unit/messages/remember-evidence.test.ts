import { expect, it } from 'vitest';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import { rememberEvidence } from '../../../src/messages/sync.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

function setUp() {
  const clock = createVirtualClock();
  let collected = 0;
  const evidence = rememberEvidence(async () => {
    collected += 1;
    return { traces: { kind: 'pending' }, gaps: [`collected ${collected}`] };
  }, clock);
  const collect = (alertId: string) => evidence.collect({ alert: anAlert({ alertId }), rule: aRule() });
  return { clock, collect, lately: (alertId: string) => evidence.remembered(alertId)?.gaps };
}

it('remembers the last evidence of each alert, for ten minutes', async () => {
  const { clock, collect, lately } = setUp();
  await collect('a');
  await collect('b');
  await collect('a');
  expect([lately('a'), lately('b'), lately('c')]).toEqual([['collected 3'], ['collected 2'], undefined]);
  await clock.advance(ms(10 * MINUTE));
  expect(lately('a')).toEqual(['collected 3']);
  await clock.advance(ms(1));
  expect(lately('a')).toBeUndefined();
});

it('keeps those of five hundred alerts, the latest', async () => {
  const { collect, lately } = setUp();
  for (let i = 0; i < 501; i++) await collect(`e${i}`);
  expect(lately('e0')).toBeUndefined();
  expect(lately('e1')).toBeDefined();
  expect(lately('e500')).toBeDefined();
});

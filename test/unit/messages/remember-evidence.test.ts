import { describe, expect, it } from 'vitest';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import type { Evidence } from '../../../src/messages/evidence.ts';
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

describe('a source that fails', () => {
  const chart = { title: 'p99', unit: 'ms', at: [], series: [] };
  const found = { kind: 'found', rows: [], completeness: 'Complete' } as const;
  const failure: Evidence = {
    traces: { kind: 'unavailable', reason: 'Jaeger did not respond.' },
    gaps: ['No chart: Prometheus did not respond.', 'No p99: Prometheus did not respond.'],
  };

  it('takes away neither the last traces nor the last chart, and their time stays', async () => {
    const clock = createVirtualClock();
    const results: Evidence[] = [
      { traces: found, traceService: 'checkout.shop', chart, gaps: [] },
      failure,
      failure,
    ];
    const evidence = rememberEvidence(async () => results.shift() ?? failure, clock);
    const collect = () => evidence.collect({ alert: anAlert(), rule: aRule() });
    const at = clock.now();
    await collect();
    for (let edits = 0; edits < 2; edits++) {
      await clock.advance(MINUTE);
      expect(await collect()).toEqual({
        traces: { ...found, stale: { asOf: at, reason: 'Jaeger did not respond.' } },
        traceService: 'checkout.shop',
        chart,
        staleChart: { asOf: at, reason: 'Prometheus did not respond.' },
        gaps: ['No p99: Prometheus did not respond.'],
      });
    }
  });

  it('is named when there is nothing from before', async () => {
    const evidence = rememberEvidence(async () => failure, createVirtualClock());
    expect(await evidence.collect({ alert: anAlert(), rule: aRule() })).toEqual(failure);
  });
});

import { describe, expect, it } from 'vitest';
import type { ReplayRequest } from '../../../../src/evaluation/replay/replay.ts';
import type { MetricsSource, Sample } from '../../../../src/lib/metrics-source.ts';
import { after, type EpochMs, HOUR, ms } from '../../../../src/lib/units.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../../src/policy/suppress.ts';
import { aRule } from '../../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../../support/fake-metrics-source.ts';
import { START } from '../../../support/virtual-clock.ts';
import { type Breaches, group, minuteOf, replayOf, request } from './replay-bed.ts';

const CALL: Sample = {
  labels: {
    source_workload: 'checkout',
    source_workload_namespace: 'shop',
    destination_workload: 'payments',
    destination_workload_namespace: 'shop',
    destination_service_name: 'payments',
  },
  value: 3,
};

/** Two services that are slow at different times, and their call graph. */
function mesh(breaches: Readonly<Record<string, Breaches>>, options: { calls?: Sample[] | Error } = {}) {
  const queries: { readonly at: EpochMs; readonly points: number }[] = [];
  const at = (expr: string, instant: EpochMs): readonly Sample[] => {
    if (expr.includes('istio_requests_total')) {
      if (options.calls instanceof Error) throw options.calls;
      return options.calls ?? [CALL];
    }
    const [service = ''] = expr.split(' ');
    const isSlow = (breaches[service] ?? []).some(
      ([from, to]) => minuteOf(instant) >= from && minuteOf(instant) <= to,
    );
    if (isSlow) return [{ labels: { service }, value: 0.5 }];
    return expr.includes('>') ? [] : [{ labels: { service }, value: 0.001 }];
  };
  const metrics: MetricsSource = {
    ...createFakeMetricsSource(),
    instant: async (query) => at(query.expr, query.at),
    range: async ({ expr, window, step }) => {
      const points = Math.floor((window.end - window.start) / step) + 1;
      if (expr.includes('istio_requests_total')) queries.push({ at: window.start, points });
      return Array.from({ length: points }, (_, i) => after(window.start, ms(i * step))).flatMap((instant) =>
        at(expr, instant).map(({ labels, value }) => ({ labels, points: [{ at: instant, value }] })),
      );
    },
  };
  return { metrics, queries };
}

const ruleAbout = (service: string, severity: string) =>
  aRule({
    name: `${service}-slow`,
    expr: `${service} > 0.01`,
    recovery: { expr: service, comparison: '>', bound: 0.01 },
    labels: { severity },
  });

/** The group of the caller is first in the file, so that its cause is in a later one. */
const groups = [
  group({ name: 'callers', rules: [ruleAbout('checkout', 'ticket')] }),
  group({ name: 'callees', rules: [ruleAbout('payments', 'page')] }),
];

const INHIBITED: NotificationPolicy = {
  ...NO_POLICY,
  inhibitRules: [
    {
      source: [{ label: 'severity', operator: '=', value: 'page' }],
      target: [{ label: 'severity', operator: '=', value: 'ticket' }],
      equal: [],
    },
  ],
};
const BY_CALL_GRAPH: NotificationPolicy = { ...NO_POLICY, inhibitsByCallGraph: true };

async function messages(
  source: { readonly metrics: MetricsSource },
  policy: NotificationPolicy,
  over: Partial<ReplayRequest> = {},
) {
  const report = await replayOf(source.metrics)(request({ groups, policy, ...over }));
  return report.rules.map((rule) => [rule.rule, rule.messages, rule.replies]);
}

describe('an alert that another one inhibits', () => {
  const within = { payments: [[10, 60]], checkout: [[20, 40]] } as const;

  it('is not counted while an inhibit rule holds', async () => {
    expect(await messages(mesh(within), NO_POLICY)).toEqual([
      ['checkout-slow', 1, 1],
      ['payments-slow', 1, 1],
    ]);
    expect(await messages(mesh(within), INHIBITED)).toEqual([
      ['checkout-slow', 0, 0],
      ['payments-slow', 1, 1],
    ]);
  });

  it('is counted when it lasts longer than the other one, with its resolution', async () => {
    const outliving = { payments: [[10, 30]], checkout: [[20, 50]] } as const;
    expect(await messages(mesh(outliving), INHIBITED)).toEqual([
      ['checkout-slow', 1, 1],
      ['payments-slow', 1, 1],
    ]);
  });

  it('is not counted while the service that it calls is slow', async () => {
    const loud = [
      group({ name: 'callers', rules: [ruleAbout('checkout', 'page')] }),
      group({ name: 'callees', rules: [ruleAbout('payments', 'page')] }),
    ];
    expect(await messages(mesh(within), BY_CALL_GRAPH, { groups: loud })).toEqual([
      ['checkout-slow', 0, 0],
      ['payments-slow', 1, 1],
    ]);
    expect(await messages(mesh(within, { calls: [] }), BY_CALL_GRAPH, { groups: loud })).toEqual([
      ['checkout-slow', 1, 1],
      ['payments-slow', 1, 1],
    ]);
  });

  it('queries the call graph only while several alerts are active, one hour per query', async () => {
    const source = mesh({ payments: [[10, 200]], checkout: [[100, 130]] });
    await messages(source, BY_CALL_GRAPH);
    expect(source.queries.map(({ at, points }) => [minuteOf(at), points])).toEqual([
      [expect.closeTo(100, -1), 60],
    ]);
  });

  it('is counted where the call graph is not available, with a note in the report', async () => {
    const source = mesh(within, { calls: aSourceError('bad-request', 'too many samples') });
    const report = await replayOf(source.metrics)(request({ groups, policy: BY_CALL_GRAPH }));
    expect(report.rules.map((rule) => rule.messages)).toEqual([1, 1]);
    expect(report.notes).toEqual([expect.stringContaining('too many samples')]);
  });

  it('fails the replay when the source does not respond to the call graph query', async () => {
    const source = mesh(within, { calls: aSourceError('unavailable', 'connection refused') });
    await expect(messages(source, BY_CALL_GRAPH)).rejects.toThrow('connection refused');
  });

  it('is the same in a replay that was interrupted while it was inhibited', async () => {
    const window = { start: START, end: after(START, ms(20 * HOUR)) };
    const source = mesh({ payments: [[400, 700]], checkout: [[490, 720]] });
    const whole = await replayOf(source.metrics)(request({ groups, policy: BY_CALL_GRAPH, window }));
    const stop = new AbortController();
    let saved = '';
    const save = async (progress: string) => {
      // The first save, after a thousand evaluations of the two groups, is at minute 500.
      if (!stop.signal.aborted) saved = progress;
      stop.abort();
    };
    const first = replayOf(source.metrics)(
      request({ groups, policy: BY_CALL_GRAPH, window, save, signal: stop.signal }),
    );
    await expect(first).rejects.toThrow('aborted');
    expect(saved).toContain('call-graph');
    const rest = await replayOf(source.metrics)(request({ groups, policy: BY_CALL_GRAPH, window, saved }));
    expect(rest).toEqual(whole);
    expect(whole.rules.map((rule) => rule.messages)).toEqual([1, 1]);
  });
});

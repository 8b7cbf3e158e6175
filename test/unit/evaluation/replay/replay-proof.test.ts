import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSampleStore } from '../../../../demo/prometheus/sample-store.ts';
import { createPrometheusServer, type PrometheusServer } from '../../../../demo/prometheus/server.ts';
import type { RuleGroupState } from '../../../../src/alerts/alert.ts';
import { createEvaluateGroup } from '../../../../src/evaluation/evaluate-group.ts';
import { createReplay } from '../../../../src/evaluation/replay/replay.ts';
import { evalTimeOf, spreadOffset } from '../../../../src/evaluation/schedule.ts';
import { createHttpClient } from '../../../../src/http/http-client.ts';
import { after, DAY, type EpochMs, HOUR, MINUTE, ms, SECOND } from '../../../../src/lib/units.ts';
import type { Store } from '../../../../src/messages/store.ts';
import { createLocalTime } from '../../../../src/policy/time-interval.ts';
import { createPrometheusMetrics } from '../../../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../../../src/rules/rule.ts';
import { expandTemplate } from '../../../../src/rules/template/template.ts';
import { decided } from '../../../support/decided.ts';
import { latencySeries, type TrafficAt } from '../../../support/mesh-samples.ts';
import { notificationsOf } from '../../../support/notifications.ts';
import { isFullRun } from '../../../support/runs.ts';
import { createSpyLogger, createSpyRecorder } from '../../../support/spies.ts';
import { START } from '../../../support/virtual-clock.ts';

/** Coarse, so that a day has few samples. The rules' windows still hold several. */
const SCRAPE = MINUTE;
const WARM_UP = HOUR;
/** A day holds every kind of traffic; eight hours hold two slow spells of each service. */
const SPAN = isFullRun ? DAY : ms(8 * HOUR);
const WINDOW = { start: after(START, WARM_UP), end: after(START, ms(WARM_UP + SPAN)) };

const RULES = `
slos:
- name: checkout-latency
  preset: istio
  objective: { quantile: 0.99, below: 500ms, window: 10m }
  min_requests: 50
  interval: 2m
  alert: { for: 3m, keep_firing_for: 5m, recover: { below: 250ms, window: 5m } }
---
groups:
- name: by-hand
  interval: 5m
  query_offset: 30s
  rules:
  - alert: Slow
    expr: histogram_quantile(0.95, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[10m]))) > 500
    for: 5m
    labels: { severity: '{{ if gt $value 800.0 }}page{{ else }}ticket{{ end }}' }
    annotations: { summary: '{{ $labels.destination_service_name }} {{ $value }}', slack_channel: '#shop' }
  - alert: Sometimes rejected
    expr: sum by (destination_service_name) (rate(istio_request_duration_milliseconds_count[10m])) * on () group_left rate(istio_request_duration_milliseconds_count[10m]) > 1
`;

/** Traffic of one service: a slow spell each few hours, a gap, and a quiet hour. */
const traffic =
  (seed: number): TrafficAt =>
  (scrape) => {
    const minute = (scrape + seed * 97) % 1_440;
    if (minute > 700 && minute < 725) return undefined;
    const isQuiet = minute > 900 && minute < 960;
    const isSlow = minute % (180 + seed * 13) < 12 + seed * 3;
    return { requests: isQuiet ? 1 : 200, slow: isSlow ? 0.02 * 10 ** (seed % 2) : 0.002 };
  };

function backfilled() {
  const samples = createSampleStore();
  const scrapes = (WARM_UP + SPAN) / SCRAPE + 1;
  for (const [seed, name] of ['checkout', 'cart', 'payment'].entries()) {
    for (const { labels, values } of latencySeries(
      { name, le: (bound) => (bound === Infinity ? '+Inf' : `${bound}.0`) },
      scrapes,
      traffic(seed),
    )) {
      for (const [i, value] of values.entries()) {
        if (value !== undefined) samples.append({ labels, t: after(START, ms(i * SCRAPE)), value });
      }
    }
  }
  return samples;
}

/** The message of a rejection depends on the query: only that it is one is compared. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null, (key, part: unknown) => (key === 'message' ? 'refused' : part)));

describe('a day of samples', () => {
  let server: PrometheusServer;
  let http: ReturnType<typeof createHttpClient>;
  let groups: readonly RuleGroup[];
  beforeEach(async () => {
    const read = parseRuleText('rules.yaml', RULES);
    expect(read.ok ? [] : read.errors).toEqual([]);
    groups = read.groups;
    server = createPrometheusServer({ samples: backfilled(), clock: { now: () => WINDOW.end } });
    const { url } = await server.listen();
    http = createHttpClient({ system: 'prometheus', baseUrl: url });
  });
  afterEach(async () => {
    http.close();
    await server.close();
  });

  const sources = () => {
    const logger = createSpyLogger();
    const metrics = createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger });
    return { metrics, logger, recorder: createSpyRecorder(), expand: expandTemplate };
  };

  /** The state and the notifications of every evaluation of a group. */
  type History = Map<
    EpochMs,
    { readonly state: RuleGroupState; readonly notified: readonly (readonly [string, EpochMs])[] }
  >;

  async function live(group: RuleGroup): Promise<History> {
    const history: History = new Map();
    let state: RuleGroupState | undefined;
    let now = WINDOW.start;
    const store = {
      claimTick: async () => true,
      loadGroup: async () => state,
      groups: async () => [],
      actions: async () => new Map(),
      applyEvaluation: async (change) => {
        state = change.state;
        history.set(now, {
          state,
          notified: decided(change.messages).map(({ id, createdAt }) => [id, createdAt] as const),
        });
        return 'applied';
      },
    } satisfies Partial<Store> as unknown as Store;
    const clock = { now: () => now, sleep: () => new Promise<void>(() => undefined) };
    const evaluate = createEvaluateGroup({ ...sources(), store, clock, notifications: notificationsOf() });
    const offset = spreadOffset(group.id, group.interval);
    now = evalTimeOf(after(WINDOW.start, ms(group.interval - 1)), group.interval, offset);
    for (; now <= WINDOW.end; now = after(now, group.interval)) {
      expect((await evaluate(group, now)).kind).toBe('applied');
    }
    return history;
  }

  it('has the same states and notifications live and replayed', async () => {
    const histories = new Map<string, History>();
    const replay = createReplay({
      ...sources(),
      clock: { sleep: async () => undefined },
      localTime: createLocalTime(),
    });
    const report = await replay({
      groups,
      window: WINDOW,
      timezone: 'UTC',
      onEvaluated: ({ group, evalTime, state, messages }) => {
        const history: History = histories.get(group.id) ?? new Map();
        histories.set(group.id, history);
        history.set(evalTime, {
          state,
          notified: decided(messages).map(({ id, createdAt }) => [id, createdAt] as const),
        });
      },
    });
    for (const group of groups) {
      const expected = await live(group);
      const replayed = histories.get(group.id);
      expect([...(replayed?.keys() ?? [])]).toEqual([...expected.keys()]);
      for (const [evalTime, what] of expected)
        expect(comparable(replayed?.get(evalTime)), String(evalTime)).toEqual(comparable(what));
    }
    // Rules fired, resolved and fired again, and one was rejected for a while.
    const [checkout, slow, refused] = report.rules;
    expect(checkout?.alerts).toBeGreaterThan(5);
    expect(checkout?.replies).toBeGreaterThan(5);
    expect(slow?.alerts).toBeGreaterThan(1);
    expect(refused?.failedEvaluations).toBeGreaterThan(20);
  });
});

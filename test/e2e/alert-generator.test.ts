import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSampleStore } from '../../demo/prometheus/sample-store.ts';
import { createPrometheusServer, type PrometheusServer } from '../../demo/prometheus/server.ts';
import type { Alert, RuleGroupState } from '../../src/alerts/alert.ts';
import { createEvaluateGroup } from '../../src/evaluation/evaluate-group.ts';
import { createHttpClient, type HttpClient } from '../../src/http/http-client.ts';
import { fingerprint } from '../../src/lib/labels.ts';
import { after, before, type EpochMs, epochMs, HOUR, MINUTE, ms } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../src/rules/rule.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { ALERT_GENERATOR_CASES, type Case, type Episode, SCRAPE } from '../support/alert-generator-cases.ts';
import { type Decided, takeDecided } from '../support/decided.ts';
import { notificationsOf } from '../support/notifications.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { openTempStore } from '../support/temp-store.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';

/*
 * The compliance suite for alert generators in virtual time, over HTTP: what the alerts must be at every evaluation of
 * up to forty minutes. The original allows an interval's tolerance; here the evaluations' phase is known, so every state
 * is exact. In place of what is sent to an Alertmanager again and again stands what people are notified, once.
 */

const INTERVAL = 30_000;

/** How far into an interval the evaluations are, in ms: on the samples, after and before them. */
const PHASES = [0, 1, 7_000, 29_999] as const;

const at = (offset: number): EpochMs => after(START, ms(offset));

/** The evaluation that first sees what happens at an instant: ticks are at `phase`, `phase + 30`, ... */
const firstTick = (phase: number, instant: number): number =>
  phase + Math.max(0, Math.ceil((instant - phase) / INTERVAL)) * INTERVAL;

type Truncated = Pick<Alert, 'labels' | 'annotations' | 'state' | 'activeAt' | 'value'>;

function expectedAt(alertIds: readonly Episode[], phase: number, tick: number): readonly Truncated[] {
  return alertIds.flatMap(({ labels, active, for: wait, end, values, annotations }) => {
    const since = firstTick(phase, active);
    if (tick < since || tick >= firstTick(phase, end)) return [];
    const value = values.findLast(([from]) => firstTick(phase, from) <= tick)?.[1] ?? Number.NaN;
    const state = tick - since >= wait ? 'firing' : 'pending';
    return [{ labels, annotations: annotations(value), state, activeAt: at(since), value } as const];
  });
}

const byLabels = (a: Truncated, b: Truncated): number =>
  fingerprint(a.labels) < fingerprint(b.labels) ? -1 : 1;

const shownOf = ({ rules }: RuleGroupState): readonly Truncated[] =>
  Object.values(rules)
    .flatMap(({ alerts }) => alerts)
    .filter(({ state }) => state !== 'resolved')
    .map(({ labels, annotations, state, activeAt, value }) => ({
      labels,
      annotations,
      state,
      activeAt,
      value,
    }))
    .sort(byLabels);

/** Everything that people are to be notified, in the order it was decided. */
async function drain(store: Store): Promise<readonly Decided[]> {
  return takeDecided(store);
}

function groupOf(name: string, { rules }: Case): RuleGroup {
  const parsed = parseRuleText(
    'rules.yaml',
    JSON.stringify({ groups: [{ name, interval: `${INTERVAL}ms`, rules }] }),
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.groups[0] as RuleGroup;
}

describe('as the compliance suite for alert generators wants it', () => {
  const samples = createSampleStore();
  let server: PrometheusServer;
  let http: HttpClient;

  beforeAll(async () => {
    for (const { series: all } of Object.values(ALERT_GENERATOR_CASES).map((make) => make()))
      for (const { labels, runs } of all) {
        const values = runs.flatMap(([value, count]) => Array.from({ length: count }, () => value));
        for (const [i, value] of values.entries()) samples.append({ labels, t: at(i * SCRAPE), value });
      }
    server = createPrometheusServer({ samples, clock: { now: () => after(START, HOUR) } });
    http = createHttpClient({ system: 'prometheus', baseUrl: (await server.listen()).url });
  });

  afterAll(async () => {
    http.close();
    await server.close();
  });

  const table = Object.entries(ALERT_GENERATOR_CASES).flatMap(([name, make]) =>
    PHASES.map((phase) => [name, phase, make()] as const),
  );

  it.each(table)('%s, evaluated %i ms after the samples', async (name, phase, given) => {
    const { store, dispose } = await openTempStore();
    const clock = createVirtualClock(epochMs(before(START, MINUTE)));
    const metrics = createPrometheusMetrics({ http, deadline: MINUTE, logger: createSpyLogger() });
    const evaluate = createEvaluateGroup({
      metrics,
      store,
      clock,
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandTemplate,
      notifications: notificationsOf({ isPrometheus: true }),
    });
    const group = groupOf(name, given);
    let seen = 0;
    for (let tick = phase; tick < given.until; tick += INTERVAL) {
      await clock.advanceTo(at(tick));
      const outcome = await evaluate(group, at(tick));
      if (outcome.kind !== 'applied') throw new Error(`${tick} ms: ${outcome.kind}`);
      const expected = [...expectedAt(given.alertIds, phase, tick)].sort(byLabels);
      expect(shownOf(outcome.state), `${tick} ms`).toEqual(expected);
      seen += expected.length;
    }
    expect(seen).toBeGreaterThan(0);

    const notified = (await drain(store))
      .filter(({ kind }) => kind === 'firing' || kind === 'resolved')
      .map(({ kind, alert: { labels, firedAt, resolvedAt } }) => ({ kind, labels, firedAt, resolvedAt }));
    const due = given.alertIds.flatMap(({ labels, active, for: wait, end }) => {
      const firedAt = firstTick(phase, firstTick(phase, active) + wait);
      const over = firstTick(phase, end);
      if (firedAt >= over) return [];
      return [
        { kind: 'firing', labels, firedAt: at(firedAt), resolvedAt: undefined },
        { kind: 'resolved', labels, firedAt: at(firedAt), resolvedAt: at(over) },
      ];
    });
    const inTime = (entries: typeof notified | typeof due) =>
      entries.map((entry) => JSON.stringify([entry.resolvedAt ?? entry.firedAt, entry])).sort();
    expect(inTime(notified)).toEqual(inTime(due));
    await dispose();
  });
});

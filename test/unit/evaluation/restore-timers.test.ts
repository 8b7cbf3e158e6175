import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { createEvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { createRestartDetection } from '../../../src/evaluation/replicas.ts';
import { planRestore } from '../../../src/evaluation/restore-plan.ts';
import { afterRestart, hasShortTimers } from '../../../src/evaluation/restore-timers.ts';
import type { MetricsSource, Series } from '../../../src/lib/metrics-source.ts';
import { after, before, type EpochMs, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue } from '../../support/timeline.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const INTERVAL = ms(10 * SECOND);
const { firedAt: _fired, ...unfired } = anAlert();
const pending: Alert = { ...unfired, state: 'pending' };

const stateOf = (minutes: number, alert: Alert): RuleGroupState => ({
  evalTime: after(START, MINUTE),
  rules: {
    a: { rule: aRule({ for: ms(minutes * MINUTE) }), alerts: [alert], health: { kind: 'ok' } },
  },
});

describe("after a restart in Prometheus's mode", () => {
  const restarted = (minutes: number, alert: Alert, outage: number) => {
    const evalTime = after(START, ms(MINUTE + outage * MINUTE));
    return afterRestart(stateOf(minutes, alert), { evalTime, interval: INTERVAL }).rules['a']?.alerts;
  };
  const minutesAfterStart = (alerts: readonly Alert[] | undefined) =>
    alerts?.map(({ state, activeAt }) => [state, (activeAt - START) / MINUTE]);
  const tick = INTERVAL / MINUTE;

  const cases: Readonly<Record<string, readonly [number, Alert, number, readonly (readonly unknown[])[]]>> = {
    'a short pending timer is lost': [1, pending, 2, []],
    'a pending timer just under ten minutes is lost': [9.99, pending, 2, []],
    'a firing alert with a short `for` is pending anew': [2, anAlert(), 2, [['pending', 3]]],
    'an alert without `for` continues': [0, anAlert(), 2, [['firing', 0]]],
    'an outage is added to a long timer': [60, pending, 2, [['pending', 2 + tick]]],
    'a long timer has a grace of ten minutes': [11, pending, 20, [['pending', 20 + tick]]],
    'a long timer that has passed fires on': [
      10,
      { ...anAlert(), activeAt: before(START, HOUR) },
      2,
      [['firing', -60]],
    ],
    'after an outage of more than an hour a long timer is lost': [60, pending, 61, []],
    'after more than an hour a firing alert is pending anew': [60, anAlert(), 61, [['pending', 62]]],
  };
  it.each(Object.entries(cases))('%s', (_, [minutes, alert, outage, expected]) => {
    expect(minutesAfterStart(restarted(minutes, alert, outage))).toEqual(expected);
  });

  it('a resolved alert is kept, and is no timer that a restart could lose', () => {
    const resolved = anAlert({ state: 'resolved' });
    expect(restarted(1, resolved, 2)).toEqual([resolved]);
    expect(hasShortTimers(stateOf(1, resolved))).toBe(false);
  });

  it.each([
    [0, false],
    [1, true],
    [9.99, true],
    [10, false],
  ])('a `for` of %s min can be lost: %s', (minutes, isShort) => {
    expect([pending, anAlert()].map((alert) => hasShortTimers(stateOf(minutes, alert)))).toEqual([
      isShort,
      isShort,
    ]);
  });
});

describe('a gap in the evaluation of a pending alert', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  const clock = createVirtualClock();
  beforeEach(async () => {
    temp = await openTempStore(clock);
  });
  afterEach(() => temp.dispose());

  const LABELS = { service: 'checkout' };
  const group = (rule: Partial<SloRule> = {}) =>
    aGroup({
      interval: INTERVAL,
      rules: [aRule({ name: 'High', expr: 'g > 10', for: ms(2 * MINUTE), ...rule })],
    });
  const at = (seconds: number): EpochMs => after(START, ms(seconds * SECOND));

  /** The values of the range query from 20 s on: high (true) or not returned. */
  const seriesOf = (isHigh: (seconds: number) => boolean): Series => ({
    labels: LABELS,
    points: Array.from({ length: 1_000 }, (_, index) => index * 10)
      .filter(isHigh)
      .map((seconds) => ({ at: at(seconds), value: 20 })),
  });

  /** High at 0 and 10 s, then no evaluation until `resumes`, then high. Returns the seconds at which it fires. */
  async function firesAt(options: {
    readonly resumes: number;
    readonly range: readonly Series[] | Error;
    readonly rule?: Partial<SloRule>;
    readonly isPrometheus?: boolean;
    readonly isRestarted?: boolean;
  }): Promise<number> {
    const { resumes, range, rule, isPrometheus = false, isRestarted = true } = options;
    const metrics = createFakeMetricsSource();
    metrics.answer('g > 10', [{ labels: LABELS, value: 20 }]);
    if (!(range instanceof Error)) metrics.answerRange('g > 10', range);
    const start = () =>
      createEvaluateGroup({
        store: temp.store,
        clock,
        metrics: range instanceof Error ? { ...metrics, range: () => Promise.reject(range) } : metrics,
        recorder: createSpyRecorder(),
        logger: createSpyLogger(),
        expand: expandValue,
        restarts: createRestartDetection({ clock, isShared: false }),
        notifications: {
          policy: () => ({ ...NO_POLICY, isPrometheus }),
          localTime: createLocalTime(),
          callGraphAt: async () => undefined,
        },
      });
    const before = start();
    for (const seconds of [0, 10]) await before(group(rule), at(seconds));
    const evaluate = isRestarted ? start() : before;
    for (let seconds = resumes; seconds <= resumes + 7_200; seconds += 10) {
      const outcome = await evaluate(group(rule), at(seconds));
      if (outcome.kind !== 'applied') throw new Error(outcome.kind);
      const alert = outcome.state.rules['High']?.alerts[0];
      if (alert?.state === 'firing') return seconds;
    }
    return Number.NaN;
  }

  it('in which the service was healthy begins the timer anew', async () => {
    const range = [seriesOf((seconds) => seconds >= 120)];
    expect(await firesAt({ resumes: 130, range })).toBe(120 + 120);
  });

  it('in which it breached throughout is filled from Prometheus', async () => {
    expect(await firesAt({ resumes: 130, range: [seriesOf(() => true)] })).toBe(130);
  });

  it('begins the timer anew without an answer', async () => {
    expect(await firesAt({ resumes: 130, range: aSourceError() })).toBe(130 + 120);
  });

  it('begins the timer anew after more than `for` and an hour', async () => {
    const range = [seriesOf(() => true)];
    expect(await firesAt({ resumes: 6 * 3_600, range, rule: { for: ms(5 * MINUTE) } })).toBe(6 * 3_600 + 300);
  });

  it('is none up to two intervals: a missed tick', async () => {
    expect(await firesAt({ resumes: 30, range: [] })).toBe(120);
  });

  it('is counted without a restart too, after an outage of the store', async () => {
    expect(await firesAt({ resumes: 130, range: [], isRestarted: false })).toBe(130 + 120);
  });

  it("is counted as in Prometheus in Prometheus's mode", async () => {
    const range = [seriesOf(() => true)];
    expect(await firesAt({ resumes: 130, range, isPrometheus: true })).toBe(130 + 120);
    await temp.dispose();
    temp = await openTempStore(clock);
    const rule = { for: ms(11 * MINUTE) };
    // One interval pending before, then a grace of ten minutes from the second evaluation on.
    expect(await firesAt({ resumes: 130, range, isPrometheus: true, rule })).toBe(140 + 650);
  });
});

describe('a store that loses its data', () => {
  const clock = createVirtualClock();
  const LABELS = { service: 'checkout' };
  const at = (seconds: number): EpochMs => after(START, ms(seconds * SECOND));
  const group = aGroup({
    interval: INTERVAL,
    rules: [aRule({ name: 'High', expr: 'g > 10', for: ms(2 * MINUTE) })],
  });

  /** Breaches from `since` s on; the store holds what `states` returns, whatever was written before. */
  function bed({
    since,
    stateAt,
  }: {
    since: number;
    stateAt: (evalTime: EpochMs) => RuleGroupState | undefined;
  }) {
    const metrics = createFakeMetricsSource();
    metrics.answer('g > 10', (time) => (time < at(since) ? [] : [{ labels: LABELS, value: 20 }]));
    const points = Array.from({ length: 100 }, (_, index) => ({ at: at(since + index * 10), value: 20 }));
    const range = vi.fn<MetricsSource['range']>(async ({ window: { start, end } }) => [
      { labels: LABELS, points: points.filter(({ at: time }) => time >= start && time <= end) },
    ]);
    let evalTime = START;
    const posted: string[] = [];
    const evaluate = createEvaluateGroup({
      store: {
        claimTick: async () => true,
        loadGroup: async () => stateAt(evalTime),
        groups: async () => [],
        actions: async () => new Map(),
        applyEvaluation: async ({ messages }) => {
          posted.push(...messages.map(({ key }) => key));
          return 'applied';
        },
      },
      clock,
      metrics: { ...metrics, range },
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandValue,
    });
    const run = async (seconds: number) => {
      evalTime = at(seconds);
      const outcome = await evaluate(group, evalTime);
      if (outcome.kind !== 'applied') throw new Error(outcome.kind);
      return outcome.state;
    };
    return { run, range, posted };
  }

  const lostAt = (evalTime: EpochMs): RuleGroupState | undefined =>
    planRestore([], [group], { at: before(evalTime, SECOND), wasLost: true }).groups[0]?.state;
  const alertOf = (state: RuleGroupState) => state.rules['High']?.alerts[0];

  it('before every evaluation posts a breach as soon as `for` has passed, once for each alert', async () => {
    const { run, posted, range } = bed({ since: 20, stateAt: lostAt });
    expect(alertOf(await run(10))).toBeUndefined();
    expect(range).not.toHaveBeenCalled();
    for (const seconds of [20, 30, 80, 130])
      expect(alertOf(await run(seconds))).toMatchObject({ state: 'pending', activeAt: at(20) });
    expect(posted).toEqual([]);
    for (const seconds of [140, 150]) expect(alertOf(await run(seconds))?.state).toBe('firing');
    // The message is known by the alert's id, which does not depend on the store.
    expect(new Set(posted).size).toBe(1);
  });

  it('reads its timers once Prometheus responds, and not again', async () => {
    let known: RuleGroupState | undefined = lostAt(at(140));
    const { run, range } = bed({ since: 0, stateAt: () => known });
    range.mockRejectedValueOnce(aSourceError());
    known = await run(140);
    expect([alertOf(known)?.activeAt, known.restoredAt]).toEqual([at(140), at(139)]);
    known = await run(150);
    expect([alertOf(known)?.state, known.restoredAt]).toEqual(['firing', undefined]);
    await run(160);
    expect(range).toHaveBeenCalledTimes(2);
  });

  it('a new store begins its timers anew', async () => {
    expect(planRestore([], [group], { at: START, wasLost: false }).groups).toEqual([]);
    const { run, range } = bed({ since: 0, stateAt: () => undefined });
    expect(alertOf(await run(140))).toMatchObject({ state: 'pending', activeAt: at(140) });
    expect(range).not.toHaveBeenCalled();
  });
});

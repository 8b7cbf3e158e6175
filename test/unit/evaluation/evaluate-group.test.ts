import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluateGroup, type EvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { after, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { type Decided, takeDecided } from '../../support/decided.ts';
import {
  aSourceError,
  createFakeMetricsSource,
  type FakeMetricsSource,
} from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder, type SpyLogger, type SpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const checkout = (value: number): Sample => ({ labels: { service: 'checkout' }, value });

describe('evaluating a group', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  let store: Store;
  let clock: VirtualClock;
  let metrics: FakeMetricsSource;
  let recorder: SpyRecorder;
  let logger: SpyLogger;
  let evaluate: EvaluateGroup;

  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
    store = temp.store;
    metrics = createFakeMetricsSource();
    recorder = createSpyRecorder();
    logger = createSpyLogger();
    evaluate = createEvaluateGroup({ store, metrics, clock, recorder, logger, expand: expandValue });
  });

  afterEach(async () => {
    await temp.dispose();
  });

  /** Runs the group's next tick with this result of its expression. */
  const tick = async (number: number, group: RuleGroup = aGroup()) => {
    await clock.advanceTo(evalTimeAt(number));
    return await evaluate(group, evalTimeAt(number));
  };

  const drain = async (): Promise<readonly Decided[]> => {
    return takeDecided(store);
  };

  it('posts a breach once, updates its message, and resolves it on recovery', async () => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.answer('slow_share > 0.01', [checkout(0.6)]);
    await tick(1);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', [checkout(0.001)]);
    await tick(2);
    const entries = await drain();
    expect(entries.map(({ kind, alert }) => [kind, alert.value])).toEqual([
      ['firing', 0.5],
      ['resolved', 0.001],
    ]);
    expect(new Set(entries.map(({ alertId }) => alertId)).size).toBe(1);
    expect((await store.loadGroup(aGroup().id))?.evalTime).toBe(evalTimeAt(2));
  });

  it('finds out whether a breaching service has namesakes in other namespaces', async () => {
    const objective = {
      family: { metric: 'm_seconds', unit: 's', selector: '', serviceLabel: 'service' },
      by: ['service', 'namespace'],
      quantile: ratio(0.99),
      threshold: ms(500),
      window: ms(MINUTE),
    } as const;
    const of = (service: string, namespace: string) => ({ labels: { service, namespace }, value: 1 });
    metrics.answer('slow_share > 0.01', [of('checkout', 'prod'), of('cart', 'prod')]);
    metrics.answer('group by (service, namespace) (m_seconds_count{service=~"checkout|cart"})', [
      of('checkout', 'prod'),
      of('checkout', 'staging'),
      of('cart', 'prod'),
    ]);
    await tick(0, aGroup({ rules: [aRule({ objective })] }));
    const apart = (await drain()).map(({ alert }) => [alert.labels['service'], alert.apart]);
    expect(Object.fromEntries(apart)).toEqual({ cart: undefined, checkout: ['namespace'] });
  });

  it('queries at the evaluation time minus the query offset', async () => {
    await tick(3, aGroup({ queryOffset: ms(10_000) }));
    expect(metrics.queries).toEqual([{ expr: 'slow_share > 0.01', at: after(evalTimeAt(3), ms(-10_000)) }]);
  });

  it('sends the recovery query only when a firing alert is missing from the result', async () => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    await tick(1);
    expect(metrics.queries.map(({ expr }) => expr)).not.toContain('slow_share');
    metrics.answer('slow_share > 0.01', []);
    await tick(2);
    expect(metrics.queries.filter(({ expr }) => expr === 'slow_share')).toEqual([
      { expr: 'slow_share', at: evalTimeAt(2) },
    ]);
  });

  it('evaluates the rules of a group in order', async () => {
    const rules = ['a', 'b', 'c'].map((name) => aRule({ name, expr: name }));
    await tick(0, aGroup({ rules }));
    expect(metrics.queries.map(({ expr }) => expr)).toEqual(['a', 'b', 'c']);
  });

  it('leaves a tick to the replica that claimed it', async () => {
    await store.claimTick({ group: aGroup().id, evalTime: evalTimeAt(0), ttl: MINUTE });
    expect(await tick(0)).toEqual({ kind: 'claimed-elsewhere' });
    expect(metrics.queries).toEqual([]);
  });

  it('does not evaluate an evaluation time that is not after the stored one', async () => {
    await tick(5);
    expect(await evaluate(aGroup(), evalTimeAt(4))).toEqual({ kind: 'stale' });
    expect(recorder.events('evaluated').map(({ outcome }) => outcome)).toEqual(['ok', 'stale']);
  });

  it('takes over a state from the future with a warning, and its timers do not wait for that time', async () => {
    const slow = aGroup({ rules: [aRule({ for: MINUTE })] });
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await evaluate(slow, evalTimeAt(120));
    expect((await drain()).map(({ kind }) => kind)).toEqual([]);
    const kinds = [await tick(0, slow), await tick(1, slow), await tick(2, slow)].map(({ kind }) => kind);
    expect(kinds).toEqual(['applied', 'applied', 'applied']);
    expect((await drain()).map(({ kind }) => kind)).toEqual(['firing']);
    expect(
      logger.lines.map(({ level, fields }) => [level, fields['stored'], fields['aheadSeconds']]),
    ).toEqual([['warn', '2026-11-20 15:00:00', 3_600]]);
  });

  it('does not take over a state that is merely later than a slow tick', async () => {
    await tick(3);
    expect(await evaluate(aGroup(), evalTimeAt(2))).toEqual({ kind: 'stale' });
    expect(logger.lines).toEqual([]);
  });

  it('discards the result of a slower replica after a later tick', async () => {
    metrics.answer('slow_share > 0.01', async () => {
      const rule = aRule();
      const state = { rule, alerts: [], health: { kind: 'ok' }, evaluatedAt: evalTimeAt(1) } as const;
      await store.applyEvaluation({
        group: aGroup().id,
        state: { evalTime: evalTimeAt(1), rules: { [rule.key]: state } },
        messages: [],
      });
      return [checkout(0.5)];
    });
    expect(await tick(0)).toEqual({ kind: 'stale' });
    expect(await drain()).toEqual([]);
  });

  it('freezes the state while the source fails, and logs its failure and its recovery once', async () => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.fail(aSourceError());
    for (const number of [1, 2, 3]) await tick(number);
    metrics.fail(undefined);
    await tick(4);
    expect((await drain()).map(({ kind }) => kind)).toEqual(['firing']);
    expect(logger.messages('error')).toEqual(['Prometheus does not respond; alert states are frozen']);
    expect(logger.lines.at(-1)).toEqual({
      level: 'info',
      message: 'Prometheus responds again',
      fields: { afterSeconds: 90 },
    });
    expect(recorder.events('evaluated').map(({ outcome }) => outcome)).toEqual([
      'ok',
      'source-error',
      'source-error',
      'source-error',
      'ok',
    ]);
  });

  it('treats a result with too many series as an error of the rule, with what to do', async () => {
    metrics.answer(
      aRule().expr,
      aSourceError('too-large', 'The expression returns more than 10,000 series.'),
    );
    await tick(0);
    expect((await store.loadGroup(aGroup().id))?.rules[aRule().key]?.health).toEqual({
      kind: 'rule-error',
      message:
        'The expression returns more than 10,000 series. Look whether Prometheus runs and whether PROMETHEUS_URL is right.',
    });
  });

  it('treats a rejected expression as an error of the rule, logs it once, and evaluates the others', async () => {
    const rules = [aRule({ name: 'wrong', expr: 'rate(' }), aRule({ name: 'right', expr: 'right' })];
    metrics.answer('rate(', aSourceError('bad-request', 'parse error: unclosed left parenthesis'));
    metrics.answer('right', [checkout(1)]);
    await tick(0, aGroup({ rules }));
    await tick(1, aGroup({ rules }));
    const state = await store.loadGroup(aGroup().id);
    expect(state?.rules['wrong']?.health).toEqual({
      kind: 'rule-error',
      message: `parse error: unclosed left parenthesis. ${aSourceError().advice}`,
    });
    expect(state?.rules['right']?.alerts).toHaveLength(1);
    expect(logger.lines.filter(({ level }) => level !== 'info')).toEqual([
      {
        level: 'warn',
        message: 'rule could not be evaluated',
        fields: { rule: 'wrong', reason: `parse error: unclosed left parenthesis. ${aSourceError().advice}` },
      },
    ]);
  });

  it('cancels a query before the interval ends, and leaves time for the other rules', async () => {
    const hang = (): Promise<readonly Sample[]> => new Promise(() => undefined);
    const rules = [aRule({ name: 'slow', expr: 'slow' }), aRule({ name: 'quick', expr: 'quick' })];
    metrics.answer('slow', hang);
    metrics.answer('quick', [checkout(1)]);
    const done = evaluate(aGroup({ rules }), evalTimeAt(0));
    await clock.whenAsleep();
    await clock.advance(13_500);
    expect(await done).toMatchObject({
      state: {
        rules: {
          slow: { health: { kind: 'source-error', message: 'Prometheus did not respond within 13.5 s.' } },
          quick: { health: { kind: 'ok' }, alerts: [{ state: 'firing' }] },
        },
      },
    });
    expect(clock.sleepers()).toBe(0);
  });

  it('keeps the state when only the recovery query gets no response', async () => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', aSourceError('timeout'));
    for (const number of [1, 2, 3, 4]) await tick(number);
    expect((await drain()).map(({ kind }) => kind)).toEqual(['firing']);
  });

  it('ends the alert as in Prometheus when the recovery query is rejected', async () => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', aSourceError('bad-request'));
    for (const number of [1, 2, 3]) await tick(number);
    expect((await drain()).map(({ kind }) => kind)).toEqual(['firing', 'resolved']);
  });

  it('resolves the alerts of a removed rule, with the rule as it was', async () => {
    const old = aRule({ name: 'Old', expr: 'old', channel: '#shop' });
    metrics.answer('old', [checkout(0.5)]);
    await tick(0, aGroup({ rules: [old, aRule()] }));
    await tick(1);
    const entries = await drain();
    expect(entries.map(({ kind, alert, rule }) => [kind, alert.resolveReason, rule])).toEqual([
      ['firing', undefined, old],
      ['resolved', 'rule-removed', old],
    ]);
    expect(Object.keys((await store.loadGroup(aGroup().id))?.rules ?? {})).toEqual([aRule().key]);
  });

  it('does nothing without the store, logs that once, and continues when it is back', async () => {
    const refuse = async (): Promise<never> => {
      throw new UpstreamError({ system: 'store', code: 'unavailable', message: 'gone', advice: 'Wait.' });
    };
    const broken: Store = { ...store, claimTick: refuse };
    let current = broken;
    const switching: Store = { ...store, claimTick: (claim) => current.claimTick(claim) };
    evaluate = createEvaluateGroup({
      store: switching,
      metrics,
      clock,
      recorder,
      logger,
      expand: expandValue,
    });
    expect(await tick(0)).toEqual({ kind: 'store-error' });
    expect(await tick(1)).toEqual({ kind: 'store-error' });
    expect(metrics.queries).toEqual([]);
    current = store;
    expect(await tick(2)).toMatchObject({ kind: 'applied' });
    expect(
      logger.lines.map(({ level, fields }) => [level, fields['reason'] ?? fields['afterSeconds']]),
    ).toEqual([
      ['error', 'gone'],
      ['info', 60],
    ]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NoDataReason } from '../../../src/alerts/alert.ts';
import { createEvaluateGroup, type EvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import type { NoDataAlerts } from '../../../src/evaluation/no-data.ts';
import { fingerprint } from '../../../src/lib/labels.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { NO_DATA_TIMEOUT } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { type Decided, takeDecided } from '../../support/decided.ts';
import {
  aSourceError,
  createFakeMetricsSource,
  type FakeMetricsSource,
} from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const checkout = (value: number): Sample => ({ labels: { service: 'checkout' }, value });

describe('when a firing alert has no data', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  let clock: VirtualClock;
  let metrics: FakeMetricsSource;
  let evaluate: EvaluateGroup;
  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
    metrics = createFakeMetricsSource();
  });
  afterEach(() => temp.dispose());

  const tick = async (number: number): Promise<void> => {
    await clock.advanceTo(evalTimeAt(number));
    await evaluate(aGroup(), evalTimeAt(number));
  };
  const drain = async (): Promise<readonly Decided[]> => {
    return takeDecided(temp.store);
  };

  const looked: NoDataAlerts[] = [];
  const looking = (found: NoDataReason) => {
    looked.length = 0;
    evaluate = createEvaluateGroup({
      store: temp.store,
      metrics,
      clock,
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandValue,
      findNoDataReason: async (missing) => {
        looked.push(missing);
        return new Map(missing.alerts.map(({ fingerprint }) => [fingerprint, found]));
      },
    });
  };
  const goWithoutData = async (recovery: readonly Sample[] | Error): Promise<void> => {
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', recovery);
    for (const number of [1, 2, 3, 4]) await tick(number);
  };

  it('determines the reason once, at the second evaluation without data, and stores it with the alert', async () => {
    looking({ kind: 'traffic' });
    await goWithoutData([]);
    expect(looked.map(({ at, alerts }) => [at, alerts.length])).toEqual([[evalTimeAt(2), 1]]);
    const notified = (await drain()).filter(({ kind }) => kind === 'no-data');
    expect(notified.map(({ alert }) => [alert.noDataSince, alert.noDataReason])).toEqual([
      [evalTimeAt(0), { kind: 'traffic' }],
    ]);
  });

  it('gives the source as the reason when the response is partial, and sends no more queries', async () => {
    looking({ kind: 'traffic' });
    await goWithoutData(aSourceError('partial', 'a part of the data only'));
    expect(looked).toEqual([]);
    const notified = (await drain()).filter(({ kind }) => kind === 'no-data');
    expect(notified.map(({ alert }) => alert.noDataReason)).toEqual([{ kind: 'source' }]);
  });

  it.each([NO_DATA_TIMEOUT, 'resolve'] as const)(
    'does not take late samples for a recovery (no data: %s), and says that they are late',
    async (noData) => {
      const late = new Set([fingerprint({ service: 'checkout' })]);
      evaluate = createEvaluateGroup({
        store: temp.store,
        metrics,
        clock,
        recorder: createSpyRecorder(),
        logger: createSpyLogger(),
        expand: expandValue,
        findNoDataReason: async () => new Map(),
        findLateSamples: async () => late,
      });
      const rules = [aRule({ noData })];
      metrics.answer('slow_share > 0.01', [checkout(0.5)]);
      metrics.answer('slow_share', [checkout(0)]);
      for (const number of [0, 1, 2, 3, 4]) {
        await evaluate(aGroup({ rules }), evalTimeAt(number));
        metrics.answer('slow_share > 0.01', []);
      }
      const kinds = (entries: readonly Decided[]) =>
        entries.map(({ kind, alert }) => [kind, alert.noDataReason]);
      expect(kinds(await drain())).toContainEqual(['no-data', { kind: 'late' }]);
      late.clear();
      await evaluate(aGroup({ rules }), evalTimeAt(5));
      expect(kinds(await drain()).map(([kind]) => kind)).toContain('resolved');
    },
  );

  it('removes the reason when the data is back, and stores the time window without data', async () => {
    looking({ kind: 'series', metric: 'm' });
    await goWithoutData([]);
    metrics.answer('slow_share > 0.01', [checkout(0.4)]);
    await tick(5);
    const back = (await drain()).find(({ kind }) => kind === 'data-back');
    expect(back?.alert.noDataReason).toBeUndefined();
    expect(back?.alert.gap).toEqual({ start: evalTimeAt(0), end: evalTimeAt(5) });
  });

  it('ends the alert when its recovery query is rejected, and keeps the reason until one is not', async () => {
    looking({ kind: 'traffic' });
    await goWithoutData(aSourceError('bad-request', 'many-to-many matching not allowed'));
    const state = (await temp.store.loadGroup(aGroup().id))?.rules[aRule().key];
    expect(state?.alerts.map(({ resolveReason }) => resolveReason)).toEqual(['no-longer-returned']);
    expect(state?.health).toEqual({
      kind: 'ok',
      recoveryRejected: expect.stringMatching(/^many-to-many matching not allowed\. /),
    });
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(5);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', []);
    await tick(6);
    expect((await temp.store.loadGroup(aGroup().id))?.rules[aRule().key]?.health).toEqual({ kind: 'ok' });
  });

  it.each(['bad-request', 'too-large'] as const)(
    'is frozen by an error of the rule that says what to do: %s',
    async (code) => {
      looking({ kind: 'traffic' });
      metrics.answer('slow_share > 0.01', [checkout(0.5)]);
      await tick(0);
      metrics.answer('slow_share > 0.01', aSourceError(code, 'Too much.'));
      await tick(1);
      const state = (await temp.store.loadGroup(aGroup().id))?.rules[aRule().key];
      const { advice } = aSourceError(code, '');
      expect(state?.health).toEqual({ kind: 'rule-error', message: `Too much. ${advice}` });
      expect(state?.alerts.map((alert) => alert.state)).toEqual(['firing']);
    },
  );

  it('treats a failed recovery query as a source error since its first failure', async () => {
    looking({ kind: 'traffic' });
    metrics.answer('slow_share > 0.01', [checkout(0.5)]);
    await tick(0);
    metrics.answer('slow_share > 0.01', []);
    metrics.answer('slow_share', aSourceError('timeout', 'too slow'));
    await tick(1);
    await tick(2);
    expect((await temp.store.loadGroup(aGroup().id))?.rules[aRule().key]?.health).toEqual({
      kind: 'source-error',
      message: 'too slow',
      since: evalTimeAt(1),
    });
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuleSetVersion } from '../../../src/alerts/alert.ts';
import { createEvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { createOwnVersion, isOutdated, nextVersion } from '../../../src/evaluation/replicas.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../src/policy/suppress.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue, TICK } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const ruleSetVersion = (hash: string, tick: number): RuleSetVersion => ({ hash, since: evalTimeAt(tick) });

describe('a different version of the rules', () => {
  const stored = { evalTime: evalTimeAt(9), ruleSetVersion: ruleSetVersion('b', 5) };
  const cases: Record<
    string,
    [RuleSetVersion, typeof stored | { evalTime: (typeof stored)['evalTime'] }, number, boolean]
  > = {
    'that was loaded later makes this one outdated': [ruleSetVersion('a', 4), stored, 10, true],
    'that was loaded earlier does not': [ruleSetVersion('a', 6), stored, 10, false],
    'that was loaded at the same instant does not': [ruleSetVersion('a', 5), stored, 10, false],
    'with the same hash does not': [ruleSetVersion('b', 1), stored, 10, false],
    'of a stopped replica does not': [ruleSetVersion('a', 4), stored, 13, false],
    'that is unknown does not': [ruleSetVersion('a', 4), { evalTime: evalTimeAt(9) }, 10, false],
  };
  it.each(Object.entries(cases))('%s', (_name, [own, theirs, tick, expected]) => {
    expect(isOutdated(own, theirs, { evalTime: evalTimeAt(tick), interval: TICK })).toBe(expected);
  });
  it('is in use since the last replica loaded it', () => {
    expect(nextVersion(ruleSetVersion('a', 2), ruleSetVersion('a', 7))).toEqual(ruleSetVersion('a', 7));
    expect(nextVersion(ruleSetVersion('a', 2), ruleSetVersion('b', 7))).toEqual(ruleSetVersion('a', 2));
  });
  it('is in use since it was loaded, and a reload of the same rules does not change that', async () => {
    const clock = createVirtualClock();
    const versionOf = createOwnVersion(clock);
    const first = versionOf(aGroup());
    await clock.advance(MINUTE);
    expect(versionOf(aGroup())).toEqual(first);
    expect(versionOf(aGroup({ limit: 1 })).since - first.since).toBe(MINUTE);
  });
  it('is in use since the policy was loaded, for every group', async () => {
    const clock = createVirtualClock();
    const versionOf = createOwnVersion(clock);
    const groups = [aGroup(), aGroup({ name: 'cart' })];
    const first = groups.map((group) => versionOf(group, NO_POLICY));
    await clock.advance(MINUTE);
    expect(groups.map((group) => versionOf(group, { ...NO_POLICY }))).toEqual(first);
    const renewed = groups.map((group) => versionOf(group, { ...NO_POLICY, flapThreshold: 2 }));
    expect(renewed.map(({ since }) => since)).toEqual([clock.now(), clock.now()]);
  });
});

describe('during the rollout of a changed file', () => {
  let clock: VirtualClock;
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
  });
  afterEach(() => temp.dispose());

  const strict = aGroup({ rules: [aRule({ expr: 'strict' })] });
  const lax = aGroup({ rules: [aRule({ expr: 'lax' })] });

  function aReplica(policy?: NotificationPolicy) {
    const metrics = createFakeMetricsSource();
    const breach = [{ labels: { service: 'checkout' }, value: 0.02 }];
    metrics.answer('strict', breach);
    metrics.answer('slow_share', [{ labels: { service: 'checkout' }, value: 0.005 }]);
    const logger = createSpyLogger();
    const evaluate = createEvaluateGroup({
      store: temp.store,
      metrics,
      clock,
      recorder: createSpyRecorder(),
      logger,
      expand: expandValue,
      ...(policy === undefined
        ? {}
        : {
            notifications: {
              policy: () => policy,
              localTime: createLocalTime(),
              callGraphAt: async () => undefined,
            },
          }),
    });
    return { evaluate, logger };
  }

  /** Runs ticks on the replicas in order, and returns the outcome of each. */
  async function ticks(
    from: number,
    to: number,
    ...tries: readonly (readonly [ReturnType<typeof aReplica>, RuleGroup])[]
  ): Promise<readonly string[]> {
    const outcomes: string[] = [];
    for (let tick = from; tick <= to; tick++) {
      await clock.advanceTo(evalTimeAt(tick));
      for (const [{ evaluate }, group] of tries)
        outcomes.push((await evaluate(group, evalTimeAt(tick))).kind);
    }
    return outcomes;
  }

  async function notified(): Promise<readonly string[]> {
    return takeDecided(temp.store).map(({ kind }) => kind);
  }

  it('the newest rules are used, no tick is lost, and no alert flaps', async () => {
    const [old, renewed] = [aReplica(), aReplica()];
    await ticks(0, 1, [old, strict]);
    await ticks(2, 2, [renewed, lax]);
    expect(await ticks(3, 5, [old, strict], [renewed, lax])).toEqual([
      // The first replica detects it at a tick that it claimed.
      'outdated',
      'claimed-elsewhere',
      'outdated',
      'applied',
      'outdated',
      'applied',
    ]);
    expect(await notified()).toEqual(['firing', 'resolved']);
    expect(old.logger.messages('info')).toHaveLength(1);
  });

  it('the newest policy is used, also when only the policy was changed', async () => {
    const silences = [{ matchers: [], endsAt: evalTimeAt(1_000), createdBy: 'ann', comment: 'planned' }];
    const [old, renewed] = [aReplica(NO_POLICY), aReplica({ ...NO_POLICY, silences })];
    const rules = aGroup({ rules: [aRule({ expr: 'strict', for: ms(3 * TICK) })] });
    await ticks(0, 1, [old, rules]);
    await ticks(2, 2, [renewed, rules]);
    expect(await ticks(3, 5, [old, rules], [renewed, rules])).toEqual([
      'outdated',
      'claimed-elsewhere',
      'outdated',
      'applied',
      'outdated',
      'applied',
    ]);
    // It fires, and a silence that the older replica does not have suppresses it.
    const rule = Object.values((await temp.store.loadGroup(rules.id))?.rules ?? {})[0];
    expect(rule?.alerts.map(({ state, suppressed }) => [state, suppressed?.kind])).toEqual([
      ['firing', 'silence'],
    ]);
    expect(await notified()).toEqual([]);
  });

  it('the other replicas continue as soon as they have the same rules', async () => {
    const [old, renewed] = [aReplica(), aReplica()];
    await ticks(0, 0, [old, strict]);
    await ticks(1, 1, [renewed, lax]);
    await ticks(2, 2, [old, strict]);
    expect(await ticks(3, 4, [old, lax])).toEqual(['applied', 'applied']);
  });

  it('older rules are used when no replica evaluates with the newer ones any more', async () => {
    const [old, renewed] = [aReplica(), aReplica()];
    await ticks(0, 0, [old, strict]);
    await ticks(1, 1, [renewed, lax]);
    expect(await ticks(2, 5, [old, strict])).toEqual(['outdated', 'outdated', 'outdated', 'applied']);
  });
});

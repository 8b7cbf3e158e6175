import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert, RuleQueryResult, RuleState, Transition } from '../../../src/alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../../src/alerts/record-codec.ts';
import { stepRule } from '../../../src/alerts/step-rule.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { HOUR, ms } from '../../../src/lib/units.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, aPlainRule, aRule } from '../../support/builders.ts';
import { runsOf } from '../../support/runs.ts';
import { evalTimeAt, expandValue, TICK } from '../../support/timeline.ts';

const SERVICES = ['a', 'b', 'c', 'd'] as const;

const value = fc.oneof(fc.double({ min: 0, max: 1 }), fc.constantFrom(0, Number.NaN));

/** A vector over some of the services, each at most once, in any order. */
const vector = fc
  .uniqueArray(fc.record({ service: fc.constantFrom(...SERVICES), value }), {
    selector: ({ service }) => service,
  })
  .map((elements): readonly Sample[] =>
    elements.map((element) => ({ labels: { service: element.service }, value: element.value })),
  );

const evaluation: fc.Arbitrary<RuleQueryResult> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('vector' as const), samples: vector, recoverySamples: vector }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vector' as const), samples: vector }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'source-error', message: 'down' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'rule-error', message: 'wrong' } as const) },
);

const duration = fc.integer({ min: 0, max: 4 }).map((ticks) => ms(ticks * TICK));

const rule: fc.Arbitrary<SloRule> = fc
  .record({
    for: duration,
    keepFiringFor: duration,
    noData: fc.constantFrom('resolve' as const, ms(3 * TICK), ms(24 * HOUR)),
  })
  .chain((over) => fc.constantFrom(aRule(over), aPlainRule(over)));

const scenario = fc.record({
  rule,
  limit: fc.constantFrom(0, 0, 2, 3),
  isPrometheus: fc.boolean(),
  evaluations: fc.array(evaluation, { minLength: 1, maxLength: 40 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

interface Run {
  readonly states: readonly RuleState[];
  readonly transitions: readonly (readonly Transition[])[];
}

function run({ rule: evaluated, limit, isPrometheus, evaluations }: Scenario): Run {
  const states: RuleState[] = [];
  const transitions: (readonly Transition[])[] = [];
  for (const [tick, one] of evaluations.entries()) {
    const result = stepRule({
      rule: evaluated,
      group: aGroup({ limit }),
      previous: states.at(-1),
      evaluation: one,
      evalTime: evalTimeAt(tick),
      expand: expandValue,
      isPrometheus,
    });
    states.push(result.next);
    transitions.push(result.transitions);
  }
  return { states, transitions };
}

const check = (property: (scenario: Scenario) => void): void =>
  fc.assert(fc.property(scenario, property), { numRuns: runsOf(500) });

const active = (state: RuleState | undefined): readonly Alert[] =>
  (state?.alerts ?? []).filter((alert) => alert.state !== 'resolved');

/** Freezes a value deeply. */
function deepFreeze<T>(target: T): T {
  if (typeof target === 'object' && target !== null) {
    Object.freeze(target);
    for (const part of Object.values(target)) deepFreeze(part);
  }
  return target;
}

describe('for all results of a rule', () => {
  it('every alert that fires is active or resolves once, and none resolves that has not fired', () => {
    check((given) => {
      const { states, transitions } = run(given);
      const kindsOf = new Map<string, Transition['kind'][]>();
      for (const { kind, alert } of transitions.flat()) {
        kindsOf.set(alert.alertId, [...(kindsOf.get(alert.alertId) ?? []), kind]);
      }
      const living = new Set(active(states.at(-1)).map(({ alertId }) => alertId));
      for (const [alertId, kinds] of kindsOf) {
        const fired = kinds.filter((kind) => kind === 'firing').length;
        const ended = kinds.filter((kind) => kind === 'resolved').length;
        expect(fired).toBeLessThanOrEqual(1);
        expect(ended).toBe(fired === 1 && !living.has(alertId) ? 1 : 0);
        if (ended === 1) expect(kinds.at(-1)).toBe('resolved');
      }
    });
  });

  it('an alert that was firing is firing or has resolved', () => {
    check((given) => {
      const { states, transitions } = run(given);
      for (const [tick, state] of states.entries()) {
        const now = new Map(state.alerts.map((alert) => [alert.alertId, alert.state]));
        const notified = new Set(
          transitions[tick]?.filter(({ kind }) => kind === 'resolved').map(({ alert }) => alert.alertId),
        );
        for (const { alertId, state: before } of active(states[tick - 1])) {
          if (before === 'firing' && now.get(alertId) !== 'firing') expect(notified.has(alertId)).toBe(true);
        }
      }
    });
  });

  it('no-data and data-back alternate', () => {
    check((given) => {
      const last = new Map<string, Transition['kind']>();
      for (const { kind, alert } of run(given).transitions.flat()) {
        if (kind === 'no-data') expect(last.get(alert.alertId)).not.toBe('no-data');
        if (kind === 'data-back') expect(last.get(alert.alertId)).toBe('no-data');
        last.set(alert.alertId, kind);
      }
    });
  });

  it('the times of an alert never decrease', () => {
    check((given) => {
      for (const [tick, { alerts }] of run(given).states.entries()) {
        for (const alert of alerts) {
          const times = [alert.activeAt, alert.firedAt, alert.resolvedAt].filter((at) => at !== undefined);
          expect(times).toEqual([...times].sort((x, y) => x - y));
          expect(Math.max(...times, alert.seenAt, alert.keepFiringSince ?? 0)).toBeLessThanOrEqual(
            evalTimeAt(tick),
          );
          expect(alert.pausedFor ?? 0).toBeGreaterThanOrEqual(0);
          expect(alert.pausedFor ?? 0).toBeLessThanOrEqual(evalTimeAt(tick) - alert.activeAt);
        }
      }
    });
  });

  it('a failed evaluation changes no state and has no transitions', () => {
    check((given) => {
      const { states, transitions } = run(given);
      for (const [tick, one] of given.evaluations.entries()) {
        if (one.kind === 'vector') continue;
        expect(transitions[tick]).toEqual([]);
        const shape = (state: RuleState | undefined) =>
          (state?.alerts ?? []).map(({ pausedFor: _paused, ...alert }) => alert);
        expect(shape(states[tick])).toEqual(shape(states[tick - 1]));
      }
    });
  });

  it('never has more active alerts than the limit', () => {
    check((given) => {
      for (const state of run(given).states) {
        if (given.limit > 0) expect(active(state).length).toBeLessThanOrEqual(given.limit);
      }
    });
  });

  it('the order of the samples does not matter', () => {
    check((given) => {
      const turned = given.evaluations.map((one) =>
        one.kind === 'vector'
          ? {
              ...one,
              samples: [...one.samples].reverse(),
              ...(one.recoverySamples === undefined
                ? {}
                : { recoverySamples: [...one.recoverySamples].reverse() }),
            }
          : one,
      );
      expect(run({ ...given, evaluations: turned })).toEqual(run(given));
    });
  });

  it('the same input has the same result, and is not modified', () => {
    check((given) => {
      expect(run(deepFreeze(given))).toEqual(run(given));
    });
  });

  it('a stored and loaded state has the same result', () => {
    check((given) => {
      const input = { rule: given.rule, group: aGroup({ limit: given.limit }), expand: expandValue };
      const { states } = run(given);
      const last = given.evaluations.at(-1) ?? { kind: 'source-error', message: '' };
      const step = (previous: RuleState | undefined) =>
        stepRule({ ...input, previous, evaluation: last, evalTime: evalTimeAt(given.evaluations.length) });
      const stored = decodeRecord(encodeRecord(states.at(-1) ?? {})) as RuleState;
      expect(step(stored)).toEqual(step(states.at(-1)));
    });
  });

  it("a rule without a recovery condition differs from Prometheus's mode only in its timers during failures", () => {
    check((given) => {
      const evaluations = given.evaluations.filter(({ kind }) => kind === 'vector');
      const plain = { ...given, rule: aPlainRule(given.rule), evaluations };
      expect(run({ ...plain, isPrometheus: false })).toEqual(run({ ...plain, isPrometheus: true }));
    });
  });
});

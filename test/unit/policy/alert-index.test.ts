import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { createAlertIndex } from '../../../src/evaluation/suppress-alerts.ts';
import { before, ms } from '../../../src/lib/units.ts';
import {
  createSuppression,
  inhibitedByCause,
  NO_POLICY,
  type OtherAlert,
} from '../../../src/policy/suppress.ts';
import { anAlert } from '../../support/builders.ts';
import { runsOf } from '../../support/runs.ts';
import { START } from '../../support/virtual-clock.ts';

const about = (service: string, over: Partial<Alert> = {}): OtherAlert => ({
  service,
  rule: { valueKind: 'slow-share', for: ms(0) },
  alert: anAlert({ labels: { service, severity: 'page' }, alertId: service, ...over }),
});

const namesOf = (alerts: readonly OtherAlert[]): readonly string[] =>
  alerts.map(({ alert }) => alert.alertId).sort();

describe('the alerts that decide about those of a group', () => {
  const calls = new Map([
    ['frontend', new Set(['checkout'])],
    ['checkout', new Set(['payments'])],
    ['payments', new Set(['auth'])],
    ['search', new Set(['auth'])],
  ]);

  it('are about the services that theirs reach over services with alerts', () => {
    const index = createAlertIndex();
    index.set('a', [about('checkout'), about('search')]);
    index.set('b', [about('auth')]);
    const own = [about('frontend')];
    expect(namesOf(index.related('own', own, calls))).toEqual(['checkout']);
    index.set('b', [about('auth'), about('payments')]);
    expect(namesOf(index.related('own', own, calls))).toEqual(['auth', 'checkout', 'payments']);
    index.set('a', []);
    expect(namesOf(index.related('own', own, calls))).toEqual([]);
  });

  it('are those of other groups, and only as many as are active count', () => {
    const index = createAlertIndex();
    index.set('own', [about('checkout')]);
    index.set('b', [about('checkout', { alertId: 'b' }), about('auth', { state: 'resolved' })]);
    expect(namesOf(index.related('own', [about('checkout')], calls))).toEqual(['b']);
    expect([index.activeExcept('own'), index.activeExcept('b'), index.activeExcept('c')]).toEqual([1, 1, 2]);
  });

  it('decide the same as all alerts of all groups', () => {
    const services = ['a', 'b', 'c', 'd', 'e'];
    const anyService = fc.constantFrom(...services);
    const anyAlert = fc
      .record({
        service: anyService,
        n: fc.nat(2),
        state: fc.constantFrom('pending', 'firing', 'resolved'),
        severity: fc.constantFrom('page', 'ticket'),
        cause: fc.option(fc.tuple(anyService, fc.nat(2)), { nil: undefined }),
        kind: fc.constantFrom('call-graph', 'time'),
      })
      .map(({ service, n, state, severity, cause, kind }) =>
        about(service, {
          alertId: `${service}${n}`,
          state,
          labels: { service, severity },
          resolvedAt: state === 'resolved' ? before(START, ms(1)) : undefined,
          suppressed:
            cause === undefined ? undefined : { kind, by: cause[0], alertId: cause.join(''), since: START },
        }),
      );
    const anyGroup = fc.uniqueArray(anyAlert, { selector: ({ alert }) => alert.alertId, maxLength: 4 });
    const anyCalls = fc.array(fc.tuple(anyService, anyService), { maxLength: 8 });
    const policy = { ...NO_POLICY, inhibitsByCallGraph: true };
    const localTime = () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute: 600 });
    fc.assert(
      fc.property(fc.array(anyGroup, { minLength: 1, maxLength: 4 }), anyCalls, (given, edges) => {
        // An id is the alert of one group.
        const seen = new Set<string>();
        const [own = [], ...others] = given.map((group) =>
          group.filter(({ alert: { alertId } }) => !seen.has(alertId) && seen.add(alertId)),
        );
        const graph = new Map(
          services.map((from) => [from, new Set(edges.flatMap(([a, b]) => (a === from ? [b] : [])))]),
        );
        const index = createAlertIndex();
        for (const [n, alerts] of others.entries()) index.set(`${n}`, alerts);
        const decided = (otherAlerts: readonly OtherAlert[]) => {
          const context = { evalTime: START, localTime, calls: graph, otherAlerts };
          const suppressionOf = createSuppression(policy, context);
          const explained = inhibitedByCause(otherAlerts);
          return own.map((each) => [suppressionOf(each), explained.get(each.alert.alertId)]);
        };
        expect(decided([...own, ...index.related('own', own, graph)])).toEqual(
          decided([...own, ...others.flat()]),
        );
      }),
      { numRuns: runsOf(1_000) },
    );
  });
});

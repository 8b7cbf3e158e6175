import { describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { afterRestart, hasShortTimers } from '../../../src/evaluation/replicas.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const { firedAt: _fired, ...unfired } = anAlert();
const pending: Alert = { ...unfired, state: 'pending' };

const stateOf = (minutes: number, alert: Alert): RuleGroupState => ({
  evalTime: START,
  rules: {
    a: { rule: aRule({ for: ms(minutes * MINUTE) }), alerts: [alert], health: { kind: 'ok' } },
  },
});

describe("after a restart in Prometheus's mode", () => {
  const cases: Readonly<Record<string, readonly [number, Alert, boolean]>> = {
    'a short timer is lost': [1, pending, false],
    'a timer just under ten minutes is lost': [9.99, pending, false],
    'a timer of ten minutes continues': [10, pending, true],
    'a firing alert continues': [1, anAlert(), true],
    'an alert that fired before its rule was changed continues': [1, { ...pending, firedAt: START }, true],
    'a resolved alert is kept': [1, anAlert({ state: 'resolved' }), true],
  };
  it.each(Object.entries(cases))('%s', (_, [minutes, alert, isKept]) => {
    const state = stateOf(minutes, alert);
    expect(afterRestart(state).rules['a']?.alerts).toEqual(isKept ? [alert] : []);
    expect(hasShortTimers(state)).toBe(!isKept);
  });
});

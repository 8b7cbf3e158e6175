import { describe, expect, it } from 'vitest';
import type { Alert, RuleState } from '../../../src/alerts/alert.ts';
import { type RuleStep, stepRule } from '../../../src/alerts/step-rule.ts';
import { ms } from '../../../src/lib/units.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { evalTimeAt, TICK } from '../../support/timeline.ts';

/** A severity by value, and a label that is the value. */
const severityByValue = { severity: 'by-value' };
const currentValue = { severity: 'ticket', current: '$value' };

const expand = (text: string, { value }: { readonly value: number }): string =>
  text === 'by-value' ? (value > 10 ? 'page' : 'ticket') : text.replace('$value', String(value));

/** Evaluates one series by these values, one per tick; undefined: it is not returned. */
function run(
  values: readonly (number | undefined)[],
  rule: Partial<SloRule>,
  more: { readonly isPrometheus?: boolean; readonly change?: (alert: Alert) => Alert } = {},
): readonly RuleStep[] {
  const { isPrometheus = false, change = (alert: Alert) => alert } = more;
  let previous: RuleState | undefined;
  return values.map((value, tick) => {
    const samples = value === undefined ? [] : [{ labels: { pod: 'a' }, value }];
    const step = stepRule({
      rule: aRule({ valueKind: 'number', ...rule }),
      group: aGroup(),
      previous,
      evaluation: { kind: 'vector', samples, recoverySamples: samples },
      evalTime: evalTimeAt(tick),
      expand,
      isPrometheus,
    });
    previous = { ...step.next, alerts: step.next.alerts.map(change) };
    return step;
  });
}

const kinds = (steps: readonly RuleStep[]): readonly string[] =>
  steps.flatMap(({ transitions }, tick) => transitions.map(({ kind }) => `${tick} ${kind}`));

describe('an alert whose labels change while it breaches', () => {
  it('continues as another one when its severity changes: at once, and it never resolves', () => {
    const steps = run([5, 50], { labels: severityByValue, for: ms(0) });
    expect(kinds(steps).toSorted()).toEqual(['0 firing', '1 firing', '1 resolved']);
    const before = steps[1]?.next.alerts.find(({ state }) => state === 'resolved');
    const now = steps[1]?.next.alerts.find(({ state }) => state === 'firing');
    expect(before).toMatchObject({
      resolveReason: 'continued',
      continuedAs: { alertId: now?.alertId, severity: 'page' },
    });
    expect(now).toMatchObject({
      labels: { severity: 'page' },
      activeAt: evalTimeAt(0),
      firedAt: evalTimeAt(1),
      peak: 50,
      continues: before?.alertId,
    });
    expect(now?.alertId).not.toBe(before?.alertId);
  });

  it('does not wait for `for` again', () => {
    const steps = run([5, 5, 50], { labels: severityByValue, for: TICK });
    expect(steps[2]?.next.alerts.filter(({ state }) => state === 'firing')).toHaveLength(1);
    const pending = run([5, 50], { labels: severityByValue, for: TICK });
    expect(kinds(pending)).toEqual(['0 pending', '1 firing']);
  });

  it('goes back and forth as a new one each time', () => {
    const steps = run([5, 50, 5, 50], { labels: severityByValue, for: ms(0) });
    const ids = steps.flatMap(({ next }) =>
      next.alerts.filter(({ state }) => state === 'firing').map(({ alertId }) => alertId),
    );
    expect(new Set(ids).size).toBe(4);
  });

  it('is the same alert when another label changes, however often', () => {
    const steps = run([2, 3, 4, 5], { labels: currentValue, for: ms(0) });
    expect(kinds(steps)).toEqual(['0 firing']);
    const alerts = steps.flatMap(({ next }) => next.alerts);
    expect(new Set(alerts.map(({ alertId }) => alertId)).size).toBe(1);
    expect(alerts.map(({ labels }) => labels['current'])).toEqual(['2', '3', '4', '5']);
  });

  it('resolves when the expression no longer returns its series', () => {
    const steps = run([2, 3, undefined], { labels: currentValue, for: ms(0), recovery: undefined });
    expect(kinds(steps)).toEqual(['0 firing', '2 resolved']);
    expect(steps[2]?.next.alerts[0]?.resolveReason).toBe('no-longer-returned');
  });

  it("starts anew in Prometheus's mode", () => {
    const steps = run([5, 50], { labels: severityByValue, for: ms(0) }, { isPrometheus: true });
    expect(steps[1]?.next.alerts.find(({ state }) => state === 'resolved')).toMatchObject({
      resolveReason: 'no-longer-returned',
    });
  });

  it('is continued in an alert group as well', () => {
    const change = (alert: Alert): Alert => ({
      ...alert,
      postedTo: [{ mentions: [], alertGroup: 'g' }],
    });
    expect(kinds(run([2, 3], { labels: currentValue, for: ms(0) }, { change }))).toEqual(['0 firing']);
    const steps = run([5, 50], { labels: severityByValue, for: ms(0) }, { change });
    expect(kinds(steps).toSorted()).toEqual(['0 firing', '1 firing', '1 resolved']);
    expect(steps[1]?.next.alerts.map(({ resolveReason }) => resolveReason).toSorted()).toEqual([
      'continued',
      undefined,
    ]);
  });
});

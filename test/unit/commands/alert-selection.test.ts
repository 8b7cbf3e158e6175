import { describe, expect, it } from 'vitest';
import type { ActiveAlert } from '../../../src/actions/alert-actions.ts';
import { selectionMatchers } from '../../../src/commands/alert-selection.ts';
import type { RuleSet } from '../../../src/rules/file/rule-file.ts';
import type { ServiceObjective, SloRule } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aPlainRule, aRule } from '../../support/builders.ts';

const objective = (serviceLabel: string) => ({ family: { serviceLabel } }) as ServiceObjective;
const ruleSetOf = (labels: readonly string[], rules: readonly SloRule[] = []): RuleSet => ({
  groups: [aGroup({ rules })],
  objectives: labels.map(objective),
});
const known = (labels: Record<string, string>): ActiveAlert => ({
  group: 'g',
  rule: aPlainRule(),
  alert: anAlert({ labels }),
});
const ISTIO = 'destination_service_name';
const select = (
  selection: Partial<Parameters<typeof selectionMatchers>[0]>,
  ruleSet: RuleSet = ruleSetOf([ISTIO]),
  alerts: readonly ActiveAlert[] = [],
) => selectionMatchers({ matchers: [], services: [], ...selection }, { ruleSet, known: alerts });

describe('names without a label are services', () => {
  it.each([
    ['one is equal', ['checkout'], { operator: '=', value: 'checkout' }],
    ['several are alternatives, letter by letter', ['a.b', 'c'], { operator: '=~', value: 'a\\.b|c' }],
  ])('%s', (_, services, expected) => {
    expect(select({ services })).toMatchObject([[{ label: ISTIO, ...expected }]]);
  });

  it('`service` is the label that names services here, where no alert has one of that name', () => {
    const matchers = [{ label: 'service', operator: '=', value: 'checkout' }] as const;
    expect(select({ matchers })).toEqual([[{ ...matchers[0], label: ISTIO }]]);
    const labelled = ruleSetOf([ISTIO], [aRule({ labels: { service: 'x' } })]);
    expect(select({ matchers }, labelled)).toEqual([matchers]);
    const alerts = [known({ alertname: 'A', service: 'checkout' })];
    expect(select({ matchers }, ruleSetOf([]), alerts)).toEqual([matchers]);
  });

  it('the alerts of hand-written rules determine the label', () => {
    const alerts = [known({ alertname: 'A', app: 'checkout' })];
    expect(select({ services: ['checkout'] }, ruleSetOf([]), alerts)).toMatchObject([[{ label: 'app' }]]);
  });

  it('several labels name services: the selection is one of each', () => {
    expect(select({ services: ['checkout'] }, ruleSetOf(['app', ISTIO]))).toEqual([
      [{ label: 'app', operator: '=', value: 'checkout' }],
      [{ label: ISTIO, operator: '=', value: 'checkout' }],
    ]);
  });

  it('without rules and alerts it is `service`', () => {
    expect(select({ services: ['checkout'] }, ruleSetOf([]))).toMatchObject([[{ label: 'service' }]]);
  });

  it('matchers of other labels are left as they are, whatever the rules', () => {
    const matchers = [{ label: 'team', operator: '!=', value: 'shop' }] as const;
    expect(select({ matchers }, ruleSetOf(['a', 'b']))).toEqual([matchers]);
  });
});

import type { Alert } from '../../src/alerts/alert.ts';
import { fingerprint, hashTexts } from '../../src/lib/labels.ts';
import { after, HOUR, MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import type { RuleGroup, SloRule } from '../../src/rules/rule.ts';
import { START } from './virtual-clock.ts';

/** A latency rule on a slow share, with evidence; give what the test is about. */
export function aRule(over: Partial<SloRule> = {}): SloRule {
  const name = over.name ?? 'CheckoutSlow';
  return {
    name,
    key: name,
    expr: 'slow_share > 0.01',
    for: ms(0),
    keepFiringFor: ms(0),
    labels: {},
    annotations: {},
    valueKind: 'slow-share',
    bound: 0.01,
    comparison: '>',
    recovery: { expr: 'slow_share', comparison: '>', bound: 0.01 },
    noData: ms(24 * HOUR),
    ...over,
  };
}

/** A rule without a way to see evidence: plain Prometheus behaviour. */
export function aPlainRule(over: Partial<SloRule> = {}): SloRule {
  const { recovery: _evidence, ...rule } = aRule({ valueKind: 'number', ...over });
  return rule;
}

export function aGroup(over: Partial<RuleGroup> = {}): RuleGroup {
  const file = over.file ?? 'rules.yaml';
  const name = over.name ?? 'checkout';
  return {
    id: `${file};${name}`,
    file,
    name,
    interval: ms(30 * SECOND),
    queryOffset: ms(0),
    limit: 0,
    rules: [aRule()],
    ...over,
  };
}

/** A firing alert of `checkout`, one minute old. */
export function anAlert(over: Partial<Alert> = {}): Alert {
  const labels = over.labels ?? { alertname: 'CheckoutSlow', service: 'checkout', severity: 'page' };
  const print = over.fingerprint ?? fingerprint(labels);
  const activeAt = over.activeAt ?? START;
  return {
    fingerprint: print,
    alertId: `${hashTexts(['rules.yaml;checkout', 'CheckoutSlow', print])}-${activeAt / 1_000}`,
    labels,
    series: { service: 'checkout' },
    annotations: { summary: 'checkout is slow' },
    state: 'firing',
    activeAt,
    firedAt: activeAt,
    value: 0.072,
    peak: 0.091,
    seenAt: after(activeAt, MINUTE),
    missedTicks: 0,
    ...over,
  };
}

import { hashTexts, type Labels } from '../../lib/labels.ts';
import { channelProblem } from '../../lib/slack-channel.ts';
import { checkExpression } from '../analysis/check-expression.ts';
import { serviceSourceOfAlert } from '../analysis/service.ts';
import { ruleWithoutFile, type SloRule } from '../rule.ts';
import { alertingRule, settingsOf } from './groups.ts';

/** An alert that Alertmanager sent, and the expression of its rule where it is known. */
export interface AlertSource {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly expr?: string;
}

const nameOf = ({ labels }: AlertSource): string => labels['alertname'] ?? '';

/** The channel of the annotation or label `slack_channel`. Anything else there is ignored: nobody checked it. */
function channelOf({ annotations, labels }: AlertSource): string | undefined {
  const { channel } = settingsOf(annotations, labels);
  return channel === undefined || channelProblem(channel) !== undefined ? undefined : channel;
}

function ruleOf(source: AlertSource, of: { readonly key: string; readonly channel?: string }): SloRule {
  const { labels, annotations, expr = '' } = source;
  const { key, channel } = of;
  const name = nameOf(source);
  if (checkExpression(expr).length > 0)
    return { ...ruleWithoutFile(key, name), service: { from: 'series' }, channel };
  const unit = annotations['slo_unit'];
  const texts: Labels = unit === undefined ? {} : { slo_unit: unit };
  return {
    ...alertingRule({ alert: name, expr: expr.trim(), annotations: texts }, {}),
    key,
    annotations: {},
    service: serviceSourceOfAlert(expr, labels),
    channel,
  };
}

/** Rules that are kept: an expression is read once, not for each of its alerts in each notification. */
const MAX_KEPT = 1_000;

/**
 * Finds the rules of alerts that are received: what an expression shows, as of a hand-written rule. `for` and the labels
 * that the rule adds are not known, and not needed: the alert is evaluated elsewhere. Alerts of one name with different
 * expressions or channels are of different rules.
 */
export function createReceivedRules(): (source: AlertSource) => SloRule {
  const known = new Map<string, SloRule>();
  return (source) => {
    const channel = channelOf(source);
    const identity = [source.expr?.trim() ?? '', channel ?? ''];
    const isNamed = identity.every((text) => text === '');
    const key = isNamed ? nameOf(source) : `${nameOf(source)}{${hashTexts(identity)}}`;
    const rule = known.get(key) ?? ruleOf(source, { key, channel });
    if (known.size >= MAX_KEPT) known.clear();
    known.set(key, rule);
    return rule;
  };
}

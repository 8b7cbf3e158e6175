import type { Alert } from '../../alerts/alert.ts';
import { bound, burn, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import { between, MINUTE, type Milliseconds } from '../../lib/units.ts';
import { statusOf } from '../../messages/alert-subject.ts';
import type { MessageView } from '../../messages/notifier.ts';
import type { BurnWindows } from '../../rules/burn-rate.ts';
import type { SloRule } from '../../rules/rule.ts';
import { atLeastPrefix, bucketText, budgetText, comparisonWord, ruleValue, thresholdNote } from './format.ts';
import { date, escape } from './mrkdwn.ts';

/** A named figure: the name needs no escaping, the value is mrkdwn whose foreign text is escaped. */
export type Fact = readonly [string, string];

/** The unit of a rule's value: the annotation `slo_unit`, or the one in the names of its metrics. */
export const unitOf = (
  { annotations }: Pick<Alert, 'annotations'>,
  { unit }: Pick<SloRule, 'unit'>,
): string | undefined => annotations['slo_unit'] ?? unit;

/** A rule's value as text. A latency without a unit counts as milliseconds. */
export const valueText = ({ alert, rule }: MessageView, value: number): string =>
  ruleValue(value, { kind: rule.valueKind, unit: unitOf(alert, rule) });

/** `above 500 ms`, or undefined when the bound could not be read from the rule. */
function boundText(view: MessageView): string | undefined {
  const { bound: limit, comparison } = view.rule;
  if (limit === undefined) return undefined;
  return `${comparison === undefined ? 'bound' : comparisonWord(comparison)} ${valueText(view, limit)}`;
}

/** Of an alert whose value is not known: what it is about. */
function conditionText(view: MessageView): string {
  const { threshold, quantile } = view.rule.objective ?? {};
  if (view.rule.valueKind === 'slow-share' && threshold !== undefined)
    return `requests slower than ${bound(threshold)}${allowed(quantile)}`;
  return boundText(view) ?? 'firing';
}

/** What is wrong and against which bound, in one phrase for the headline. */
export function headlineText(view: MessageView): string {
  const { alert, rule, evidence } = view;
  const { latency } = evidence;
  const { quantile, threshold } = rule.objective ?? {};
  if (rule.burn !== undefined && rule.valueKind === 'slow-share') return burning(view, rule.burn);
  if (latency !== undefined && threshold !== undefined)
    return `${quantileName(latency.quantile)} ${bucketText(latency)}, objective ${bound(threshold)}`;
  if (Number.isNaN(alert.value)) return conditionText(view);
  if (rule.valueKind === 'slow-share' && threshold !== undefined)
    return `${atLeastPrefix(view.rule)}${share(alert.value)} of requests slower than ${bound(threshold)}${allowed(quantile)}`;
  const limit = boundText(view);
  const how = { kind: rule.valueKind, unit: unitOf(alert, rule) };
  const near = rule.bound === undefined ? '' : besides(alert.value, rule.bound, how);
  return `${near || guess(view)}${valueText(view, alert.value)}${limit === undefined ? '' : `, ${limit}`}`;
}

/** `burn rate 20x over 1 h and 5 min (alert threshold 14.4x)`. */
function burning(view: MessageView, { long, short, factor }: BurnWindows): string {
  const rate = burnOf(view.alert.value, view.rule.objective?.quantile);
  const how = rate === undefined ? '' : ` ${atLeastPrefix(view.rule)}${burn(rate)}`;
  return `burn rate${how} over ${timeSpan(long)} and ${timeSpan(short)} (alert threshold ${burn(factor)})`;
}

/** The share slower than an approximate threshold: all that its two bounds leave possible. */
function approximately({ evidence: { slowBetween: found } }: MessageView, slow: number): string {
  if (found === undefined || found.low === found.high)
    return `${found === undefined ? 'at least ' : ''}${share(slow)}`;
  return `${share(found.atLeast)} to ${share(found.atMost)}`;
}

const allowed = (quantile: number | undefined): string =>
  quantile === undefined ? '' : `, ${share(1 - quantile)} allowed`;

/** Share of slow requests over the share the objective allows: 1 uses the budget up exactly. */
const burnOf = (slow: number | undefined, quantile: number | undefined): number | undefined =>
  slow === undefined || quantile === undefined || quantile >= 1 ? undefined : slow / (1 - quantile);

/** Share of requests slower than the threshold, from the evidence or from the rule's own value. */
const slowShareOf = ({ alert, rule, evidence }: MessageView): number | undefined =>
  evidence.slowShare ??
  (rule.valueKind === 'slow-share' && !Number.isNaN(alert.value) ? alert.value : undefined);

type Row = (view: MessageView) => Fact | undefined;

const latencyRow: Row = ({ evidence: { latency } }) =>
  latency === undefined ? undefined : [quantileName(latency.quantile), bucketText(latency)];

/** A latency out of a histogram is interpolated inside a bucket, so it is never shown as if it were measured. */
export const guess = ({ rule: { valueKind, objective } }: Pick<MessageView, 'rule'>): string =>
  valueKind === 'latency' && objective !== undefined ? '≈ ' : '';

const valueName = ({ state, resolveReason }: Alert): string => {
  if (state !== 'resolved') return 'Value';
  return resolveReason === 'recovered' ? 'Value at the end' : 'Last breaching value';
};

const valueRow: Row = (view) =>
  // The latency row shows the same number with its bucket.
  view.rule.valueKind === 'slow-share' ||
  Number.isNaN(view.alert.value) ||
  (guess(view) !== '' && view.evidence.latency !== undefined)
    ? undefined
    : [valueName(view.alert), `${guess(view)}${escape(valueText(view, view.alert.value))}`];

const objectiveRow: Row = (view) => {
  const { objective } = view.rule;
  if (objective === undefined) {
    const condition = boundText(view);
    return condition === undefined ? undefined : ['Alert condition', escape(condition)];
  }
  const { threshold, quantile, window } = objective;
  return ['Objective', `${quantileName(quantile)} below ${bound(threshold)} over ${timeSpan(window)}`];
};

/** The range of the share that is slower than a threshold between two bucket bounds. */
function openShare({ rule, evidence }: MessageView, threshold: Milliseconds): string | undefined {
  const { slowBetween: found } = evidence;
  if (found === undefined) return undefined;
  const { atLeast, atMost } = found;
  return `${share(atLeast)} to ${share(atMost)} slower than ${bound(threshold)}${thresholdNote(found)}${allowed(rule.objective?.quantile)}`;
}

/** `7.2% slower than 500 ms, 1% allowed`; undefined where it is not known. */
function slowText(view: MessageView): string | undefined {
  const { objective } = view.rule;
  if (objective === undefined) return undefined;
  const slow = slowShareOf(view);
  if (slow === undefined) return openShare(view, objective.threshold);
  const isApproximate = objective.isApproximate === true;
  const amount = isApproximate ? approximately(view, slow) : share(slow);
  const where = isApproximate ? thresholdNote(view.evidence.slowBetween, true) : '';
  return `${amount} slower than ${bound(objective.threshold)}${where}${allowed(objective.quantile)}`;
}

const currentBurn = (view: MessageView): number | undefined =>
  view.evidence.burnRate ?? burnOf(slowShareOf(view), view.rule.objective?.quantile);

/** A budget that is older than this says so. */
const BUDGET_AGE: Milliseconds = MINUTE;

const budgetRow: Row = (view) => {
  const { alert, evidence } = view;
  const { budget } = evidence;
  if (budget === undefined) return undefined;
  const rate = statusOf(alert) === 'firing' ? currentBurn(view) : undefined;
  const isOld = between(budget.at, alert.resolvedAt ?? alert.seenAt) > BUDGET_AGE;
  return [
    'Error budget',
    `${budgetText(budget, rate)}${isOld ? `, as of ${date(budget.at, '{time}')}` : ''}`,
  ];
};

const pairRow: Row = ({ rule: { burn: pair } }) =>
  pair === undefined
    ? undefined
    : [
        'Burn-rate windows',
        `${timeSpan(pair.long)} and ${timeSpan(pair.short)}, both above ${burn(pair.factor)}`,
      ];

/** `burn rate 7.2x`; undefined where it is not known. */
function burnText(view: MessageView): string | undefined {
  const { rule, evidence } = view;
  const rate = currentBurn(view);
  if (rate !== undefined) return `burn rate ${atLeastPrefix(rule)}${burn(rate)}`;
  const lowest = burnOf(evidence.slowBetween?.atLeast, rule.objective?.quantile);
  const highest = burnOf(evidence.slowBetween?.atMost, rule.objective?.quantile);
  return lowest === undefined || highest === undefined
    ? undefined
    : `burn rate ${burn(lowest)} to ${burn(highest)}`;
}

const peakRow: Row = (view) =>
  Number.isNaN(view.alert.peak)
    ? undefined
    : [
        view.rule.valueKind === 'slow-share' ? 'Peak slow requests' : 'Peak',
        `${atLeastPrefix(view.rule)}${guess(view)}${escape(valueText(view, view.alert.peak))}${guess(view) === '' ? '' : ' (interpolated)'}`,
      ];

const ROWS: readonly Row[] = [latencyRow, valueRow, objectiveRow, budgetRow, pairRow, peakRow];

/** The figures of an alert, in reading order. */
export const facts = (view: MessageView): readonly Fact[] =>
  ROWS.map((row) => row(view)).filter((fact) => fact !== undefined);

/** The line below the headline: how slow, how fast the budget burns, since when; of a resolved alert from when to when. */
export function stateLine(view: MessageView): string {
  const { alert } = view;
  if (alert.state === 'resolved') return resolvedLine(view);
  const parts = [slowText(view), burnText(view), `since ${date(alert.activeAt)}`];
  const line = parts.filter((part) => part !== undefined).join(' · ');
  return line.charAt(0).toUpperCase() + line.slice(1);
}

/** Only a recovery has a value of its own; at any other end the last value is one that breached. */
export const hasRecoveryValue = ({ resolveReason, value }: Alert): boolean =>
  resolveReason === 'recovered' && !Number.isNaN(value);

function resolvedLine({ alert, rule }: MessageView): string {
  const { activeAt, resolvedAt } = alert;
  const period = `${date(activeAt)}${resolvedAt === undefined ? '' : ` to ${date(resolvedAt)}`}`;
  return hasRecoveryValue(alert) ? `${escape(recoveredText(alert, rule))} · ${period}` : period;
}

/** Rounding may make a value look like its bound. */
function besides(value: number, limit: number, how: Parameters<typeof ruleValue>[1]): string {
  if (value === limit || ruleValue(value, how) !== ruleValue(limit, how)) return '';
  return value < limit ? 'just under ' : 'just over ';
}

/** `0% of requests slower than 500 ms (alert threshold 1%)`: the value that showed recovery. */
export function recoveredText(alert: Alert, rule: SloRule): string {
  const { valueKind, comparison, objective } = rule;
  const limit = rule.recovery?.bound ?? rule.bound;
  const how = { kind: valueKind, unit: unitOf(alert, rule) };
  const near = limit === undefined ? '' : besides(alert.value, limit, how);
  const of =
    valueKind === 'slow-share' && objective !== undefined
      ? ` of requests slower than ${bound(objective.threshold)}`
      : '';
  const value = `${atLeastPrefix(rule)}${near}${ruleValue(alert.value, how)}${of}`;
  if (limit === undefined || comparison === undefined) return value;
  const isUpper = comparison === '>' || comparison === '>=';
  const against = isUpper ? 'alert threshold' : `alerts ${comparisonWord(comparison)}`;
  return `${value} (${against} ${ruleValue(limit, how)})`;
}

import { quantileName } from '../../lib/histogram.ts';
import { between, type Milliseconds } from '../../lib/units.ts';
import type { AlertView } from '../../messages/alert-view.ts';
import {
  bound,
  budgetText,
  burn,
  comparisonWord,
  estimate,
  floor,
  judgedAt,
  roughly,
  ruleValue,
  share,
  timeSpan,
} from './format.ts';
import { date, escape } from './mrkdwn.ts';

/** A named figure: the name is foreign to nobody, the value is mrkdwn whose foreign parts are escaped. */
export type Fact = readonly [string, string];

/** A rule's value in words. A latency without a unit counts as milliseconds. */
const valueText = (view: AlertView, value: number): string =>
  ruleValue(value, { kind: view.valueKind, unit: view.unit });

/** `above 500 ms`, or undefined when the bound could not be read from the rule. */
function boundText(view: AlertView): string | undefined {
  if (view.bound === undefined) return undefined;
  const word = view.comparison === undefined ? 'bound' : comparisonWord(view.comparison);
  return `${word} ${valueText(view, view.bound)}`;
}

/** How long a resolved alert fired. */
export const lasted = (view: AlertView): Milliseconds =>
  between(view.firedAt, view.resolvedAt ?? view.firedAt);

/** What is wrong and against which bound, in one phrase for the headline. */
export function symptom(view: AlertView): string {
  const { latency, quantile, threshold } = view;
  if (view.burn !== undefined && view.valueKind === 'slow-share') return burning(view, view.burn);
  if (latency !== undefined && threshold !== undefined)
    return `${quantileName(latency.quantile)} ${roughly(latency)}, objective ${bound(threshold)}`;
  if (view.valueKind === 'slow-share' && threshold !== undefined)
    return `${floor(view)}${share(view.value)} of requests slower than ${bound(threshold)}${allowed(quantile, ', ')}`;
  const limit = boundText(view);
  return `${guess(view)}${valueText(view, view.value)}${limit === undefined ? '' : `, ${limit}`}`;
}

/** `error budget burns 20x over 1 h and 5 min, alerts above 14.4x`. */
function burning(view: AlertView, { long, short, factor }: NonNullable<AlertView['burn']>): string {
  const rate = burnOf(view.value, view.quantile);
  const how = rate === undefined ? '' : ` ${floor(view)}${burn(rate)}`;
  return `error budget burns${how} over ${timeSpan(long)} and ${timeSpan(short)}, alerts above ${burn(factor)}`;
}

/** The share slower than an approximate threshold: all that its two bounds leave possible. */
function approximately(view: AlertView, slow: number): string {
  const { slowBetween: found } = view;
  if (found === undefined || found.low === found.high)
    return `${found === undefined ? 'at least ' : ''}${share(slow)}`;
  return `${share(found.atLeast)} to ${share(found.atMost)}`;
}

const allowed = (quantile: number | undefined, before = ' ('): string =>
  quantile === undefined ? '' : `${before}${share(1 - quantile)} allowed${before === ' (' ? ')' : ''}`;

/** Share of slow requests over the share the objective allows: 1 uses the budget up exactly. */
const burnOf = (slow: number | undefined, quantile: number | undefined): number | undefined =>
  slow === undefined || quantile === undefined || quantile >= 1 ? undefined : slow / (1 - quantile);

/** Share of requests slower than the threshold, from the enrichment or from the verdict itself. */
const slowShareOf = (view: AlertView): number | undefined =>
  view.slowShare ?? (view.valueKind === 'slow-share' ? view.value : undefined);

type Row = (view: AlertView) => Fact | undefined;

const latencyRow: Row = ({ latency }) =>
  latency === undefined
    ? undefined
    : [
        quantileName(latency.quantile),
        latency.high === undefined ? estimate(latency) : `≈ ${estimate(latency)}`,
      ];

/** A latency out of a histogram is a guess inside a bucket, and is never written as if it were measured. */
const guess = ({ valueKind, threshold }: AlertView): string =>
  valueKind === 'latency' && threshold !== undefined ? '≈ ' : '';

/** Only a recovery was seen by its value; any other end leaves the last one that breached. */
const valueName = ({ state, resolveReason }: AlertView): string => {
  if (state !== 'resolved') return 'Value';
  return resolveReason === 'recovered' ? 'Value at the end' : 'Last value that breached';
};

const valueRow: Row = (view) =>
  // The same latency stands above with its bucket.
  view.valueKind === 'slow-share' || (guess(view) !== '' && view.latency !== undefined)
    ? undefined
    : [valueName(view), `${guess(view)}${escape(valueText(view, view.value))}`];

const objectiveRow: Row = (view) => {
  const { threshold, quantile, window } = view;
  if (threshold === undefined)
    return view.bound === undefined ? undefined : ['Alerts when', escape(boundText(view) ?? '')];
  const name = quantile === undefined ? '' : `${quantileName(quantile)} `;
  return [
    'Objective',
    `${name}below ${bound(threshold)}${window === undefined ? '' : ` over ${timeSpan(window)}`}`,
  ];
};

/** The share slower than a threshold that is no bucket bound, as far as the bounds beside it tell. */
function openShare(view: AlertView, threshold: Milliseconds): Fact | undefined {
  const { slowBetween: found } = view;
  if (found === undefined || view.state === 'resolved') return undefined;
  const { low, high, atLeast, atMost } = found;
  const where = high === undefined ? `above all bucket bounds` : `between ${bound(low)} and ${bound(high)}`;
  return [
    'Slow requests',
    `${share(atLeast)} to ${share(atMost)} slower than ${bound(threshold)}, which is no bucket bound but ${where}${allowed(view.quantile)}`,
  ];
}

/**
 * The end of a resolved alert is judged by the rule's evidence, which may look back less far and hold a stricter
 * threshold than the objective: its share stands alone.
 */
const slowRow: Row = (view) => {
  const slow = slowShareOf(view);
  if (view.threshold === undefined) return undefined;
  if (slow === undefined) return openShare(view, view.threshold);
  if (view.state === 'resolved') return ['Slow requests at the end', `${floor(view)}${share(slow)}`];
  if (view.isApproximate === true) {
    const text = `${approximately(view, slow)} slower than ${bound(view.threshold)}${judgedAt(view.slowBetween)}${allowed(view.quantile)}`;
    return ['Slow requests', text];
  }
  return ['Slow requests', `${share(slow)} slower than ${bound(view.threshold)}${allowed(view.quantile)}`];
};

const currentBurn = (view: AlertView): number | undefined =>
  view.burnRate ?? burnOf(slowShareOf(view), view.quantile);

const budgetRow: Row = (view) =>
  view.budget === undefined
    ? undefined
    : ['Error budget', budgetText(view.budget, view.state === 'firing' ? currentBurn(view) : undefined)];

const pairRow: Row = ({ burn: pair }) =>
  pair === undefined
    ? undefined
    : [
        'Burn-rate pair',
        `${timeSpan(pair.long)} and ${timeSpan(pair.short)}, both above ${burn(pair.factor)}`,
      ];

const burnRow: Row = (view) => {
  if (view.state === 'resolved') return undefined;
  const rate = currentBurn(view);
  if (rate !== undefined) return ['Budget burn', `${floor(view)}${burn(rate)} of what the objective allows`];
  const least = burnOf(view.slowBetween?.atLeast, view.quantile);
  const most = burnOf(view.slowBetween?.atMost, view.quantile);
  return least === undefined || most === undefined
    ? undefined
    : ['Budget burn', `${burn(least)} to ${burn(most)} of what the objective allows`];
};

const peakRow: Row = (view) => [
  view.valueKind === 'slow-share' ? 'Slow requests at the peak' : 'Value at the peak',
  `${floor(view)}${guess(view)}${escape(valueText(view, view.peak))}`,
];

const sinceRow: Row = (view) => ['Breached since', date(view.activeAt)];

const resolvedRow: Row = (view) =>
  view.resolvedAt === undefined
    ? undefined
    : ['Resolved', `${date(view.resolvedAt)}, fired for ${timeSpan(lasted(view))}`];

const ROWS: readonly Row[] = [
  latencyRow,
  valueRow,
  objectiveRow,
  slowRow,
  burnRow,
  budgetRow,
  pairRow,
  peakRow,
  sinceRow,
  resolvedRow,
];

/** The figures of an alert, in the order they are read. */
export const facts = (view: AlertView): readonly Fact[] =>
  ROWS.map((row) => row(view)).filter((fact) => fact !== undefined);

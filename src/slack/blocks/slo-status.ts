import type { SloFigures, SloRow, SloStatusView } from '../../commands/slo-views.ts';
import { bound, burn, count, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import { type Rendered, section } from './block-kit.ts';
import { besideBounds, budgetText, comparisonWord, estimate, floor, judgedAt, ruleValue } from './format.ts';
import { code, date, escape, link, oneLine, phraseText } from './mrkdwn.ts';

const STATES: Readonly<Record<SloRow['state'], { sign: string; word: string; urgency: number }>> = {
  firing: { sign: '🔴', word: 'firing', urgency: 0 },
  'no-data': { sign: '⚪', word: 'firing without data', urgency: 1 },
  'rule-error': { sign: '🛠', word: 'the rule is wrong', urgency: 2 },
  'source-error': { sign: '🛠', word: 'the source does not answer', urgency: 3 },
  pending: { sign: '🟡', word: 'pending', urgency: 4 },
  unknown: { sign: '❔', word: 'not evaluated yet', urgency: 5 },
  'no-verdict': { sign: '➖', word: 'no verdict', urgency: 6 },
  ok: { sign: '🟢', word: 'ok', urgency: 7 },
};

const LINES_PER_SECTION = 6;
/** Lines are at most about 900 characters: so many fit into a message whatever they hold. */
const MOST_CHARACTERS = 11_000;

/** The answer to `/slo`: every rule, those first that somebody must act on. */
export function sloStatusMessage(view: SloStatusView): Rendered {
  const rows = view.rows.toSorted((a, b) => STATES[a.state].urgency - STATES[b.state].urgency);
  const lines = fitting(rows.map(sloLine));
  const hidden = rows.length - lines.length;
  const sections: string[] = [];
  for (let i = 0; i < lines.length; i += LINES_PER_SECTION)
    sections.push(lines.slice(i, i + LINES_PER_SECTION).join('\n'));
  if (hidden > 0) sections.push(`and ${count(hidden, 'more rule')} that did not fit`);
  const text = `Rules at ${date(view.at)}: ${summary(rows)}`;
  return { text, blocks: [text, ...sections].map((each) => section(each)) };
}

function summary(rows: readonly SloRow[]): string {
  if (rows.length === 0) return 'no rules are loaded';
  const states = Object.keys(STATES) as SloRow['state'][];
  return states
    .map((state) => ({ state, of: rows.filter((row) => row.state === state).length }))
    .filter(({ of }) => of > 0)
    .map(({ state, of }) => `${of} ${STATES[state].word}`)
    .join(', ');
}

function fitting(lines: readonly string[]): readonly string[] {
  let room = MOST_CHARACTERS;
  const end = lines.findIndex((line) => {
    room -= line.length + 1;
    return room < 0;
  });
  return end === -1 ? lines : lines.slice(0, end);
}

/** One rule in a line: state, name, subject, value against bound, since when, its message. */
export function sloLine(row: SloRow): string {
  const { sign, word } = STATES[row.state];
  return [
    `${sign} ${row.messageUrl === undefined ? code(row.rule, 80) : link(row.messageUrl, row.rule, 80)}`,
    ...(row.subject === undefined ? [] : [code(row.subject, 80)]),
    row.alertsAfter === undefined ? word : `${word}, alerts after ${timeSpan(row.alertsAfter)}`,
    ...(row.figures === undefined ? value(row) : figures(row, row.figures)),
    ...(row.since === undefined ? [] : [`since ${date(row.since)}`]),
    ...(row.detail === undefined ? [] : [escape(oneLine(row.detail), 160)]),
    ...(row.people === undefined ? [] : [phraseText(row.people, 160)]),
  ].join(' · ');
}

/** The three honest numbers together, and what is left of the budget; what is not known is said to be so. */
function figures(row: SloRow, known: SloFigures): string[] {
  const { latency, allowed, budget, noBudget } = known;
  const slow = slowOf(row, known);
  const rate = slow === undefined || allowed <= 0 ? undefined : slow.map((each) => each / allowed);
  return [
    latency === undefined
      ? 'quantile not known'
      : `${quantileName(latency.quantile)} ${latency.high === undefined ? '' : '≈ '}${estimate(latency)}`,
    slowText(row, known),
    ...(rate === undefined
      ? []
      : [`burns ${least(row, known)}${span(rate, burn)}${pairText(row, known, rate[0] ?? 0)}`]),
    ...(budget === undefined ? [] : [`budget: ${budgetText(budget, rate?.[0])}`]),
    ...(noBudget === undefined ? [] : [`budget not known: ${oneLine(noBudget)}`]),
  ]
    .map((text) => escape(text, 160))
    .concat(metAnyway(row, known, rate?.[0]));
}

function slowText(row: SloRow, known: SloFigures): string {
  const slow = slowOf(row, known);
  const threshold = bound(known.threshold);
  if (slow === undefined) return `share slower than ${threshold} not known`;
  const shares = `${least(row, known)}${span(slow, share)}`;
  return `${shares} slower than ${threshold}${percentiles(row, known)}, ${share(known.allowed)} allowed`;
}

/** What the buckets say of an approximate threshold are two shares; what the rule judges by is the lower of them. */
const least = (row: SloRow, { slow }: SloFigures): string => (slow === undefined ? floor(row) : '');

/** Where the threshold stands among the bucket bounds, when it is none of them. */
function percentiles({ isApproximate }: SloRow, { slow }: SloFigures): string {
  if (isApproximate === true) return judgedAt(slow);
  return slow === undefined ? '' : besideBounds(slow);
}

/** The share of slow requests in the window of the quantile; without that, what the rule judges by. */
function slowOf({ valueKind, value }: SloRow, { slow }: SloFigures): readonly [number, number] | undefined {
  if (slow !== undefined) return [slow.atLeast, slow.atMost];
  return valueKind === 'slow-share' && value !== undefined ? [value, value] : undefined;
}

/** What a burn-rate alert asks for; where it is met although too much is burnt, why. */
function pairText(row: SloRow, { burn: pair, allowed }: SloFigures, rate: number): string {
  if (pair === undefined) return '';
  const over = `over ${timeSpan(pair.long)} and ${timeSpan(pair.short)}`;
  const asked = `alerts above ${burn(pair.factor)} ${over}`;
  if (row.state !== 'ok' || rate <= 1) return `, ${asked}`;
  if (rate <= pair.factor) return `, below ${burn(pair.factor)}, which alerts ${over}`;
  return row.value === undefined
    ? `, ${asked}`
    : ` over ${timeSpan(pair.long)} and ${floor(row)}${burn(row.value / allowed)} over ${timeSpan(pair.short)}, alerts above ${burn(pair.factor)} over both`;
}

/**
 * Why a rule is met although more is slow now than it allows: what ends a breach is clean already, or it was evaluated
 * before. Nothing where that is not so, or the pair of windows says it.
 */
function metAnyway(row: SloRow, { burn: pair }: SloFigures, rate: number | undefined): string[] {
  const { value: now, valueWindow, evaluatedAt } = row;
  if (row.state !== 'ok' || rate === undefined || rate <= (pair?.factor ?? 1)) return [];
  if (now !== undefined && valueWindow !== undefined && isCleanAlready(row)) {
    if (pair !== undefined) return [];
    return [
      `ok because only ${share(now)} were ${row.isApproximate === true ? 'certainly ' : ''}slow in the last ${timeSpan(valueWindow)}`,
    ];
  }
  return evaluatedAt === undefined ? [] : [`ok when last evaluated, at ${date(evaluatedAt, '{time_secs}')}`];
}

const isCleanAlready = ({ valueKind, value: now, bound: limit }: SloRow): boolean =>
  valueKind === 'slow-share' && now !== undefined && limit !== undefined && now <= limit;

const span = ([low, high]: readonly number[], write: (value: number) => string): string =>
  low === undefined || high === undefined || low === high
    ? write(low ?? Number.NaN)
    : `${write(low)} to ${write(high)}`;

function value(row: SloRow): string[] {
  const how = { kind: row.valueKind, unit: row.unit };
  const shown = row.value === undefined ? [] : [`${floor(row)}${ruleValue(row.value, how)}`];
  const limit =
    row.bound === undefined
      ? []
      : [
          `alerts ${row.comparison === undefined ? 'at' : comparisonWord(row.comparison)} ${ruleValue(row.bound, how)}`,
        ];
  return [...shown, ...limit].map((text) => escape(text, 60));
}

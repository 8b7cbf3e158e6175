import type { TableBlock } from '@slack/types';
import type { SloFigures } from '../../commands/slo-figures.ts';
import type { ServiceRow, SloServicesView } from '../../commands/slo-services.ts';
import type { SloRow, SloStatusView } from '../../commands/slo-status.ts';
import type { Budget } from '../../latency/error-budget.ts';
import { bound, burn, count, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import type { LatencyObjective, SloRule } from '../../rules/rule.ts';
import { unitOf } from './alert-facts.ts';
import { andMore, cell, context, notices, type Rendered, section } from './block-kit.ts';
import {
  atLeastPrefix,
  budgetDays,
  budgetLeft,
  budgetText,
  comparisonWord,
  estimate,
  ruleValue,
  thresholdNote,
  unconfirmedEndText,
} from './format.ts';
import { code, date, escape, link, oneLine, phraseText } from './mrkdwn.ts';

/** How the states of rules and services are shown. */
const STATES: Readonly<Record<SloRow['state'], { readonly sign: string; readonly text: string }>> = {
  firing: { sign: '🔴', text: 'firing' },
  'no-data': { sign: '⚪', text: 'firing, no data' },
  'rule-error': { sign: '🛠', text: 'rule error' },
  'source-error': { sign: '🛠', text: 'query failed' },
  pending: { sign: '🟡', text: 'pending' },
  unknown: { sign: '❔', text: 'not evaluated yet' },
  'not-evaluated': { sign: '➖', text: 'not evaluated' },
  ok: { sign: '🟢', text: 'ok' },
};

const PROBLEMS_SHOWN = 5;
const LINES_PER_SECTION = 6;
/** A line has at most about 900 characters: with this many in total, a message stays within the limits. */
const MAX_CHARACTERS = 11_000;

/** The answer to `/slo`. */
export function sloStatusMessage({ at, rows, silences = [], channelProblems = [] }: SloStatusView): Rendered {
  const received = rows.filter(({ isReceived }) => isReceived === true);
  const lines = fitting(rows.filter(({ isReceived }) => isReceived !== true).map(sloLine), MAX_CHARACTERS);
  const room = MAX_CHARACTERS - lines.reduce((sum, line) => sum + line.length + 1, 0);
  const receivedLines = fitting(received.map(sloLine), room);
  const sections = [
    ...sectionsOf(lines),
    ...andMore(rows.length - received.length - lines.length, 'more rule'),
    ...(received.length === 0 ? [] : ['*From Alertmanager*', ...sectionsOf(receivedLines)]),
    ...andMore(received.length - receivedLines.length, 'more alert'),
  ];
  const text = `Rules at ${date(at)}: ${summary(rows)}`;
  const warnings = channelProblems
    .slice(0, PROBLEMS_SHOWN)
    .map((problem) => `⚠️ Channel ${escape(oneLine(problem), 300)}`);
  const silenced = silences.slice(0, PROBLEMS_SHOWN).map((line) => `🔕 ${phraseText(line)}`);
  const others = silences.length - silenced.length;
  const more = others > 0 ? [`🔕 and ${count(others, 'more silence')}: \`/slo silences\``] : [];
  const first = [...silenced, ...more];
  const heads = [...warnings, ...(first.length === 0 ? [] : [first.join('\n')])];
  return { text, blocks: [...heads, text, ...sections].map((each) => section(each)) };
}

/** How many rules are in each state, and how many alerts: `3 rules: 1 firing, 2 ok · 2 alerts: 2 firing`. */
function summary(rows: readonly SloRow[]): string {
  if (rows.length === 0) return 'no rules are loaded';
  // The rows are sorted by urgency: the first one of a rule is the state of the rule.
  const rules = new Map<SloRule, SloRow['state']>();
  for (const { rule, state, isReceived } of rows)
    if (isReceived !== true && !rules.has(rule)) rules.set(rule, state);
  const alerts = rows.flatMap(({ state }) => (ALERT_STATES.has(state) ? [state] : []));
  return [
    rules.size === 0 ? 'no rules are loaded' : counted('rule', [...rules.values()]),
    ...(alerts.length === 0 ? [] : [counted('alert', alerts)]),
  ].join(' · ');
}

/** The states of rows that show an alert. */
const ALERT_STATES: ReadonlySet<SloRow['state']> = new Set(['firing', 'no-data', 'pending']);

function counted(noun: string, states: readonly SloRow['state'][]): string {
  const counts = new Map<string, number>();
  for (const state of states) counts.set(STATES[state].text, (counts.get(STATES[state].text) ?? 0) + 1);
  return `${count(states.length, noun)}: ${[...counts].map(([text, amount]) => `${amount} ${text}`).join(', ')}`;
}

function sectionsOf(lines: readonly string[]): readonly string[] {
  const sections: string[] = [];
  for (let i = 0; i < lines.length; i += LINES_PER_SECTION)
    sections.push(lines.slice(i, i + LINES_PER_SECTION).join('\n'));
  return sections;
}

function fitting(lines: readonly string[], most: number): readonly string[] {
  let room = most;
  const end = lines.findIndex((line) => {
    room -= line.length + 1;
    return room < 0;
  });
  return end === -1 ? lines : lines.slice(0, end);
}

/** A rule or an alert in one line: state, name with a link to its message, subject, figures, since when. */
export function sloLine(row: SloRow): string {
  const { rule, state, subject, figures, since, detail, people, unconfirmed, messageUrl } = row;
  const { sign, text } = STATES[state];
  const { objective } = rule;
  return [
    `${sign} ${messageUrl === undefined ? code(rule.name, 80) : link(messageUrl, rule.name, 80)}`,
    ...(subject === undefined ? [] : [code(subject, 80)]),
    state === 'pending' && rule.for > 0 ? `${text}, fires after ${timeSpan(rule.for)}` : text,
    ...(figures === undefined || objective === undefined
      ? valueTexts(row)
      : figureTexts({ ...row, figures, objective })),
    ...(since === undefined ? [] : [`since ${date(since)}`]),
    ...(detail === undefined ? [] : [escape(oneLine(detail), 160)]),
    ...(people === undefined ? [] : [phraseText(people, 160)]),
    ...(unconfirmed === undefined ? [] : [unconfirmedEndText(unconfirmed)]),
  ].join(' · ');
}

/** A row of a rule with an objective. */
interface Measured extends SloRow {
  readonly objective: LatencyObjective;
  readonly figures: SloFigures;
}

/** Quantile, share of slow requests, burn rate and error budget. What is unknown is named. */
function figureTexts(row: Measured): string[] {
  const { latency, budget } = row.figures;
  const allowed = 1 - row.objective.quantile;
  const slow = slowOf(row);
  const rate = slow === undefined || allowed <= 0 ? undefined : slow.map((each) => each / allowed);
  return [
    latency === undefined
      ? 'quantile unknown'
      : `${quantileName(latency.quantile)} ${latency.high === undefined ? '' : '≈ '}${estimate(latency)}`,
    slowText(row),
    ...(rate === undefined
      ? []
      : [`burn rate ${least(row)}${range(rate, burn)}${burnText(row, rate[0] ?? 0)}`]),
    budgetLine(budget, rate?.[0]),
  ]
    .map((text) => escape(text, 160))
    .concat(isOkAtHighRate(row, rate?.[0]) ? okText(row) : []);
}

function budgetLine(budget: Budget, rate: number | undefined): string {
  if (budget.kind === 'known') return `budget: ${budgetText(budget, rate)}`;
  return `budget unknown: ${budget.kind === 'pending' ? 'query still running' : oneLine(budget.reason)}`;
}

function slowText(row: Measured): string {
  const { quantile, threshold } = row.objective;
  const slow = slowOf(row);
  if (slow === undefined) return `share of requests over ${bound(threshold)} unknown`;
  return `${least(row)}${range(slow, share)} slower than ${bound(threshold)}${thresholdNote(row.figures.slow, row.objective.isApproximate)}, ${share(1 - quantile)} allowed`;
}

/** The rule compares the lower of two shares where its threshold is between bucket bounds. */
const least = (row: Measured): string => (row.figures.slow === undefined ? atLeastPrefix(row.rule) : '');

/** The share of slow requests in the window of the objective; when unknown, the value of the rule. */
function slowOf({ rule, value, figures: { slow } }: Measured): readonly [number, number] | undefined {
  if (slow !== undefined) return [slow.atLeast, slow.atMost];
  return rule.valueKind === 'slow-share' && value !== undefined ? [value, value] : undefined;
}

/** The condition of a burn-rate alert; in state `ok` at a high rate, why it does not fire. */
function burnText(row: Measured, rate: number): string {
  const { burn: windows } = row.rule;
  if (windows === undefined) return '';
  const [long, short] = [timeSpan(windows.long), timeSpan(windows.short)];
  const factor = burn(windows.factor);
  if (row.state === 'ok' && rate > windows.factor && row.value !== undefined) {
    const now = burn(row.value / (1 - row.objective.quantile));
    return ` over ${long} and ${atLeastPrefix(row.rule)}${now} over ${short}, alerts above ${factor} over both`;
  }
  return `, alerts above ${factor} over ${long} and ${short}`;
}

/** Whether a rule is `ok` although its figures, which are newer and of a longer window, are above the objective. */
const isOkAtHighRate = ({ rule: { burn: windows }, state }: SloRow, rate = 0): boolean =>
  state === 'ok' && rate > (windows?.factor ?? 1);

/** Why a rule is `ok` at a high burn rate. Empty when `burnText` explains it. */
function okText(row: Measured): string[] {
  const { rule, value, evaluatedAt } = row;
  if (!isWithinBound(row))
    return evaluatedAt === undefined
      ? []
      : [`ok at the last evaluation, ${date(evaluatedAt, '{time_secs}')}`];
  const window = rule.recovery?.window;
  if (rule.burn !== undefined || value === undefined || window === undefined) return [];
  const known = rule.objective?.isApproximate === true ? 'known to be ' : '';
  return [`ok because only ${share(value)} were ${known}slow in the last ${timeSpan(window)}`];
}

/** Whether the share of slow requests in the window of the recovery condition is within the bound. */
const isWithinBound = ({ rule: { recovery, valueKind, bound: limit }, value }: SloRow): boolean =>
  recovery?.window !== undefined &&
  valueKind === 'slow-share' &&
  value !== undefined &&
  limit !== undefined &&
  value <= limit;

const range = ([low, high]: readonly number[], write: (value: number) => string): string =>
  low === undefined || high === undefined || low === high
    ? write(low ?? Number.NaN)
    : `${write(low)} to ${write(high)}`;

/** The value of a rule and its bound. */
function valueTexts(row: SloRow): string[] {
  const { valueKind, bound: limit, comparison } = row.rule;
  const how = { kind: valueKind, unit: unitOf(row.rule, row.rule) };
  const shown = row.value === undefined ? [] : [`${atLeastPrefix(row.rule)}${ruleValue(row.value, how)}`];
  const alerts = comparison === undefined ? 'at' : comparisonWord(comparison);
  return [...shown, ...(limit === undefined ? [] : [`alerts ${alerts} ${ruleValue(limit, how)}`])].map(
    (text) => escape(text, 60),
  );
}

/** A table accepts 100 rows and 10,000 characters in all cells. */
const MAX_ROWS = 60;
const MAX_NAME = 60;

const HEAD = ['Service', 'State', 'Slow', 'Compliance', 'Error budget', 'Objective'];

/** The answer to `/slo services`: a table, the worst first. */
export function sloServicesMessage({ rows, gaps }: SloServicesView): Rendered {
  if (rows.length === 0) {
    const text = gaps[0] ?? 'No rule has a latency objective with requests: no services to list.';
    return { text: escape(text), blocks: [section(escape(text))] };
  }
  const [worst] = rows;
  const hidden = rows.length - MAX_ROWS;
  const text = `${count(rows.length, 'service')}, the worst first`;
  return {
    text: `${text}${worst === undefined ? '' : `: ${escape(worst.name, 120)}, ${STATES[worst.state].text}`}`,
    blocks: [
      section(`*${text}*`),
      table(rows.slice(0, MAX_ROWS)),
      ...context([
        'Slow: the share over the threshold in the window of the objective. Compliance: the share within the threshold in the period of the budget.',
        ...(hidden > 0 ? [`${count(hidden, 'more service')} not shown`] : []),
      ]),
      ...notices(gaps, 3),
    ],
  };
}

const table = (rows: readonly ServiceRow[]): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'left' },
    { align: 'left' },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
    { align: 'left' },
  ],
  rows: [
    HEAD.map((name) => cell(name)),
    ...rows.map((row) => cellsOf(row).map((text) => cell(text, MAX_NAME))),
  ],
});

function cellsOf({ name, objective, state, share: slow, budget }: ServiceRow): readonly string[] {
  const { quantile, threshold, window, isApproximate } = objective;
  const { sign, text } = STATES[state];
  const least = isApproximate === true ? 'at least ' : '';
  return [
    name,
    `${sign} ${text}`,
    slow === undefined ? '–' : `${least}${share(slow)} in ${timeSpan(window)}`,
    budget === undefined
      ? '–'
      : `${compliance(1 - (1 - budget.left) * (1 - quantile))} in ${budgetDays(budget)}`,
    budget === undefined ? '–' : budgetLeft(budget),
    `${quantileName(quantile)} below ${bound(threshold)}`,
  ];
}

/** A share near 1, with as many digits as show what is missing: `99.43%`, `99.997%`. */
function compliance(value: number): string {
  const missing = 1 - value;
  if (missing <= 0) return '100%';
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(missing * 100)) + 1));
  return `${Number((value * 100).toFixed(digits))}%`;
}

import type { TableBlock } from '@slack/types';
import { count } from '../../lib/format.ts';
import { toEpochMs } from '../../lib/units.ts';
import type { PairedSpans, UnpairedSpans } from '../../traces/compare-structure.ts';
import type { ComparedTrace, ComparisonView, PathDifference } from '../../traces/compare-traces.ts';
import {
  actions,
  cell,
  context,
  linkButtons,
  list,
  notices,
  type Rendered,
  type SlackBlock,
  section,
  shortTraceId,
} from './block-kit.ts';
import { time } from './format.ts';
import { code, date, escape, link } from './mrkdwn.ts';
import { outcomeText, subjectText } from './trace-analysis.ts';

/** Rows of each kind in one message; together they stay below Slack's 12,000 characters. */
const SHOWN = { path: 10, paired: 10, unpaired: 5, notices: 6 } as const;
const MAX_INDENT = 8;

/** The answer to `/trace compare`: which trace took longer, on what, and what only one of them did. */
export function comparisonMessage(view: ComparisonView): Rendered {
  const { a, b, url, paired, onlyInA, onlyInB } = view;
  const links = [
    { label: 'Compare in Jaeger', url },
    { label: 'Trace A', url: a.url },
    { label: 'Trace B', url: b.url },
  ].flatMap((each) => (each.url === undefined ? [] : [{ label: each.label, url: each.url }]));
  const result = resultText(view);
  return {
    text: `Trace comparison: ${escape(result)}`,
    blocks: [
      section([`*${result}*`, traceLine('A', a), traceLine('B', b)].join('\n')),
      ...pathDifference(view),
      ...pairedSpans(paired),
      ...list('*Only in A*', onlyInA, { max: SHOWN.unpaired, line: unpairedLine }),
      ...list('*Only in B*', onlyInB, { max: SHOWN.unpaired, line: unpairedLine }),
      ...notices(view.notices, SHOWN.notices),
      ...actions(linkButtons(links)),
    ],
  };
}

/** A difference with its sign; a minus sign, because a hyphen is easily overlooked. */
const signed = (micros: number): string =>
  micros === 0 ? '0' : `${micros > 0 ? '+' : '−'}${time(Math.abs(micros))}`;

/** `B took 412 ms longer (7.9x)`. */
function resultText({ a, b, difference }: ComparisonView): string {
  if (difference === 0) return `Both took ${time(a.duration)}`;
  const [slow, fast] = difference > 0 ? [b, a] : [a, b];
  const ratio = fast.duration === 0 ? Number.POSITIVE_INFINITY : slow.duration / fast.duration;
  const factor = ratio >= 1.5 && ratio < 1_000 ? ` (${ratio.toFixed(ratio < 9.95 ? 1 : 0)}x)` : '';
  return `${difference > 0 ? 'B' : 'A'} took ${time(Math.abs(difference))} longer${factor}`;
}

function traceLine(name: string, trace: ComparedTrace): string {
  const operation = code(trace.requestLine || trace.rootOperation, 100);
  const outcome = outcomeText(trace);
  return [
    `*${name}* *${time(trace.duration)}* ${link(trace.url, shortTraceId(trace.traceId))} ${code(trace.rootService, 80)} ${operation}`,
    ...(outcome === '' ? [] : [outcome]),
    count(trace.spanCount, 'span'),
    ...typical(trace),
    date(toEpochMs(trace.start), '{date_short_pretty} {time_secs}'),
    ...(trace.requestId === undefined ? [] : [`request ${code(trace.requestId, 60)}`]),
  ].join(' · ');
}

/** How the trace was chosen when the command did not name it. */
function typical({ medianOf, isBeforeBreach }: ComparedTrace): readonly string[] {
  if (medianOf === undefined) return [];
  const period = isBeforeBreach === true ? ' before the breach' : '';
  return [
    medianOf === 1
      ? `the only similar request${period}`
      : `typical: median of ${count(medianOf, 'similar request')}${period}`,
  ];
}

/** The difference of the critical paths. The rows and the rest sum to the difference of the durations. */
function pathDifference({ path: { rows, hidden, hiddenDifference } }: ComparisonView): readonly SlackBlock[] {
  if (rows.length === 0) return [section('The critical paths are the same.')];
  const shown = rows.slice(0, SHOWN.path);
  const more = hidden + rows.length - shown.length;
  return [
    section('*Difference of the critical paths*'),
    pathTable(shown),
    ...context(more === 0 ? [] : [`${count(more, 'other item')}: ${signed(hiddenDifference)} in total`]),
  ];
}

/** Difference and subject come first: a phone shows only the first columns. */
const pathTable = (rows: readonly PathDifference[]): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'right' },
    { align: 'left', is_wrapped: true },
    { align: 'left' },
    { align: 'right' },
    { align: 'right' },
  ],
  rows: [
    ['Difference', 'Spent on', 'Service', 'A', 'B'].map((name) => cell(name)),
    ...rows.map((row) => [
      cell(signed(row.difference)),
      cell(subjectText(row), 200),
      cell(row.service, 80),
      cell(spent(row.a, row.spans.a)),
      cell(spent(row.b, row.spans.b)),
    ]),
  ],
});

const spent = (micros: number, spans: number): string =>
  spans === 0 ? '–' : `${time(micros)}${spans > 1 ? ` (${spans} times)` : ''}`;

function pairedSpans({ rows, hidden, pairCount }: ComparisonView['paired']): readonly SlackBlock[] {
  if (pairCount === 0) return [];
  const title = `*In both*: ${count(pairCount, 'span')}`;
  if (rows.length === 0) return [section(`${title}, all with the same duration`)];
  return list(
    `${title}, different durations:`,
    { rows, hidden },
    {
      max: SHOWN.paired,
      line: pairLine,
      noun: 'smaller difference',
    },
  );
}

function pairLine({ service, operation, requestLine, depth, pairs, versions, a, b }: PairedSpans): string {
  const times = pairs > 1 ? ` (${pairs} times)` : '';
  const version =
    versions === undefined ? '' : ` · version ${code(versions.a, 40)} in A, ${code(versions.b, 40)} in B`;
  const difference = `${time(Math.abs(b - a))} ${b > a ? 'slower' : 'faster'}`;
  return `${indent(depth)}${code(service, 80)} ${code(requestLine || operation, 80)}${times}: *${difference}* in B (${time(a)}, ${time(b)})${version}`;
}

/** Slack removes leading spaces, but not em spaces. */
const indent = (depth: number): string => '\u2003'.repeat(Math.min(depth, MAX_INDENT));

function unpairedLine(of: UnpairedSpans): string {
  const { service, operation, requestLine, peer, under, isEarlierAttempt, times, spans } = of;
  const what = peer === '' ? code(requestLine || operation, 80) : `call to ${code(peer, 80)}`;
  const where =
    under === '' || under === service ? code(service, 80) : `${code(under, 80)} → ${code(service, 80)}`;
  const attempts = times > 1 ? `, ${times} earlier attempts` : ', an earlier attempt';
  const often = isEarlierAttempt ? attempts : times > 1 ? ` ${times} times` : '';
  const below = spans > times ? `, with ${count(spans - times, 'span')} below` : '';
  return `${where} ${what}${often}: ${time(of.time)}${below}`;
}

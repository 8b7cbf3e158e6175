import type { Button, TableBlock } from '@slack/types';
import type { Truncated } from '../../lib/format.ts';
import { count, durationText } from '../../lib/format.ts';
import { toEpochMs, us } from '../../lib/units.ts';
import type { PairedSpans, UnpairedSpans } from '../../traces/compare-structure.ts';
import type { ComparedTrace, ComparisonView, PathDifference } from '../../traces/compare-traces.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import type { Rendered, SlackBlock } from './block-kit.ts';
import { actions, button, cell, context, linkButtons, section, shortTraceId } from './block-kit.ts';
import { code, date, escape, link, oneLine } from './mrkdwn.ts';
import { purpose } from './trace-analysis.ts';

/** Most of each that one message shows; together they keep clear of Slack's 12,000 characters. */
const SHOWN = { parts: 10, paired: 10, unpaired: 5, notices: 6 } as const;
/** A name under more than this many others says no more by being further to the right. */
const DEEPEST = 8;

/** A button that holds a trace against a usual one of its kind; none for what is no trace id. */
export const compareButton = (traceId: string, label: string): Button[] =>
  /^[0-9a-f]{16,32}$/u.test(traceId)
    ? [button(label, `${RUN_COMMAND}_compare`, `/trace compare ${traceId}`)]
    : [];

/** The answer to `/trace compare`: which took longer, on what, and what only one of them did. */
export function comparisonMessage(view: ComparisonView): Rendered {
  const links = [
    ...(view.url === undefined ? [] : [{ label: 'Compare in Jaeger', url: view.url }]),
    ...[view.a, view.b].flatMap(({ url }, index) =>
      url === undefined ? [] : [{ label: index === 0 ? 'Trace A' : 'Trace B', url }],
    ),
  ];
  return {
    text: `Comparison of two requests: ${escape(plainVerdict(view))}`,
    blocks: [
      section([`*${verdict(view)}*`, head('A', view.a), head('B', view.b)].join('\n')),
      ...path(view),
      ...paired(view),
      ...unpaired('A', view.onlyInA),
      ...unpaired('B', view.onlyInB),
      ...context(view.notices.slice(0, SHOWN.notices).map((text) => escape(oneLine(text), 400))),
      ...actions(linkButtons(links)),
    ],
  };
}

const time = (micros: number): string => durationText(us(micros));

/** A difference with its sign; the minus is a real one, since a hyphen gets lost before a figure. */
const signed = (micros: number): string =>
  micros === 0 ? '0' : `${micros > 0 ? '+' : '−'}${time(Math.abs(micros))}`;

function plainVerdict({ a, b, difference }: ComparisonView): string {
  if (difference === 0) return `both took ${time(a.duration)}`;
  const [slow, fast] = difference > 0 ? [b, a] : [a, b];
  const ratio = fast.duration === 0 ? Number.POSITIVE_INFINITY : slow.duration / fast.duration;
  const times = ratio >= 1.5 && ratio < 1_000 ? `, ${ratio.toFixed(ratio < 9.95 ? 1 : 0)} times as long` : '';
  return `${difference > 0 ? 'B' : 'A'} took ${time(Math.abs(difference))} longer${times}`;
}

function verdict(view: ComparisonView): string {
  const text = plainVerdict(view);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function head(name: string, of: ComparedTrace): string {
  const outcome = of.isError
    ? ` · ⚠ ${escape(oneLine(of.status), 120)}`
    : of.status === ''
      ? ''
      : ` · status ${escape(oneLine(of.status), 30)}`;
  const operation = code(of.requestLine || of.rootOperation, 100);
  const request = of.requestId === undefined ? '' : ` · request ${code(of.requestId, 60)}`;
  return [
    `*${name}* *${time(of.duration)}* ${link(of.url, shortTraceId(of.traceId))}`,
    ` ${code(of.rootService, 80)} ${operation}${outcome} · ${count(of.spanCount, 'span')}`,
    typical(of),
    ` · ${date(toEpochMs(of.start), '{date_short_pretty} {time_secs}')}${request}`,
  ].join('');
}

/** How the trace was chosen when the command did not name it. */
function typical({ medianOf }: ComparedTrace): string {
  if (medianOf === undefined) return '';
  return medianOf === 1
    ? ' · the only similar request'
    : ` · typical: median of ${count(medianOf, 'similar request')}`;
}

/** The difference of the critical paths: every microsecond of the difference stands in exactly one row. */
function path({ path: { rows, hidden, hiddenDifference } }: ComparisonView): readonly SlackBlock[] {
  if (rows.length === 0) return [section('They spent their time on the same things, for as long.')];
  const shown = rows.slice(0, SHOWN.parts);
  const more = hidden + rows.length - shown.length;
  return [
    section('*Where the difference lies* (critical paths)'),
    table(shown),
    ...context(more === 0 ? [] : [`${count(more, 'other part')}: ${signed(hiddenDifference)} together`]),
  ];
}

const table = (rows: readonly PathDifference[]): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'right' },
    { align: 'left', is_wrapped: true },
    { align: 'left' },
    { align: 'right' },
    { align: 'right' },
  ],
  rows: [
    // On a phone the later columns are out of sight.
    [cell('Difference'), cell('On'), cell('Service'), cell('A'), cell('B')],
    ...rows.map((row) => [
      cell(signed(row.difference)),
      cell(purpose(row), 200),
      cell(row.service, 80),
      cell(spent(row.a, row.spans.a)),
      cell(spent(row.b, row.spans.b)),
    ]),
  ],
});

const spent = (micros: number, spans: number): string =>
  spans === 0 ? '–' : `${time(micros)}${spans > 1 ? ` (${spans} times)` : ''}`;

function paired({ paired: { rows, hidden, pairCount } }: ComparisonView): readonly SlackBlock[] {
  if (pairCount === 0) return [];
  const shown = rows.slice(0, SHOWN.paired);
  if (shown.length === 0)
    return [section(`*In both*: ${count(pairCount, 'span')}, none of another duration`)];
  const more = hidden + rows.length - shown.length;
  return [
    section(
      [
        `*In both*: ${count(pairCount, 'span')}; those of other durations:`,
        ...shown.map(pairLine),
        ...(more > 0 ? [`and ${more} more that differ less`] : []),
      ].join('\n'),
    ),
  ];
}

function pairLine({ service, operation, requestLine, depth, pairs, versions, a, b }: PairedSpans): string {
  const times = pairs > 1 ? ` (${pairs} times)` : '';
  const servedBy =
    versions === undefined ? '' : ` · version ${code(versions.a, 40)} in A, ${code(versions.b, 40)} in B`;
  const longer = `${time(Math.abs(b - a))} ${b > a ? 'slower' : 'faster'}`;
  return `${indent(depth)}${code(service, 80)} ${code(requestLine || operation, 80)}${times}: *${longer}* in B (${time(a)}, ${time(b)})${servedBy}`;
}

/** Spaces at the start of a line are not shown; these are. */
const indent = (depth: number): string => '\u2003'.repeat(Math.min(depth, DEEPEST));

function unpaired(name: string, { rows, hidden }: Truncated<UnpairedSpans>): readonly SlackBlock[] {
  const shown = rows.slice(0, SHOWN.unpaired);
  if (shown.length === 0) return [];
  const more = hidden + rows.length - shown.length;
  return [
    section(
      [`*Only in ${name}*`, ...shown.map(unpairedLine), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
    ),
  ];
}

function unpairedLine({
  service,
  operation,
  requestLine,
  peer,
  under,
  isEarlierAttempt,
  times,
  spans,
  time: spentThere,
}: UnpairedSpans): string {
  const done = peer === '' ? code(requestLine || operation, 80) : `call of ${code(peer, 80)}`;
  const where =
    under === '' || under === service ? code(service, 80) : `${code(under, 80)} → ${code(service, 80)}`;
  const often = isEarlierAttempt
    ? `, ${times > 1 ? `${times} earlier attempts` : 'an earlier attempt'}`
    : times > 1
      ? ` ${times} times`
      : '';
  const below = spans > times ? `, with ${count(spans - times, 'span')} below` : '';
  return `${where} ${done}${often}: ${time(spentThere)}${below}`;
}

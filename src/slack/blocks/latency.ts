import type { TableBlock } from '@slack/types';
import type { LatencyColumn, LatencyView } from '../../commands/latency.ts';
import type { CallLatencyView } from '../../commands/latency-call.ts';
import type { SloRow } from '../../commands/slo-status.ts';
import type { LatencyBreakdown, OutcomeSlice, SideLatency, VersionSlice } from '../../latency/breakdown.ts';
import type { CallFigures, CallGrowth, CallSide } from '../../latency/calls.ts';
import { bound, durationText, rate, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import { type Milliseconds, ms, toEpochMs, us } from '../../lib/units.ts';
import type { ServiceInRequest, ServiceSpan } from '../../traces/service-in-request.ts';
import {
  actions,
  cell,
  chartBlock,
  context,
  linkButtons,
  list,
  notices,
  type Rendered,
  type SlackBlock,
  section,
} from './block-kit.ts';
import { latency, roughly } from './format.ts';
import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';
import { sloLine } from './slo-status.ts';
import { outcomeText, pathBlocks, rankSentence } from './trace-analysis.ts';

/** Rows of each kind in one message. */
const SHOWN = {
  quantiles: 10,
  columns: 10,
  slos: 8,
  versions: 5,
  outcomes: 6,
  calls: 8,
  notices: 5,
} as const;

/** The answer to `/latency`: the figures now, an hour ago and a day ago, the breakdown, the objectives, a chart. */
export function latencyMessage(view: LatencyView): Rendered {
  const chart = view.chart === undefined ? undefined : chartBlock(view.chart);
  return {
    text: `Latency of ${escape(oneLine(view.service), 120)}: ${escape(now(view))}`,
    blocks: [
      section(`*Latency of ${code(view.service, 120)}*, ${timeSpan(view.window)} until ${date(view.at)}`),
      figures(view),
      ...intervals(view),
      ...breakdownBlocks(view),
      ...callBlocks(view),
      ...slos(view.slos),
      ...(chart === undefined ? [] : [chart]),
      ...notices(view.notices, SHOWN.notices),
      ...actions(linkButtons(view.links)),
    ],
  };
}

function now({ columns }: LatencyView): string {
  const column = columns.find(({ label }) => label === 'now') ?? columns[0];
  const known = column?.quantiles.map((each) => `${quantileName(each.quantile)} ${roughly(each)}`) ?? [];
  return known.length === 0 ? 'no data' : known.join(', ');
}

const quantilesOf = (columns: readonly LatencyColumn[]): readonly number[] =>
  [...new Set(columns.flatMap(({ quantiles }) => quantiles.map(({ quantile }) => quantile)))].sort(
    (a, b) => a - b,
  );

/** A row for each metric, a column for each time, and a dash without data. */
function figures({ columns }: LatencyView): TableBlock {
  const row = (
    name: string,
    of: (column: LatencyColumn) => string | undefined,
  ): TableBlock['rows'][number] => [
    cell(name),
    ...columns.slice(0, SHOWN.columns).map((column) => cell(of(column) ?? '–')),
  ];
  return {
    type: 'table',
    column_settings: [
      { align: 'left' },
      ...columns.slice(0, SHOWN.columns).map(() => ({ align: 'right' as const })),
    ],
    rows: [
      row('Metric', columnName),
      ...quantilesOf(columns)
        .slice(0, SHOWN.quantiles)
        .map((quantile) =>
          row(quantileName(quantile), ({ quantiles }) => {
            const known = quantiles.find((each) => each.quantile === quantile);
            return known === undefined ? undefined : roughly(known);
          }),
        ),
      row('Requests', ({ requestsPerSecond }) =>
        requestsPerSecond === undefined ? undefined : rate(requestsPerSecond),
      ),
      row('Errors', ({ errorShare }) => (errorShare === undefined ? undefined : share(errorShare))),
    ],
  };
}

/** `now (5 min)`, `last 1 h`, `a day ago (1 h)`. */
const columnName = ({ label, window }: LatencyColumn): string =>
  label === 'last' ? `last ${timeSpan(window)}` : `${label} (${timeSpan(window)})`;

/** The buckets of the current quantiles, whose values are interpolated. */
function intervals({ columns }: LatencyView): readonly SlackBlock[] {
  const known = (columns.find(({ label }) => label === 'now')?.quantiles ?? []).flatMap(
    ({ quantile, low, high }) =>
      low === undefined || high === undefined
        ? []
        : [`${quantileName(quantile)} between ${bound(low)} and ${bound(high)}`],
  );
  return known.length === 0 ? [] : context([`Now: ${escape(known.slice(0, SHOWN.quantiles).join(', '))}`]);
}

function slos(rows: readonly SloRow[]): readonly SlackBlock[] {
  if (rows.length === 0) return [];
  const hidden = rows.length - SHOWN.slos;
  const more = hidden > 0 ? [`and ${hidden} more: \`/slo\``] : [];
  return [section([...rows.slice(0, SHOWN.slos).map(sloLine), ...more].join('\n'))];
}

/** Requests by version and by outcome, and the difference between callers and service. */
function breakdownBlocks({
  breakdown,
  service,
}: Pick<LatencyView, 'breakdown' | 'service'>): readonly SlackBlock[] {
  if (breakdown === undefined) return [];
  const { versions, outcomes, sides } = breakdown;
  const side = outcomes.side === 'source' ? 'measured by callers' : 'measured by the service';
  return [
    ...list('*By version*', versions, { max: SHOWN.versions, line: versionLine }),
    ...list(`*By outcome*, ${side}`, outcomes, { max: SHOWN.outcomes, line: outcomeLine }),
    ...(sides === undefined ? [] : [section(sidesText(sides, service))]),
  ];
}

/** What it waits for and who waits for it, each with its growth. */
function callBlocks({ calls, service }: Pick<LatencyView, 'calls' | 'service'>): readonly SlackBlock[] {
  return list(
    `*Calls of ${code(service, 120)}*, mean duration, compared with an hour ago`,
    { rows: calls.slice(0, SHOWN.calls), hidden: Math.max(0, calls.length - SHOWN.calls) },
    { max: SHOWN.calls, line: callLine, noun: 'call' },
  );
}

function callLine({ end, service, mean, meanBefore, requestsPerSecond }: CallGrowth): string {
  const change = meanBefore === undefined ? 'none an hour ago' : changeText(mean, meanBefore);
  return `${end === 'callee' ? 'to' : 'from'} ${code(service, 80)} ${latency(mean)} (${change}), ${rate(requestsPerSecond)}`;
}

/** A mean that differs by less than this share of itself is no change that anybody looks for. */
const UNCHANGED = 0.02;

const changeText = (mean: Milliseconds, before: Milliseconds): string =>
  Math.abs(mean - before) < before * UNCHANGED
    ? 'no change'
    : `${growth(mean - before)} from ${latency(before)}`;

const growth = (difference: number): string =>
  `${difference < 0 ? '−' : '+'}${latency(ms(Math.abs(difference)))}`;

function versionLine({ version, share: part, p50, p99, errorShare }: VersionSlice): string {
  const figures = [
    `${share(part)} of requests`,
    ...(p50 === undefined ? [] : [`p50 ${escape(roughly(p50))}`]),
    ...(p99 === undefined ? [] : [`p99 ${escape(roughly(p99))}`]),
    ...(errorShare === undefined ? [] : [errorShare === 0 ? 'no errors' : `errors ${share(errorShare)}`]),
  ];
  return `${version === '' ? 'unknown version' : code(version, 80)}: ${figures.join(', ')}`;
}

/** One outcome of requests: status, flags in words, share, p99. */
function outcomeLine({ code: status, grpcStatus, flags, isFailure, share: part, p99 }: OutcomeSlice): string {
  const ended = [
    // Envoy writes 0 when the connection ended before a response.
    ...(status === '' || status === '0' ? [] : [code(status, 40)]),
    ...(grpcStatus === '' ? [] : [`gRPC ${code(grpcStatus, 20)}`]),
    ...(flags === '' ? [] : [escape(oneLine(flags), 160)]),
  ];
  const p99Text = p99 === undefined ? '' : `, p99 ${escape(roughly(p99))}`;
  return `${isFailure ? '⚠ ' : ''}${ended.join(' ') || 'no response'}: ${share(part)} of requests${p99Text}`;
}

/** Quantiles of both sides, which cannot be subtracted, and the difference of the means, which can. */
function sidesText(
  { source, destination, meanBetween }: NonNullable<LatencyBreakdown['sides']>,
  service: string,
): string {
  const between =
    meanBetween === undefined
      ? `Callers count ${rate(source.requestsPerSecond)}, the service ${rate(destination.requestsPerSecond)}: these are not the same requests.`
      : `Mean difference: ${latency(meanBetween)} (network, proxies, retries).`;
  return [
    '*Callers and service*',
    `Measured by callers: ${quantiles(source)}. By ${code(service, 80)}: ${quantiles(destination)}.`,
    between,
  ].join('\n');
}

const quantiles = ({ p50, p99 }: SideLatency): string =>
  [
    ...(p50 === undefined ? [] : [`p50 ${roughly(p50)}`]),
    ...(p99 === undefined ? [] : [`p99 ${roughly(p99)}`]),
  ].join(', ') || 'no data';

const SPANS_SHOWN = { spans: 5, notices: 5 } as const;

/** The answer to `/latency <service> <id>`: what a service did in one request, and its percentile rank. */
export function serviceInRequestMessage(view: ServiceInRequest): Rendered {
  const { service, requestId, traceId, spans, hiddenSpans, spentOn, url } = view;
  const [kind, id] = requestId === undefined ? ['trace', traceId] : ['request', requestId];
  const amount = spans.length + hiddenSpans;
  const took = time(longest(view)?.duration ?? 0);
  return {
    text: `${escape(oneLine(service), 120)} in ${kind} ${escape(oneLine(id), 100)}: ${took}${isWithin(view) ? `, ${share(view.share)} of the request` : ''}`,
    blocks: [
      section([`*${code(service, 120)} in ${kind} ${code(id, 100)}*`, ...facts(view, took)].join('\n')),
      ...list(
        amount === 1 ? '*1 span*' : `*${amount} spans*, longest first`,
        { rows: spans, hidden: hiddenSpans },
        { max: SPANS_SHOWN.spans, line: spanLine, noun: 'shorter span' },
      ),
      ...pathBlocks(`*Breakdown of the ${took}*`, spentOn),
      ...notices(view.notices, SPANS_SHOWN.notices),
      ...actions(linkButtons(url === undefined ? [] : [{ label: 'Open in Jaeger', url }])),
    ],
  };
}

const time = (micros: number): string => durationText(us(micros));
const longest = ({ spans }: ServiceInRequest): ServiceSpan | undefined => spans[0];

function facts(view: ServiceInRequest, took: string): readonly string[] {
  const { onPath, percentiles, traceId, url, start } = view;
  return [
    `*${took}*, ${proportion(view)} · ${link(url, `trace ${literal(traceId, 32)}`)} · ${date(toEpochMs(start), '{date_short_pretty} {time_secs}')}`,
    ...(percentiles === undefined ? [] : rankSentence(percentiles)),
    ...(onPath === undefined ? [] : [pathText(onPath, view)]),
  ];
}

/** Spans are closed late: a span may end this much after its caller and still belong to it. */
const TOLERANCE = 1.01;

/** Whether the longest span ran within the request, so that its share of the request has a meaning. */
function isWithin({ spans: [span], rootDuration, onPath }: ServiceInRequest): boolean {
  return (
    span !== undefined && onPath !== undefined && span.offset + span.duration <= rootDuration * TOLERANCE
  );
}

/** The longest span compared with the request. */
function proportion(view: ServiceInRequest): string {
  const { rootDuration, rootService, onPath, spans } = view;
  const request = `the ${time(rootDuration)} request to ${code(rootService, 80)}`;
  if (onPath === undefined) return `not connected to ${request}`;
  if (isWithin(view)) return `${share(view.share)} of ${request}`;
  const late = (spans[0]?.offset ?? 0) - rootDuration;
  return late < 0 ? `ended after ${request}` : `started ${time(late)} after ${request} ended`;
}

/** How much of the longest span is on the critical path. */
function pathText(onPath: number, view: ServiceInRequest): string {
  if (onPath === 0) return `Not on the critical path${isWithin(view) ? ': it ran in parallel' : ''}.`;
  const isAll = onPath >= (longest(view)?.duration ?? 0) * 0.99;
  return `${isAll ? 'All' : time(onPath)} of it is on the critical path: ${share(onPath / Math.max(1, view.rootDuration))} of the request.`;
}

function spanLine(span: ServiceSpan): string {
  const { operation, requestLine, duration, offset } = span;
  const outcome = outcomeText(span);
  return [
    `${time(duration)} ${code(requestLine || operation, 120)}`,
    ...(outcome === '' ? [] : [outcome]),
    ...(offset === 0
      ? []
      : [
          `started at ${offset > 0 ? '+' : '−'}${time(Math.abs(offset))}${offset > 0 ? '' : ' (clock skew)'}`,
        ]),
  ].join(' · ');
}

/** The answer to `/latency <service> to <service>`: what each end measured, and the difference. */
export function callLatencyMessage(view: CallLatencyView): Rendered {
  const { caller, callee, window, at, outcomes, links } = view;
  const name = `${escape(oneLine(caller), 120)} to ${escape(oneLine(callee), 120)}`;
  return {
    text: `Latency of ${name}: ${headline(view)}`,
    blocks: [
      section(
        [
          `*${code(caller, 120)} to ${code(callee, 120)}*, ${timeSpan(window)} until ${date(at)}`,
          headline(view),
        ].join('\n'),
      ),
      table(view),
      ...(outcomes === undefined
        ? []
        : list('*By outcome*, measured by the caller', outcomes, { max: SHOWN.outcomes, line: outcomeLine })),
      ...actions(linkButtons(links)),
    ],
  };
}

function headline({
  caller,
  callee,
  now: { caller: waited, callee: took, meanDifference },
}: CallLatencyView): string {
  const [from, to] = [escape(oneLine(caller), 120), escape(oneLine(callee), 120)];
  const texts = [
    ...(waited.mean === undefined ? [] : [`${from} waited ${latency(waited.mean)} on average`]),
    ...(took.mean === undefined ? [] : [`${to} took ${latency(took.mean)}`]),
  ];
  if (texts.length === 0) return 'No calls were measured.';
  return meanDifference === undefined
    ? `${texts.join(', ')}: only one end is measured.`
    : `${texts.join(', ')}: ${signed(meanDifference)} is network, proxies and retries.`;
}

/** A difference may be negative where the ends counted different calls. */
const signed = (duration: Milliseconds): string =>
  duration < 0 ? `−${latency(ms(Math.abs(duration)))}` : latency(duration);

/** A row for each metric, a column for each end and the difference; the means of an hour ago last. */
function table({ caller, callee, now, hourAgo }: CallLatencyView): TableBlock {
  const row = (
    name: string,
    of: (side: CallSide) => string | undefined,
    { figures = now, difference }: { figures?: CallFigures; difference?: Milliseconds } = {},
  ): TableBlock['rows'][number] => [
    cell(name),
    cell(of(figures.caller) ?? '–'),
    cell(of(figures.callee) ?? '–'),
    cell(difference === undefined ? '' : signed(difference)),
  ];
  const mean = ({ mean: known }: CallSide): string | undefined =>
    known === undefined ? undefined : latency(known);
  const quantile = (index: number) => (side: CallSide) => {
    const known = side.quantiles[index];
    return known === undefined ? undefined : roughly(known);
  };
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, { align: 'right' }, { align: 'right' }, { align: 'right' }],
    rows: [
      [
        cell('Metric'),
        cell(`${literal(caller, 60)} waited`),
        cell(`${literal(callee, 60)} took`),
        cell('Difference'),
      ],
      row('Mean', mean, { difference: now.meanDifference }),
      row('p50', quantile(0)),
      row('p99', quantile(1)),
      row('Requests', ({ requestsPerSecond }) =>
        requestsPerSecond === undefined ? undefined : rate(requestsPerSecond),
      ),
      row('Errors', ({ errorShare }) => (errorShare === undefined ? undefined : share(errorShare))),
      row('Mean an hour ago', mean, { figures: hourAgo, difference: hourAgo.meanDifference }),
    ],
  };
}

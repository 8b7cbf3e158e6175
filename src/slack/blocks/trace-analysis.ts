import type { TableBlock } from '@slack/types';
import type { PercentileRanks, ServicePercentile } from '../../latency/percentile-rank.ts';
import { boundRange, count, durationText, grouped, share } from '../../lib/format.ts';
import type { TraceView } from '../../traces/inspect-trace.ts';
import type { PathRows, PathSubject } from '../../traces/path-breakdown.ts';
import { andMore, cell, context, list, type SlackBlock, section } from './block-kit.ts';
import { code, escape, literal, oneLine } from './mrkdwn.ts';

/** Rows of each kind in one message; together they stay below Slack's 12,000 characters. */
const SHOWN = {
  path: 8,
  errors: 5,
  hops: 4,
  retries: 3,
  repeats: 3,
  offPath: 3,
  slow: 8,
  typical: 12,
} as const;

/** The analysis of a trace: errors, critical path, percentile ranks, repeated calls, network, other self times. */
export function traceAnalysis(view: TraceView): readonly SlackBlock[] {
  const { errors, errorCount, path, percentiles, retries, repeats, hops, offPath } = view;
  const unexplained = errorCount - errors.slice(0, SHOWN.errors).reduce((sum, { spans }) => sum + spans, 0);
  const repeated = [
    ...retries.slice(0, SHOWN.retries).map(retryLine),
    ...repeats.slice(0, SHOWN.repeats).map(repeatLine),
  ];
  return [
    ...list(
      `*${count(errorCount, 'failed span')}*, caused by:`,
      { rows: errors.slice(0, SHOWN.errors), hidden: Math.max(0, unexplained) },
      { max: SHOWN.errors, line: errorLine, noun: 'other span' },
    ),
    ...pathBlocks(`*Critical path*, ${durationText(path.duration)}`, path),
    ...percentileBlocks(percentiles),
    ...list('*Repeated calls*', { rows: repeated }, { max: repeated.length, line: (text) => text }),
    ...list(
      '*Network and proxies*, both directions',
      { rows: hops.slice(0, SHOWN.hops) },
      { max: SHOWN.hops, line: hopLine },
    ),
    ...list(
      '*Largest self times off the critical path*',
      { rows: offPath.slice(0, SHOWN.offPath) },
      { max: SHOWN.offPath, line: selfTimeLine },
    ),
  ];
}

/** How a span or a request ended: `⚠ 503`, `status 200`; empty when unknown. */
export function outcomeText(of: { readonly isError: boolean; readonly status: string }): string {
  const status = oneLine(of.status);
  if (of.isError) return `⚠ ${escape(status, 160)}`;
  return status === '' ? '' : `status ${escape(status, 30)}`;
}

function errorLine({ service, operation, detail, times, reachesRoot }: TraceView['errors'][number]): string {
  const often = times > 1 ? `, ${times} times` : '';
  const effect = reachesRoot ? '' : ' · did not fail the request';
  return `⚠ ${code(service, 80)} ${code(operation, 100)} ${escape(oneLine(detail), 200)}${often}${effect}`;
}

/** A critical path as a title and a table, the largest entry first. */
export function pathBlocks(title: string, { rows, hidden }: PathRows): readonly SlackBlock[] {
  if (rows.length === 0) return [];
  const more = hidden.count + Math.max(0, rows.length - SHOWN.path);
  const time = hidden.time > 0 ? `, ${durationText(hidden.time)}` : '';
  return [
    section(title),
    pathTable(rows.slice(0, SHOWN.path)),
    ...context(andMore(more, 'smaller item').map((text) => `${text}${time}`)),
  ];
}

/** Time, share and subject come first: a phone shows only the first columns. */
const pathTable = (rows: PathRows['rows']): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'right' },
    { align: 'right' },
    { align: 'left', is_wrapped: true },
    { align: 'left' },
    { align: 'right' },
  ],
  rows: [
    ['Time', 'Share', 'Spent on', 'Service', 'Max saving'].map((name) => cell(name)),
    ...rows.map((row) => [
      cell(durationText(row.time)),
      cell(share(row.share)),
      cell(`${subjectText(row)}${row.spans > 1 ? ` (${row.spans} times)` : ''}`, 200),
      cell(row.service, 80),
      cell(row.potentialSaving > 0 ? durationText(row.potentialSaving) : 'none'),
    ]),
  ],
});

const BESIDE_CALLS = {
  network: 'network and proxies to',
  connection: 'connection setup to',
  retry: 'delay before a retry to',
} as const;

/** The largest entry of a critical path, as the first line of an answer: `75% of 1.02 s: database payments-db, INSERT charges`. */
export function causeLine({ rows: [first], duration }: TraceView['path']): string | undefined {
  return first === undefined
    ? undefined
    : `${share(first.share)} of ${durationText(duration)}: ${causeText(first)}`;
}

function causeText({
  kind,
  service,
  operation,
  requestLine,
  peer,
}: PathSubject & { service: string }): string {
  const [name, from, callee] = [
    literal(requestLine ?? operation, 120),
    literal(service, 80),
    literal(peer, 80),
  ];
  switch (kind) {
    case 'own':
      return `own code of ${from}, ${name}${callee === '' ? '' : `, or network to ${callee}`}`;
    case 'network':
    case 'connection':
    case 'retry':
      return `${BESIDE_CALLS[kind]} ${callee || name} from ${from}`;
    case 'database':
      return `database ${callee === '' ? `of ${from}` : callee}, ${literal(operation, 120)}`;
    case 'call':
      return `${from} waiting ${callee === '' ? `in ${name}` : `for ${callee}`} (no span)`;
  }
}

/** What the time of an entry of the critical path was spent on, as plain text. */
export function subjectText({ kind, operation, requestLine, peer }: PathSubject): string {
  const name = literal(requestLine ?? operation, 120);
  const callee = literal(peer, 80);
  switch (kind) {
    case 'own':
      return `own code in ${name}${callee === '' ? '' : `, or network to ${callee}`}`;
    case 'network':
    case 'connection':
    case 'retry':
      return `${BESIDE_CALLS[kind]} ${callee || name}`;
    case 'database':
      return `database${callee === '' ? '' : ` ${callee}`}: ${literal(operation, 100)}`;
    case 'call':
      return callee === '' ? `waiting in ${name} (no span of the callee)` : `waiting for ${callee} (no span)`;
  }
}

function retryLine(retry: TraceView['retries'][number]): string {
  const { caller, callee, attempts, failed, abandoned, duration } = retry;
  const outcomes = [`${failed} failed`, ...(abandoned > 0 ? [`${abandoned} timed out`] : [])].join(', ');
  return `${code(caller, 80)} called ${code(callee, 80)} ${attempts} times, ${outcomes}, ${durationText(duration)} in total`;
}

const repeatLine = ({
  service,
  operation,
  child,
  count: times,
  time,
}: TraceView['repeats'][number]): string =>
  `${code(service, 80)} ${code(operation, 80)} ran ${code(child, 80)} ${times} times in sequence, ${durationText(time)} in total: candidate for one batch call`;

function hopLine({ caller, callee, calls, overhead, worst, split }: TraceView['hops'][number]): string {
  const details = [
    ...(calls > 1 ? [`${calls} calls, slowest ${durationText(worst)}`] : []),
    split === undefined
      ? 'directions unknown: clock skew'
      : `request ${durationText(split.request)}, response ${durationText(split.response)}`,
  ];
  return `${code(caller, 80)} → ${code(callee, 80)} ${durationText(overhead)} (${details.join('; ')})`;
}

const selfTimeLine = ({
  service,
  operation,
  selfTime,
  share: ofTrace,
}: TraceView['offPath'][number]): string =>
  `${durationText(selfTime)}, ${share(ofTrace)}: ${code(service, 80)} ${code(operation, 100)}`;

/** A request whose percentile rank in a service may be higher is not called typical there. */
const TYPICAL_RANK = 0.9;
/** A wider range of ranks that holds the median only shows that the request is typical. */
const WIDE_RANGE = 0.25;
const MEDIAN = 0.5;

/** The percentile ranks of a request: a line for each service in which it may have been slow, and one for all others. */
function percentileBlocks(percentiles: PercentileRanks | undefined): readonly SlackBlock[] {
  if (percentiles === undefined || percentiles.rows.length === 0) return [];
  const slow = percentiles.rows.filter(mayBeSlow).sort(byRank);
  const others = percentiles.rows.filter((row) => !mayBeSlow(row));
  const names = others.slice(0, SHOWN.typical).map(({ service }) => code(service, 80));
  const typical = [names.join(', '), ...andMore(others.length - names.length)].join(' ');
  return [
    section(
      [
        `*Percentile rank by service* ${periodText(percentiles)}`,
        ...slow.slice(0, SHOWN.slow).map(percentileLine),
        ...andMore(slow.length - SHOWN.slow, 'more service'),
        ...(others.length === 0 ? [] : [`typical or faster: ${typical}`]),
      ].join('\n'),
    ),
  ];
}

/** From this many times the median on, a request is slow, however many others are: in an incident many are. */
const FAR_ABOVE_MEDIAN = 2;

/** By the upper end of the range: the buckets of a histogram do not say more. */
const mayBeSlow = ({ atMost, low, high, medianUpTo }: ServicePercentile): boolean =>
  atMost > TYPICAL_RANK ||
  high === undefined ||
  (medianUpTo !== undefined && low >= FAR_ABOVE_MEDIAN * medianUpTo);

const byRank = (a: ServicePercentile, b: ServicePercentile): number =>
  b.atLeast + b.atMost - a.atLeast - a.atMost;

const PERIODS: Readonly<Record<PercentileRanks['period'], string>> = {
  'last-hour': 'in the last hour',
  'before-end': 'in the hour before its end',
  'before-breach': 'in the hour before the breach',
};

const periodText = ({ period }: PercentileRanks): string => PERIODS[period];

function percentileLine(row: ServicePercentile): string {
  const longest = row.spans > 1 ? `, longest of ${row.spans} spans` : '';
  return `${code(row.service, 80)} ${durationText(row.duration)}${longest}: ${percentileText(row)}`;
}

/** The percentile rank of one request as a sentence with its period. */
export function rankSentence(percentiles: PercentileRanks): readonly string[] {
  const [row] = percentiles.rows;
  if (row === undefined) return [];
  const text = percentileText(row, ` ${periodText(percentiles)}`);
  return [`${text.charAt(0).toUpperCase()}${text.slice(1)}.`];
}

/** `slower than 99.2% of 8,400 requests`: a percentile rank, no more precise than the buckets of the histogram. */
export function percentileText(row: ServicePercentile, period = ''): string {
  const { side, isOwnSpan, requests } = row;
  const among = `of ${requests < 100 ? 'only ' : ''}${requestCount(requests)}${period}`;
  const notes = [
    ...(side === 'source' ? ['measured at the gateway'] : []),
    ...(isOwnSpan ? ['application span, slightly shorter than what its proxy measures'] : []),
  ];
  return `${rankText(row, among)}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

function rankText({ atLeast, atMost, low, high }: ServicePercentile, among: string): string {
  if (atLeast === 1) return `slower than all ${among}`;
  if (high === undefined || (atMost === 1 && (atMost - atLeast <= WIDE_RANGE || atLeast >= MEDIAN)))
    return `slower than at least ${percent(atLeast, Math.floor)}% ${among}`;
  if (atMost - atLeast > WIDE_RANGE && atLeast < MEDIAN)
    return `typical: ${share(atMost - atLeast)} ${among} took ${boundRange(low, high)}`;
  if (atLeast === 0) return `among the fastest ${percent(atMost, Math.ceil)}% ${among}`;
  const [least, most] = [percent(atLeast, Math.floor), percent(atMost, Math.ceil)];
  return least === most ? `slower than ${least}% ${among}` : `slower than ${least} to ${most}% ${among}`;
}

/** A rank in percent, rounded outwards; with two decimals from 99.8% on. */
function percent(value: number, round: (value: number) => number): string {
  const digits = 1 - value < 0.002 ? 2 : 1;
  const scale = 10 ** digits;
  // Binary fractions would round 99.2 up to 99.3.
  const exact = Number((value * 100 * scale).toPrecision(12));
  return String(Number((round(exact) / scale).toFixed(digits)));
}

/** A rate times an hour is exact to about two digits. */
const requestCount = (requests: number): string =>
  `${grouped(requests < 100 ? requests : Number(requests.toPrecision(2)))} requests`;

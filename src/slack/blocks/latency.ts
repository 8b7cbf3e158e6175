import type { TableBlock } from '@slack/types';
import type { LatencyColumn, LatencyView } from '../../commands/latency.ts';
import type { SloRow } from '../../commands/slo-status.ts';
import type { LatencyBreakdown, OutcomeSlice, SideLatency, VersionSlice } from '../../latency/breakdown.ts';
import { bound, rate, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import type { Truncated } from '../../lib/truncated.ts';
import {
  actions,
  cell,
  chartBlock,
  context,
  linkButtons,
  type Rendered,
  type SlackBlock,
  section,
} from './block-kit.ts';
import { latency, roughly } from './format.ts';
import { code, date, escape, oneLine } from './mrkdwn.ts';
import { sloLine } from './slo-status.ts';

const SLOS_SHOWN = 8;
const NOTICES_SHOWN = 5;

/** The answer to `/latency`: now, an hour ago, a day ago side by side; the objectives; a chart. */
export function latencyMessage(view: LatencyView): Rendered {
  const chart = view.chart === undefined ? undefined : chartBlock(view.chart);
  const notices = view.notices.slice(0, NOTICES_SHOWN).map((text) => escape(oneLine(text), 400));
  return {
    text: `Latency of ${escape(oneLine(view.service), 120)}: ${escape(now(view))}`,
    blocks: [
      section(
        `*Latency of ${code(view.service, 120)}* over ${timeSpan(view.window)} up to ${date(view.at, '{date_short_pretty} {time}')}`,
      ),
      figures(view),
      ...intervals(view),
      ...breakdownBlocks(view),
      ...slos(view.slos),
      ...(chart === undefined ? [] : [chart]),
      ...context(notices),
      ...actions(linkButtons(view.links)),
    ],
  };
}

function now({ columns }: LatencyView): string {
  const column = columns.find(({ label }) => label === 'now') ?? columns[0];
  const known = column?.quantiles.map((each) => `${quantileName(each.quantile)} ${roughly(each)}`) ?? [];
  return known.length === 0 ? 'nothing known' : known.join(', ');
}

const quantilesOf = (columns: readonly LatencyColumn[]): readonly number[] =>
  [...new Set(columns.flatMap(({ quantiles }) => quantiles.map(({ quantile }) => quantile)))].sort(
    (a, b) => a - b,
  );

/** One row per figure, one column per time; a dash where nothing is known. */
function figures({ columns }: LatencyView): TableBlock {
  const row = (
    name: string,
    of: (column: LatencyColumn) => string | undefined,
  ): TableBlock['rows'][number] => [
    cell(name),
    ...columns.slice(0, 10).map((column) => cell(of(column) ?? '–')),
  ];
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, ...columns.slice(0, 10).map(() => ({ align: 'right' as const }))],
    rows: [
      row('Figure', ({ label }) => label),
      ...quantilesOf(columns)
        .slice(0, 10)
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

/** A quantile of a histogram is a guess inside a bucket: the buckets of the present are named below the table. */
function intervals({ columns }: LatencyView): readonly SlackBlock[] {
  const known = (columns.find(({ label }) => label === 'now')?.quantiles ?? []).flatMap(
    ({ quantile, low, high }) =>
      low === undefined || high === undefined
        ? []
        : [`${quantileName(quantile)} between ${bound(low)} and ${bound(high)}`],
  );
  return known.length === 0 ? [] : context([`Now: ${escape(known.slice(0, 10).join(', '))}`]);
}

function slos(rows: readonly SloRow[]): readonly SlackBlock[] {
  if (rows.length === 0) return [];
  const hidden = rows.length - SLOS_SHOWN;
  return [
    section(
      [
        ...rows.slice(0, SLOS_SHOWN).map(sloLine),
        ...(hidden > 0 ? [`and ${hidden} more: \`/slo\``] : []),
      ].join('\n'),
    ),
  ];
}

/** Most rows of each that one message shows. */
const SHOWN = { versions: 5, outcomes: 6 } as const;

/** What a service's latency is made of: its versions, how requests ended, and what lies between it and its callers. */
function breakdownBlocks({
  breakdown,
  service,
}: Pick<LatencyView, 'breakdown' | 'service'>): readonly SlackBlock[] {
  if (breakdown === undefined) return [];
  const { versions, outcomes, sides } = breakdown;
  const seen = outcomes.side === 'source' ? 'as callers see it' : 'as it answered itself';
  return [
    ...list('By version', versions, { most: SHOWN.versions, line: versionLine }),
    ...list(`By outcome, ${seen}`, outcomes, { most: SHOWN.outcomes, line: outcomeLine }),
    ...(sides === undefined ? [] : [section(sidesText(sides, service))]),
  ];
}

function list<T>(
  title: string,
  { rows, hidden }: Truncated<T>,
  { most, line }: { readonly most: number; readonly line: (row: T) => string },
): readonly SlackBlock[] {
  const shown = rows.slice(0, most);
  if (shown.length === 0) return [];
  const more = hidden + rows.length - shown.length;
  return [section([`*${title}*`, ...shown.map(line), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'))];
}

function versionLine({ version, share: part, p50, p99, errorShare }: VersionSlice): string {
  const figures = [
    `${share(part)} of requests`,
    ...(p50 === undefined ? [] : [`p50 ${escape(roughly(p50))}`]),
    ...(p99 === undefined ? [] : [`p99 ${escape(roughly(p99))}`]),
    ...(errorShare === undefined ? [] : [errorShare === 0 ? 'no errors' : `errors ${share(errorShare)}`]),
  ];
  return `${version === '' ? 'no version' : code(version, 80)}: ${figures.join(', ')}`;
}

function outcomeLine({ code: status, grpcStatus, flags, isFailure, share: part, p99 }: OutcomeSlice): string {
  const ended = [
    // Envoy's 0 is no code: the connection ended before one came.
    ...(status === '' || status === '0' ? [] : [code(status, 40)]),
    ...(grpcStatus === '' ? [] : [`gRPC ${code(grpcStatus, 20)}`]),
    ...(flags === '' ? [] : [escape(oneLine(flags), 160)]),
  ];
  const p99Text = p99 === undefined ? '' : `, p99 ${escape(roughly(p99))}`;
  return `${isFailure ? '⚠ ' : ''}${ended.join(' ') || 'no answer'}: ${share(part)} of requests${p99Text}`;
}

/** A difference of two quantiles is no quantile of the differences, so both stand side by side; means may be subtracted. */
function sidesText(
  { source, destination, meanBetween }: NonNullable<LatencyBreakdown['sides']>,
  service: string,
): string {
  const between =
    meanBetween === undefined
      ? `Callers count ${rate(source.requestsPerSecond)}, the service ${rate(destination.requestsPerSecond)}: these are not all the same requests.`
      : `On average ${latency(meanBetween)} of a request lie between the two: network, proxies, retries.`;
  return [
    '*Both ends of the calls*',
    `Callers see ${quantiles(source)}; ${code(service, 80)} itself ${quantiles(destination)}.`,
    between,
  ].join('\n');
}

const quantiles = ({ p50, p99 }: SideLatency): string =>
  [
    ...(p50 === undefined ? [] : [`p50 ${roughly(p50)}`]),
    ...(p99 === undefined ? [] : [`p99 ${roughly(p99)}`]),
  ].join(', ') || 'nothing';

import type { TableBlock } from '@slack/types';
import type { LatencyColumn, LatencyView } from '../../commands/latency.ts';
import type { SloRow } from '../../commands/slo-status.ts';
import type { LatencyBreakdown, OutcomeSlice, SideLatency, VersionSlice } from '../../latency/breakdown.ts';
import { bound, rate, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
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
import { code, date, escape, oneLine } from './mrkdwn.ts';
import { sloLine } from './slo-status.ts';

/** Rows of each kind in one message. */
const SHOWN = { quantiles: 10, columns: 10, slos: 8, versions: 5, outcomes: 6, notices: 5 } as const;

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
      row('Metric', ({ label }) => label),
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

function versionLine({ version, share: part, p50, p99, errorShare }: VersionSlice): string {
  const figures = [
    `${share(part)} of requests`,
    ...(p50 === undefined ? [] : [`p50 ${escape(roughly(p50))}`]),
    ...(p99 === undefined ? [] : [`p99 ${escape(roughly(p99))}`]),
    ...(errorShare === undefined ? [] : [errorShare === 0 ? 'no errors' : `errors ${share(errorShare)}`]),
  ];
  return `${version === '' ? 'unknown version' : code(version, 80)}: ${figures.join(', ')}`;
}

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

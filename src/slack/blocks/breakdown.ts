import type { LatencyView } from '../../commands/report-latency.ts';
import type {
  LatencyBreakdown,
  OutcomeSlice,
  SideLatency,
  VersionSlice,
} from '../../latency/break-down-latency.ts';
import type { Truncated } from '../../lib/truncated.ts';
import type { SlackBlock } from './block.ts';
import { latency, rate, roughly, share } from './format.ts';
import { code, escape, oneLine } from './mrkdwn.ts';
import { section } from './pieces.ts';

/** Most rows of each that one message shows. */
const SHOWN = { versions: 5, outcomes: 6 } as const;

/** What a service's latency is made of: its versions, how requests ended, and what lies between it and its callers. */
export function breakdownBlocks({
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

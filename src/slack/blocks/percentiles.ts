import type { PercentileRanks, ServicePercentile } from '../../latency/percentile-rank.ts';
import { bound, count, durationText, grouped, share } from '../../lib/format.ts';
import { type SlackBlock, section } from './block-kit.ts';
import { code } from './mrkdwn.ts';

/** Most services with a line of their own, and most that are only named. */
const SHOWN = { unusual: 8, usual: 12 } as const;
/** Slower than this share of a service's requests, for certain, is worth a line. */
const UNUSUAL = 0.9;
/** Shares this far apart say no more than that the request is one of many. */
const VAGUE = 0.25;

/**
 * Where a request stands among the others of each service on its way: a line for each service in which it was unusually
 * slow, one for all others. Nothing where nothing is measured.
 */
export function percentileBlocks({
  percentiles,
}: {
  readonly percentiles?: PercentileRanks;
}): readonly SlackBlock[] {
  if (percentiles === undefined || percentiles.rows.length === 0) return [];
  const unusual = percentiles.rows.filter(isUnusual).sort(slowestFirst);
  const usual = percentiles.rows.filter((row) => !isUnusual(row));
  const hidden = unusual.length - SHOWN.unusual;
  return [
    section(
      [
        `*Among the requests of each service*, ${period(percentiles)}`,
        ...unusual.slice(0, SHOWN.unusual).map(percentileLine),
        ...(hidden > 0 ? [`and ${count(hidden, 'more slow service')}`] : []),
        ...usualLine(usual),
      ].join('\n'),
    ),
  ];
}

/** By the lower end of what is known; above a histogram's highest bound everything is unusual. */
const isUnusual = ({ atLeast, high }: ServicePercentile): boolean => atLeast >= UNUSUAL || high === undefined;

const slowestFirst = (a: ServicePercentile, b: ServicePercentile): number =>
  b.atLeast + b.atMost - a.atLeast - a.atMost;

function usualLine(rows: readonly ServicePercentile[]): readonly string[] {
  if (rows.length === 0) return [];
  const names = rows.slice(0, SHOWN.usual).map(({ service }) => code(service, 80));
  const more = rows.length - names.length;
  return [`as usual or faster: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

/** The time that a request is compared with. */
export const period = ({ isRecent }: Pick<PercentileRanks, 'isRecent'>): string =>
  isRecent ? 'in the last hour' : 'in the hour up to its end';

function percentileLine(row: ServicePercentile): string {
  const longest = row.spans > 1 ? `, the longest of ${row.spans}` : '';
  return `${code(row.service, 80)} ${durationText(row.duration)}${longest}: ${percentileText(row)}`;
}

/** Where one request stands, in words: never with more precision than the buckets have. */
export function percentileText(row: ServicePercentile): string {
  const { side, isOwnSpan, requests } = row;
  const among = `of ${requests < 100 ? 'only ' : ''}${aboutCount(requests)}`;
  const notes = [
    ...(side === 'source' ? ['as the gateway saw its calls'] : []),
    ...(isOwnSpan
      ? ["by the application's own span, which is a little shorter than what its proxy measures"]
      : []),
  ];
  return `${rankText(row)} ${among}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

function rankText({ atLeast, atMost, low, high }: ServicePercentile): string {
  if (high === undefined || (atMost === 1 && atMost - atLeast <= VAGUE))
    return `slower than ${percent(atLeast, Math.floor)}% or more`;
  if (atMost - atLeast > VAGUE) {
    return `between ${bound(low)} and ${bound(high)}, like ${share(atMost - atLeast)}`;
  }
  if (atLeast === 0) return `among the fastest ${percent(atMost, Math.ceil)}%`;
  const [least, most] = [percent(atLeast, Math.floor), percent(atMost, Math.ceil)];
  return least === most ? `slower than ${least}%` : `slower than ${least} to ${most}%`;
}

/** A share as per cent, rounded outwards, so that the interval still holds; finer where it nears all. */
function percent(value: number, round: (value: number) => number): string {
  const digits = 1 - value < 0.002 ? 2 : 1;
  const scale = 10 ** digits;
  // Without the noise of binary fractions 99.2 would be rounded up to 99.3.
  const exact = Number((value * 100 * scale).toPrecision(12));
  return String(Number((round(exact) / scale).toFixed(digits)));
}

/** A rate times an hour is no exact count: two digits of it are. */
function aboutCount(requests: number): string {
  const rounded = requests < 100 ? requests : Number(requests.toPrecision(2));
  return `${grouped(rounded)} requests`;
}

import type { Series } from '../lib/metrics-source.ts';
import {
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';

/** A release is searched this long before the slow window: its pods start before they are slow. */
export const RELEASE_LEAD: Milliseconds = ms(10 * MINUTE);

/** Istio's label for the version of the called pods. */
export const VERSION_LABEL = 'destination_version';

/** Points of the range query, and the shortest step: a usual scrape interval. */
const POINTS = 60;
const SHORTEST_STEP = ms(15 * SECOND);

/** The range query of the requests by version. */
export interface VersionRange {
  readonly start: EpochMs;
  readonly step: Milliseconds;
  /** Of the rate, as PromQL: it holds two samples at scrape intervals up to a minute. */
  readonly lookback: string;
}

/** The range for a slow window. Its last point is the end: there a version that just began has the largest share. */
export function versionRange({ start, end }: TimeWindow): VersionRange {
  const reach = end - start + RELEASE_LEAD;
  const step = ms(Math.max(SHORTEST_STEP, Math.ceil(reach / POINTS / SECOND) * SECOND));
  return { start: epochMs(end - Math.ceil(reach / step) * step), step, lookback: '2m' };
}

/** A version that took its first requests, or the shares of one that took clearly more of them. */
export type VersionChange =
  | { readonly version: string; readonly began: EpochMs }
  | { readonly version: string; readonly share: number; readonly shareBefore: number };

/** A new version counts from this share of the requests at the end on, another one from such a growth in the slow window. */
const LEAST = { began: 0.05, grew: 0.25 };

/** What changed in the requests per second by version; a new version comes before one that grew, the larger one first. */
export function versionChange(
  rows: readonly Series[],
  { window, step }: { readonly window: TimeWindow; readonly step: Milliseconds },
): VersionChange | undefined {
  const seen = versionsOf(rows, window).sort((a, b) => b.lastShare - a.lastShare);
  const first = Math.min(...rows.flatMap(({ points }) => points.slice(0, 1).map(({ at }) => at)));
  // The metric itself may begin in the range: only after its first points a version is new.
  const fresh = seen.find(({ began, lastShare }) => began > first + step && lastShare >= LEAST.began);
  if (fresh !== undefined) return { version: fresh.version, began: fresh.began };
  const grown = seen.find(({ share, shareBefore }) => share >= shareBefore + LEAST.grew);
  return grown && { version: grown.version, share: grown.share, shareBefore: grown.shareBefore };
}

interface VersionSeen {
  readonly version: string;
  /** The first point with requests. */
  readonly began: EpochMs;
  /** Of all requests in the slow window, at its end, and before it. */
  readonly share: number;
  readonly lastShare: number;
  readonly shareBefore: number;
}

function versionsOf(rows: readonly Series[], { start }: TimeWindow): VersionSeen[] {
  const last = Math.max(...rows.flatMap(({ points }) => points.slice(-1).map(({ at }) => at)));
  return rows.flatMap((row) => {
    const version = row.labels[VERSION_LABEL] ?? '';
    const began = row.points.find(({ value }) => value > 0)?.at;
    if (began === undefined || version === '' || version === 'unknown') return [];
    return {
      version,
      began,
      share: shareOf(row, rows, (at) => at >= start),
      lastShare: shareOf(row, rows, (at) => at === last),
      shareBefore: shareOf(row, rows, (at) => at < start),
    };
  });
}

/** The share of one series in the sum of all, over the points that are counted. */
function shareOf(row: Series, rows: readonly Series[], isCounted: (at: EpochMs) => boolean): number {
  const sumOf = ({ points }: Series): number =>
    points.reduce((sum, { at, value }) => (isCounted(at) ? sum + value : sum), 0);
  const all = rows.reduce((sum, each) => sum + sumOf(each), 0);
  return all === 0 ? 0 : sumOf(row) / all;
}

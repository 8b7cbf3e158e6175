import type { HopStanding, StandingView } from '../../../app/views/standing-view.ts';
import { toMs } from '../../../domain/units.ts';
import { bound, count, latency, share } from '../format.ts';
import { code } from '../mrkdwn.ts';
import type { SlackBlock } from './block.ts';
import { section } from './pieces.ts';

const SHOWN = 8;
/** Shares this far apart say no more than that the request is one of many. */
const VAGUE = 0.25;

/** Where a request stands among the others of each service on its way; nothing where nothing is measured. */
export function standingBlocks({ standing }: { readonly standing?: StandingView }): readonly SlackBlock[] {
  if (standing === undefined || standing.rows.length === 0) return [];
  const hidden = standing.rows.length - SHOWN;
  return [
    section(
      [
        `*Among the requests of each service*, ${period(standing)}`,
        ...[...standing.rows].sort(slowestFirst).slice(0, SHOWN).map(standingLine),
        ...(hidden > 0 ? [`and ${count(hidden, 'more service')}`] : []),
      ].join('\n'),
    ),
  ];
}

/** What stands out comes first, what is as usual last. */
const slowestFirst = (a: HopStanding, b: HopStanding): number => b.atLeast + b.atMost - a.atLeast - a.atMost;

/** The time that a request is compared with. */
export const period = ({ isRecent }: Pick<StandingView, 'isRecent'>): string =>
  isRecent ? 'in the last hour' : 'in the hour up to its end';

function standingLine(row: HopStanding): string {
  const longest = row.spans > 1 ? `, the longest of ${row.spans}` : '';
  return `${code(row.service, 80)} ${latency(toMs(row.duration))}${longest}: ${standingText(row)}`;
}

/** Where one request stands, in words: never with more precision than the buckets have. */
export function standingText(row: HopStanding): string {
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

function rankText({ atLeast, atMost, low, high }: HopStanding): string {
  if (high === undefined || (atMost === 1 && atMost - atLeast <= VAGUE))
    return `slower than ${percent(atLeast, Math.floor)} % or more`;
  if (atMost - atLeast > VAGUE) {
    return `between ${bound(low)} and ${bound(high)}, like ${share(atMost - atLeast)}`;
  }
  if (atLeast === 0) return `among the fastest ${percent(atMost, Math.ceil)} %`;
  const [least, most] = [percent(atLeast, Math.floor), percent(atMost, Math.ceil)];
  return least === most ? `slower than ${least} %` : `slower than ${least} to ${most} %`;
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
  return `${rounded.toLocaleString('en-US')} requests`;
}

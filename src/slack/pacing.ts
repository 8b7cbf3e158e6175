import type { Clock } from '../lib/clock.ts';
import {
  after,
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';

/**
 * How far apart calls must be. `chat.postMessage` takes about one message a second per channel; tier 3 methods take
 * 50 a minute and workspace, tier 2 methods 20 (java-slack-sdk metadata/web-api/rate_limit_tiers.json).
 */
const SPACING: Readonly<Record<string, Milliseconds>> = {
  'chat.postMessage': SECOND,
  'chat.update': ms(1_200),
  'conversations.history': ms(1_200),
  'conversations.replies': ms(1_200),
  'conversations.list': ms(3_000),
};

/** Methods whose limit is counted by channel; all others are counted over the workspace. */
const BY_CHANNEL = new Set(['chat.postMessage']);

/** A call that would have to wait longer is put back instead: whoever made it holds a lease. */
const LONGEST_WAIT = ms(5 * SECOND);

/** A place that nobody came back for is given up after this long past its time. */
const PLACE_KEPT = ms(15 * MINUTE);

/** A call that waits for its turn. One with a `key` keeps its place in the queue until it comes again. */
export interface PacedCall {
  readonly method: string;
  readonly channel: string;
  readonly key?: string;
}

export interface Pacer {
  /** Waits for the call's turn; returns how long is still to wait when that is too long to be waited here. */
  turn(call: PacedCall): Promise<Milliseconds | undefined>;
  /** Nothing more of this kind until then: Slack said so. */
  hold(call: PacedCall, duration: Milliseconds): void;
}

/*
 * One lane of calls. Whoever is put back is given the next free place, and comes back for it: thousands that come at
 * once are notified once each when their turn is, and go out in the order they came.
 *
 *     now        now + LONGEST_WAIT
 *      |--x--x--x--x--|--p--p--p--p--p--p--p--|
 *        sent or waited for   places     end
 */
interface Lane {
  /** When the last call that was let through goes out. */
  lastAt: EpochMs;
  /** Nothing goes out before this. */
  mutedUntil: EpochMs;
  /** The first place that nobody has. */
  end: EpochMs;
  /** By key, oldest first. */
  readonly places: Map<string, EpochMs>;
}

const NEVER = epochMs(0);

function forgetOldPlaces({ places }: Lane, now: EpochMs): void {
  for (const [key, at] of places) {
    if (between(at, now) <= PLACE_KEPT) return;
    places.delete(key);
  }
}

/** When a call may go out. */
function placeOf(
  lane: Lane,
  now: EpochMs,
  call: { key: string | undefined; spacing: Milliseconds },
): EpochMs {
  const first = Math.max(now, lane.mutedUntil, lane.lastAt === NEVER ? 0 : after(lane.lastAt, call.spacing));
  const own = call.key === undefined ? undefined : lane.places.get(call.key);
  return epochMs(Math.max(first, own ?? lane.end));
}

/** Spaces calls by method and channel. The clock is the only thing it waits for. */
export function createPacer(clock: Clock): Pacer {
  const lanes = new Map<string, Lane>();
  const laneOf = ({ method, channel }: PacedCall): Lane => {
    const name = BY_CHANNEL.has(method) ? `${method} ${channel}` : method;
    const lane = lanes.get(name) ?? { lastAt: NEVER, mutedUntil: NEVER, end: NEVER, places: new Map() };
    lanes.set(name, lane);
    return lane;
  };
  return {
    async turn(call) {
      const { key } = call;
      const spacing = SPACING[call.method];
      const lane = laneOf(call);
      const now = clock.now();
      const at = placeOf(lane, now, { key, spacing: spacing ?? ms(0) });
      const wait = between(now, at);
      const isPutBack = wait > LONGEST_WAIT;
      if (key !== undefined) lane.places.delete(key);
      if (isPutBack && key === undefined) return wait;
      if (isPutBack && key !== undefined) lane.places.set(key, at);
      else lane.lastAt = at;
      lane.end = epochMs(Math.max(lane.end, after(at, spacing ?? ms(0))));
      forgetOldPlaces(lane, now);
      if (isPutBack) return wait;
      if (wait > 0) await clock.sleep(wait);
      return undefined;
    },
    hold(call, duration) {
      const lane = laneOf(call);
      const until = after(clock.now(), duration);
      // Everybody who waits is put off by the same time, so that the order stays.
      const delay = ms(Math.max(0, between(epochMs(Math.max(clock.now(), lane.mutedUntil)), until)));
      for (const [key, at] of lane.places) lane.places.set(key, after(at, delay));
      lane.mutedUntil = epochMs(Math.max(until, lane.mutedUntil));
      lane.end = epochMs(Math.max(until, lane.places.size === 0 ? 0 : after(lane.end, delay)));
    },
  };
}

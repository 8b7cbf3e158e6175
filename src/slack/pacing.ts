import type { Clock } from '../lib/clock.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';

/*
 * Slack's rate limits and the delays before a call is repeated.
 * Source: docs.slack.dev/apis/web-api/rate-limits, java-slack-sdk metadata/web-api/rate_limit_tiers.json.
 */

/**
 * Minimum distance between two calls of a method: one message a second per channel, 50 calls a minute for tier 3, 20
 * for tier 2. A method without an entry is not paced.
 */
const SPACING: Readonly<Record<string, Milliseconds>> = {
  'chat.postMessage': SECOND,
  'chat.update': ms(1_200),
  'conversations.history': ms(1_200),
  'conversations.replies': ms(1_200),
  'conversations.list': ms(3_000),
};

/**
 * Calls that may be made at once before they are spaced: Slack allows bursts and gives no number. What reads a channel is
 * not made for hours, and then several times.
 */
const BURST: Readonly<Record<string, number>> = {
  'conversations.history': 20,
  'conversations.replies': 20,
  'conversations.list': 5,
};

/** Methods with a limit per channel; all others are limited per workspace. */
const LIMITED_PER_CHANNEL: ReadonlySet<string> = new Set(['chat.postMessage']);

/** Errors that mean a rate limit, with the delay before the next attempt: these answers carry no `Retry-After`. */
export const RETRY_DELAYS: ReadonlyMap<string, Milliseconds> = new Map([
  ['ratelimited', ms(30 * SECOND)],
  ['rate_limited', ms(30 * SECOND)],
  ['message_limit_exceeded', MINUTE],
]);

/** The delay after a 429 without a usable `Retry-After` header. */
export const DEFAULT_RETRY_DELAY: Milliseconds = ms(30 * SECOND);

/** Delays before a message with an uploaded file is posted again: Slack refuses it while it processes the file. */
export const FILE_RETRY_DELAYS: readonly Milliseconds[] = [ms(500), ms(1_000), ms(2_000), ms(4_000)];

/** A call that would wait longer than this is returned to its caller, who holds a lease. */
const MAX_WAIT = ms(5 * SECOND);

/** A reserved time that was not used is dropped after this. */
const RESERVATION_EXPIRES = ms(15 * MINUTE);

/** A call to be paced. One with a `key` keeps its reserved time until it is made again with the same key. */
export interface PacedCall {
  readonly method: string;
  readonly channel: string;
  readonly key?: string;
}

export interface Pacer {
  /** Waits until the call may be made. Returns the remaining wait instead if that exceeds five seconds. */
  turn(call: PacedCall): Promise<Milliseconds | undefined>;
  /** Delays all calls of this queue by `duration`, after a rate limit. */
  pause(call: PacedCall, duration: Milliseconds): void;
}

/*
 * One queue per method, or per method and channel. A call that cannot be made within MAX_WAIT gets a reserved time and
 * returns for it, so that thousands of calls at once are each delayed once and keep their order.
 *
 *     now       now + MAX_WAIT
 *      |--x--x--x--x--|--r--r--r--r--r--r--r--|
 *       made or waiting      reserved        end
 */
interface CallQueue {
  /** When the last call was made, or will be after its wait. */
  lastAt: EpochMs;
  /** No call is made before this. */
  pausedUntil: EpochMs;
  /** The first time that is not reserved. */
  end: EpochMs;
  /** Reserved times by key, oldest first. */
  readonly reserved: Map<string, EpochMs>;
}

const NEVER = epochMs(0);

function dropExpired({ reserved }: CallQueue, now: EpochMs): void {
  for (const [key, at] of reserved) {
    if (between(at, now) <= RESERVATION_EXPIRES) return;
    reserved.delete(key);
  }
}

/** The earliest time for a call: its reserved time, or the end of the queue. */
function nextTime(
  queue: CallQueue,
  now: EpochMs,
  call: { key: string | undefined; spacing: Milliseconds; ahead: Milliseconds },
): EpochMs {
  const { lastAt, pausedUntil, end, reserved } = queue;
  const { spacing, ahead } = call;
  const first = Math.max(now, pausedUntil, lastAt === NEVER ? 0 : before(after(lastAt, spacing), ahead));
  const own = call.key === undefined ? undefined : reserved.get(call.key);
  return epochMs(Math.max(first, own ?? before(end, ahead)));
}

/** Spaces calls by method and channel. */
export function createPacer(clock: Clock): Pacer {
  const queues = new Map<string, CallQueue>();
  const queueOf = ({ method, channel }: PacedCall): CallQueue => {
    const name = LIMITED_PER_CHANNEL.has(method) ? `${method} ${channel}` : method;
    const queue = queues.get(name) ?? { lastAt: NEVER, pausedUntil: NEVER, end: NEVER, reserved: new Map() };
    queues.set(name, queue);
    return queue;
  };
  return {
    async turn(call) {
      const { key } = call;
      const spacing = SPACING[call.method] ?? ms(0);
      const queue = queueOf(call);
      const now = clock.now();
      // Each call of a burst counts as made a spacing after the one before it: the generic cell rate algorithm.
      const ahead = ms(((BURST[call.method] ?? 1) - 1) * spacing);
      const at = nextTime(queue, now, { key, spacing, ahead });
      const wait = between(now, at);
      const isDeferred = wait > MAX_WAIT;
      if (key !== undefined) queue.reserved.delete(key);
      if (isDeferred && key === undefined) return wait;
      if (isDeferred && key !== undefined) queue.reserved.set(key, at);
      else queue.lastAt = epochMs(Math.max(at, queue.lastAt === NEVER ? 0 : after(queue.lastAt, spacing)));
      queue.end = epochMs(Math.max(queue.end, after(isDeferred ? at : queue.lastAt, spacing)));
      dropExpired(queue, now);
      if (isDeferred) return wait;
      if (wait > 0) await clock.sleep(wait);
      return undefined;
    },
    pause(call, duration) {
      const queue = queueOf(call);
      const now = clock.now();
      const until = after(now, duration);
      // All reserved times move by the same delay, which keeps their order.
      const delay = ms(Math.max(0, between(epochMs(Math.max(now, queue.pausedUntil)), until)));
      for (const [key, at] of queue.reserved) queue.reserved.set(key, after(at, delay));
      queue.pausedUntil = epochMs(Math.max(until, queue.pausedUntil));
      queue.end = epochMs(Math.max(until, queue.reserved.size === 0 ? 0 : after(queue.end, delay)));
    },
  };
}

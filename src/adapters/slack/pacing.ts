import type { Clock } from '../../app/ports.ts';
import { after, between, type EpochMs, epochMs, type Milliseconds, ms, SECOND } from '../../domain/units.ts';

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

export interface Pacer {
  /** Waits for the call's turn; returns how long is still to wait, and reserves nothing, when that is too long. */
  turn(call: { method: string; channel: string }): Promise<Milliseconds | undefined>;
  /** Nothing more of this kind until then: Slack said so. */
  hold(call: { method: string; channel: string }, duration: Milliseconds): void;
}

/** Spaces calls by method and channel. The clock is the only thing it waits for. */
export function createPacer(clock: Clock): Pacer {
  const next = new Map<string, EpochMs>();
  const laneOf = ({ method, channel }: { method: string; channel: string }): string =>
    BY_CHANNEL.has(method) ? `${method} ${channel}` : method;
  return {
    async turn(call) {
      const now = clock.now();
      const lane = laneOf(call);
      const at = epochMs(Math.max(now, next.get(lane) ?? 0));
      const wait = between(now, at);
      if (wait > LONGEST_WAIT) return wait;
      next.set(lane, after(at, SPACING[call.method] ?? ms(0)));
      if (wait > 0) await clock.sleep(wait);
      return undefined;
    },
    hold(call, duration) {
      const lane = laneOf(call);
      next.set(lane, epochMs(Math.max(after(clock.now(), duration), next.get(lane) ?? 0)));
    },
  };
}

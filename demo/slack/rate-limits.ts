import type { Clock } from './state.ts';

/** How often a method may be called: Slack's tiers, or the special limit of messages. */
export type Tier = 'tier-1' | 'tier-2' | 'tier-3' | 'tier-4' | 'message' | 'unlimited';

interface Allowance {
  readonly burst: number;
  readonly perMinute: number;
}

/**
 * Calls per minute as Slack names them (java-slack-sdk metadata/web-api/rate_limit_tiers.json). Slack allows short
 * bursts and gives no number, so a tier starts with a minute's worth. Two are the stand-in's own choice:
 * messages may run 3 ahead of their one a second; tier 1 may run 10 ahead, one for each socket an app may hold.
 */
export const ALLOWANCES: Readonly<Record<Exclude<Tier, 'unlimited'>, Allowance>> = {
  'tier-1': { burst: 10, perMinute: 1 },
  'tier-2': { burst: 20, perMinute: 20 },
  'tier-3': { burst: 50, perMinute: 50 },
  'tier-4': { burst: 100, perMinute: 100 },
  message: { burst: 3, perMinute: 60 },
};

export interface RateLimits {
  /** Takes one call from the allowance. Returns the seconds to wait when it is used up, otherwise 0. */
  readonly take: (tier: Tier, key: string) => number;
}

/** A token bucket per key, refilled by the workspace's clock. */
export function createRateLimits(clock: Clock): RateLimits {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take: (tier, key) => {
      if (tier === 'unlimited') return 0;
      const { burst, perMinute } = ALLOWANCES[tier];
      const now = clock.now();
      const bucket = buckets.get(key) ?? { tokens: burst, at: now };
      const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perMinute) / 60_000);
      const isFree = tokens >= 1;
      buckets.set(key, { tokens: isFree ? tokens - 1 : tokens, at: now });
      return isFree ? 0 : Math.ceil(((1 - tokens) * 60) / perMinute);
    },
  };
}

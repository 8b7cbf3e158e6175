import type { MeshRecord } from '../../demo/mesh/record.ts';
import type { EpochMs } from '../../src/lib/units.ts';

/** A request is slow above this; the rules of the suite say the same in their own syntax. */
const SLOW_US = 500_000;
/** The window of the rules, in seconds. */
export const WINDOW_S = 20;
/** Fewer requests in a window say nothing. */
const FEW = 10;
/** Three times the objective: no interpolation or delay of a scrape makes such a window healthy. */
const CLEARLY_SLOW = 0.03;
/** A fifth of the objective. */
const CLEARLY_FAST = 0.002;

/** What a service was in the window that ends with a second. `unclear` may be called either. */
type Condition = 'slow' | 'fast' | 'unclear';

/** What truly happened in the mesh, by second from the start of a campaign. */
export interface Truth {
  /** Reads the mesh's record up to a time. */
  advanceTo(now: number): void;
  /** Seconds that are known. */
  seconds(): number;
  services(): readonly string[];
  condition(service: string, second: number, window?: number): Condition;
}

interface Counts {
  readonly all: number[];
  readonly slow: number[];
}

/** Reads the mesh's own record, from `start` (ms since 1970) on. It shares no code with the bot. */
export function createTruth(record: Pick<MeshRecord, 'requests'>, start: number): Truth {
  const byService = new Map<string, Counts>();
  // Windows of the first seconds reach back before the start.
  const origin = start - WINDOW_S * 1_000;
  let known = origin;

  function count(service: string, second: number, isSlow: boolean): void {
    const counts = byService.get(service) ?? { all: [], slow: [] };
    byService.set(service, counts);
    counts.all[second] = (counts.all[second] ?? 0) + 1;
    counts.slow[second] = (counts.slow[second] ?? 0) + Number(isSlow);
  }

  return {
    advanceTo(now) {
      if (now <= known) return;
      const window = { start: (known + 1) as EpochMs, end: now as EpochMs };
      for (const { startUs, visits } of record.requests(window)) {
        const second = Math.floor((startUs / 1_000 - origin) / 1_000);
        // Istio's metrics name the service without its namespace.
        for (const { service, durationUs } of visits)
          count(service.split('.')[0] ?? service, second, durationUs > SLOW_US);
      }
      known = now;
    },
    seconds: () => Math.floor((known - start) / 1_000),
    services: () => [...byService.keys()].sort(),
    condition(service, second, window = WINDOW_S) {
      const counts = byService.get(service);
      let all = 0;
      let slow = 0;
      for (let at = second + WINDOW_S - window; at < second + WINDOW_S; at++) {
        all += counts?.all[at] ?? 0;
        slow += counts?.slow[at] ?? 0;
      }
      if (all < FEW) return 'unclear';
      const share = slow / all;
      return share >= CLEARLY_SLOW ? 'slow' : share <= CLEARLY_FAST ? 'fast' : 'unclear';
    },
  };
}

/** A time in which a service was slow, perhaps with gaps that are too short to be sure of an end between. */
export interface Episode {
  /** Seconds from the start, both inclusive. */
  readonly from: number;
  readonly to: number;
  /** The longest time in it that was clearly slow and observable without a gap, in seconds; where that begins. */
  readonly seen: { readonly from: number; readonly length: number };
  /** More messages than this about it are too many: each gap in it may or may not have ended the alert. */
  readonly mostMessages: number;
}

/** What a bot can see and what it needs to call a breach over. */
export interface Visibility {
  /** False when no replica, no store or no Prometheus answered. */
  readonly canSee: (second: number) => boolean;
  /** So many healthy seconds that were seen end an alert for sure. */
  readonly recoverySeconds: number;
}

interface Draft {
  from: number;
  to: number;
  seen: { from: number; length: number };
  mostMessages: number;
}

/** The episodes of a service, oldest first. */
export function episodesOf(
  truth: Truth,
  service: string,
  { canSee, recoverySeconds }: Visibility,
): Episode[] {
  const episodes: Draft[] = [];
  let run = 0;
  let healthySeen = recoverySeconds;
  let isGap = false;
  for (let second = 0; second < truth.seconds(); second++) {
    const condition = truth.condition(service, second);
    run = condition === 'slow' && canSee(second) ? run + 1 : 0;
    if (condition === 'fast') {
      isGap = true;
      healthySeen = canSee(second) ? healthySeen + 1 : 0;
    }
    if (condition !== 'slow') continue;
    const open = healthySeen >= recoverySeconds ? undefined : episodes.at(-1);
    const episode: Draft = open ?? {
      from: second,
      to: second,
      seen: { from: second, length: 0 },
      mostMessages: 1,
    };
    if (open === undefined) episodes.push(episode);
    else if (isGap) episode.mostMessages += 1;
    episode.to = second;
    if (run > episode.seen.length) episode.seen = { from: second - run + 1, length: run };
    healthySeen = 0;
    isGap = false;
  }
  return episodes;
}

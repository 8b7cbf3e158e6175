import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { hashTexts } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { before, between, type EpochMs, epochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { MetricReading, RuleGroup } from '../rules/rule.ts';
import { spreadOffset, wholeSeconds } from './schedule.ts';

/*
 * When a metric is scraped, and evaluation times just behind its scrapes. On a grid that knows nothing of the scrapes a
 * breach waits for up to an interval after it is in Prometheus:
 *
 *     scrapes           |              |              |
 *     spread grid         .....x.........     x: the evaluation, .: data that waits for it
 *     behind the scrape   x              x
 */

/** The scrapes of a metric. */
export interface ScrapePhase {
  /** Whole seconds. */
  readonly interval: Milliseconds;
  /** The time of one scrape. */
  readonly scrapedAt: EpochMs;
}

/** How far a scrape may be off its time, as a share of the interval. Prometheus itself is within a few milliseconds. */
const JITTER = 0.02;

/**
 * The phase of a metric by the times of its newest samples, the newest first. Undefined when they are not evenly spaced:
 * the metric is scraped from several targets, each at its own time.
 */
export function phaseOf(times: readonly EpochMs[]): ScrapePhase | undefined {
  const [newest, oldest] = [times[0], times.at(-1)];
  if (newest === undefined || oldest === undefined || times.length < 2) return undefined;
  const mean = between(oldest, newest) / (times.length - 1);
  const interval = ms(Math.round(mean / SECOND) * SECOND);
  if (interval < SECOND) return undefined;
  const isSteady = times.every((at, index) => Math.abs(newest - at - index * interval) <= JITTER * interval);
  return isSteady ? { interval, scrapedAt: newest } : undefined;
}

/** The time between a scrape and the evaluation behind it: a scrape takes a while until its samples can be queried. */
const BEHIND: Milliseconds = ms(0.5 * SECOND);

/** The limits of an interval that follows the scrapes. */
const SHORTEST: Milliseconds = ms(5 * SECOND);
const LONGEST: Milliseconds = ms(30 * SECOND);

/** So many groups are evaluated in one second; more are spread over the seconds behind the scrape. */
const GROUPS_PER_SECOND = 50;

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/** The interval of a group without one of its own: that of the scrapes, inside the limits. */
function intervalFor(
  { interval: configured, isDefaultInterval }: RuleGroup,
  scrape: Milliseconds,
): Milliseconds {
  const own = wholeSeconds(configured);
  if (isDefaultInterval !== true) return own;
  if (scrape < SHORTEST) return ms(Math.ceil(SHORTEST / scrape) * scrape);
  if (scrape <= LONGEST) return scrape;
  return scrape % LONGEST === 0 ? LONGEST : own;
}

/**
 * The group with evaluation times just behind the scrapes, the same on every replica; undefined when interval and scrapes
 * do not fit together. `groups`: how many there are in all.
 */
export function behindScrapes(group: RuleGroup, phase: ScrapePhase, groups: number): RuleGroup | undefined {
  const interval = intervalFor(group, phase.interval);
  if (interval % phase.interval !== 0 && phase.interval % interval !== 0) return undefined;
  const step = Math.min(interval, phase.interval);
  const seconds = Math.min(Math.floor(groups / GROUPS_PER_SECOND), Math.floor(step / 2 / SECOND));
  const spread = Number(BigInt(`0x${hashTexts([group.id])}`) % BigInt(seconds + 1)) * SECOND;
  const behind = Math.ceil((phase.scrapedAt + BEHIND) / SECOND) * SECOND + spread;
  // Of several scrapes in an interval, the first one after the time at which the group would be evaluated otherwise.
  const base = spreadOffset(group.id, interval);
  const offset = ms(modulo(base + modulo(behind - base, step), interval));
  return { ...group, interval, offset };
}

/** The samples of a metric that are looked at: a phase is steady over three intervals. */
export const LOOKS = 4;

/** The limit of time for all looks. */
const MAX_TIME: Milliseconds = ms(2 * SECOND);

const newestQuery = ({ metric, matchers }: MetricReading): string =>
  `max(timestamp(${matchers === '' ? metric : `${metric}{${matchers}}`}))`;

/** The time of the newest sample at an instant; undefined without one. */
async function newestAt(
  metrics: Pick<MetricsSource, 'instant'>,
  { reading, at }: { readonly reading: MetricReading; readonly at: EpochMs },
  signal: AbortSignal,
): Promise<EpochMs | undefined> {
  const [sample] = await metrics.instant({ expr: newestQuery(reading), at }, signal);
  return sample === undefined ? undefined : epochMs(Math.round(sample.value * SECOND));
}

/**
 * The times of the newest samples of a metric up to an instant, the newest first, by one query each: the next one is at
 * an instant just before the last one's sample. Fewer when there are no more; none when the source does not respond.
 */
export async function newestSamples(
  { metrics, clock }: { readonly metrics: Pick<MetricsSource, 'instant'>; readonly clock: Clock },
  reading: MetricReading,
  at: EpochMs,
): Promise<readonly EpochMs[]> {
  const times: EpochMs[] = [];
  try {
    await withDeadline({ clock, duration: MAX_TIME, system: 'prometheus' }, async (signal) => {
      for (let next: EpochMs = at; times.length < LOOKS; ) {
        const newest = await newestAt(metrics, { reading, at: next }, signal);
        if (newest === undefined) return;
        times.push(newest);
        next = before(newest, ms(1));
      }
    });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return [];
  }
  return times;
}

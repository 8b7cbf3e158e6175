import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
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

/** The scrapes of a metric: of its target, or of the last of several that are scraped soon after one another. */
export interface ScrapePhase {
  /** Whole seconds. */
  readonly interval: Milliseconds;
  /** The time of one scrape. */
  readonly scrapedAt: EpochMs;
}

/** The times of the newest samples of a metric's targets at one instant, the oldest first. */
export type Look = readonly EpochMs[];

/** How far a scrape may be off its time, as a share of the interval. Prometheus itself is within a few milliseconds. */
const JITTER = 0.02;

/** More targets are scraped all the time. */
const MAX_TARGETS = 50;

/** Several targets are evaluated together when nothing is scraped for more than this share of the interval. */
const QUIET = 0.5;

/**
 * The phase of a metric by looks at its newest samples, the newest look first, each just before the oldest sample of the last
 * one. Each target has one sample in each look then:
 *
 *     targets A, B, C   A  B C                A  B C                A  B C
 *     looks                  <-------- 3 ----|     <-------- 2 ----|     <- 1
 *     evaluations              x                    x                    x
 *
 * Undefined when the targets are not scraped at the same times in each interval, or all through it.
 */
export function phaseOf(looks: readonly Look[]): ScrapePhase | undefined {
  const [newest, oldest] = [looks[0] ?? [], looks.at(-1) ?? []];
  const [first, firstBefore] = [newest[0], oldest[0]];
  if (first === undefined || firstBefore === undefined || looks.length < 2) return undefined;
  if (newest.length > MAX_TARGETS || looks.some(({ length }) => length !== newest.length)) return undefined;
  const mean = between(firstBefore, first) / (looks.length - 1);
  const interval = ms(Math.round(mean / SECOND) * SECOND);
  if (interval < SECOND) return undefined;
  const isSteady = looks.every((look, index) =>
    look.every((at, target) => {
      const expected = (newest[target] ?? first) - index * interval;
      return Math.abs(expected - at) <= JITTER * interval;
    }),
  );
  const scrapedAt = isSteady ? lastBeforeQuiet(newest, interval) : undefined;
  return scrapedAt === undefined ? undefined : { interval, scrapedAt };
}

/** The scrape after which nothing is scraped for long; undefined when there is none. */
function lastBeforeQuiet(times: Look, interval: Milliseconds): EpochMs | undefined {
  return times.find((at, index) => {
    const next = times[index + 1] ?? (times[0] ?? at) + interval;
    return next - at > QUIET * interval;
  });
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
const LOOKS = 4;

/** The limit of time for all looks. */
const MAX_TIME: Milliseconds = ms(2 * SECOND);

const newestQuery = ({ metric, matchers }: MetricReading): string =>
  `max by (job, instance) (timestamp(${matchers === '' ? metric : `${metric}{${matchers}}`}))`;

async function lookAt(
  metrics: Pick<MetricsSource, 'instant'>,
  { reading, at }: { readonly reading: MetricReading; readonly at: EpochMs },
  signal: AbortSignal,
): Promise<Look> {
  const samples = await metrics.instant({ expr: newestQuery(reading), at }, signal);
  return samples.map(({ value }) => epochMs(Math.round(value * SECOND))).sort((a, b) => a - b);
}

/**
 * Looks at the newest samples of a metric up to an instant, the newest look first, by one query each: the next one is at an
 * instant just before the oldest sample of the last one. Fewer when there are no more samples; none when the source does not
 * respond.
 */
export async function newestSamples(
  { metrics, clock }: { readonly metrics: Pick<MetricsSource, 'instant'>; readonly clock: Clock },
  reading: MetricReading,
  at: EpochMs,
): Promise<readonly Look[]> {
  const looks: Look[] = [];
  try {
    await withDeadline({ clock, duration: MAX_TIME, system: 'prometheus' }, async (signal) => {
      for (let next: EpochMs = at; looks.length < LOOKS; ) {
        const look = await lookAt(metrics, { reading, at: next }, signal);
        const [oldest] = look;
        if (oldest === undefined) return;
        looks.push(look);
        next = before(oldest, ms(1));
      }
    });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return [];
  }
  return looks;
}

/** Moves the evaluation times of groups behind the scrapes of their metrics. */
export interface FollowScrapes {
  /**
   * The groups of the rule set, in place of those before. What is known of an unchanged group is kept while scrapes are
   * followed.
   */
  replace(groups: readonly RuleGroup[], isFollowing: boolean): void;
  /** A group with its evaluation times; undefined when there is none with this id. */
  group(id: string): RuleGroup | undefined;
  /** Waits until the scrape before an evaluation time can be queried. */
  wait(id: string): Promise<void>;
  /** Looks at the scrapes now and then, after an evaluation. Never throws. */
  afterTick(id: string, evalTime: EpochMs): Promise<void>;
  /** No change is reported from now on. */
  stop(): void;
}

/** Evaluations between two looks. Targets are scraped at other times after a restart of Prometheus. */
const TICKS_BETWEEN_LOOKS = 20;

/** The same for a metric that has too few samples yet, or a source that did not respond. */
const TICKS_WITHOUT_SAMPLES = 4;

/** After a change the next evaluations are checked: is the scrape before them visible? */
const CHECKED_TICKS = 3;

/** How much longer to wait for a scrape that is not visible yet, and the limit. */
const DELAY_STEP: Milliseconds = ms(SECOND);
const MAX_DELAY: Milliseconds = ms(5 * SECOND);

/** Looks at one metric are shared by the groups that are evaluated at nearly the same time. */
const SHARED_FOR: Milliseconds = ms(5 * SECOND);

/** Changes within this time are reported together. */
const REPORT_DELAY: Milliseconds = ms(2 * SECOND);

interface Followed {
  /** As the rule file has it. */
  readonly configured: RuleGroup;
  /** With its evaluation times. */
  readonly timed: RuleGroup;
  readonly delay: Milliseconds;
  /** Evaluations until the next look. */
  readonly ticksLeft: number;
  /** Looks that follow the next evaluations directly. */
  readonly checksLeft: number;
}

const readingOf = ({ rules }: RuleGroup): MetricReading | undefined =>
  rules.find(({ reads }) => reads !== undefined && reads.length > 0)?.reads?.[0];

const start = (configured: RuleGroup): Followed => ({
  configured,
  timed: configured,
  delay: ms(0),
  ticksLeft: 0,
  checksLeft: 0,
});

/** One series of looks for all groups that read a metric, while there is nothing new to see. */
function createLooks(options: { readonly metrics: Pick<MetricsSource, 'instant'>; readonly clock: Clock }) {
  const shared = new Map<string, { readonly at: EpochMs; readonly looks: Promise<readonly Look[]> }>();
  return async (reading: MetricReading, at: EpochMs): Promise<readonly Look[]> => {
    const key = `${reading.metric}{${reading.matchers}}`;
    for (let known = shared.get(key); known !== undefined; known = shared.get(key)) {
      if (Math.abs(between(known.at, at)) > SHARED_FOR) break;
      const looks = await known.looks;
      if (known.at >= at || isBehind(looks, at)) return looks;
      // Unless another group has looked meanwhile.
      if (shared.get(key) === known) break;
    }
    const looks = newestSamples(options, reading, at);
    shared.set(key, { at, looks });
    return await looks;
  };
}

/** Whether the newest sample is of the last scrape before the evaluation. */
function isBehind(looks: readonly Look[], evalTime: EpochMs): boolean {
  const phase = phaseOf(looks);
  return phase === undefined || between(phase.scrapedAt, evalTime) < phase.interval;
}

/** Whether two grids are the same but for a second: the time of a scrape is a few milliseconds early or late. */
function isSameGrid(a: RuleGroup, b: RuleGroup): boolean {
  if (a.interval !== b.interval || (a.offset === undefined) !== (b.offset === undefined)) return false;
  const distance = Math.abs((a.offset ?? 0) - (b.offset ?? 0));
  return Math.min(distance, a.interval - distance) <= SECOND;
}

/** What the looks after an evaluation change. `groups`: how many there are in all. */
function afterLooks(
  known: Followed,
  {
    seen,
    evalTime,
    groups,
  }: { readonly seen: readonly Look[]; readonly evalTime: EpochMs; readonly groups: number },
): Followed {
  const next: Followed = {
    ...known,
    ticksLeft: TICKS_BETWEEN_LOOKS,
    checksLeft: Math.max(0, known.checksLeft - 1),
  };
  if (seen.length < LOOKS) return { ...next, ticksLeft: TICKS_WITHOUT_SAMPLES };
  const phase = phaseOf(seen);
  const timed = (phase && behindScrapes(known.configured, phase, groups)) ?? known.configured;
  if (!isSameGrid(timed, known.timed)) return { ...next, timed, delay: ms(0), checksLeft: CHECKED_TICKS };
  if (timed.offset === undefined || isBehind(seen, evalTime)) return next;
  const delay = ms(Math.min(known.delay + DELAY_STEP, MAX_DELAY, timed.interval / 2));
  return { ...next, delay, checksLeft: delay === known.delay ? 0 : CHECKED_TICKS };
}

/** Reports changes together: many groups change at nearly the same time, and each report starts the schedule anew. */
function createReporter({ clock, onChange }: { readonly clock: Clock; readonly onChange: () => void }) {
  const stopped = new AbortController();
  let isReporting = false;
  return {
    report: (): void => {
      if (isReporting) return;
      isReporting = true;
      void clock.sleep(REPORT_DELAY, stopped.signal).then(() => {
        isReporting = false;
        if (!stopped.signal.aborted) onChange();
      });
    },
    stop: (): void => stopped.abort(),
  };
}

/**
 * Learns when the metric of each group is scraped. A group whose metric has no steady phase, or whose interval does not
 * fit it, keeps its grid, and so does one with a cron schedule. `onChange` is called when evaluation times have changed.
 */
export function createFollowScrapes(options: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
}): FollowScrapes {
  const { clock, logger } = options;
  const looks = createLooks(options);
  let followed = new Map<string, Followed>();

  const changes = createReporter(options);

  return {
    replace: (groups, isFollowing) => {
      followed = new Map(
        groups.map((group) => {
          const known = followed.get(group.id);
          const isKnown =
            isFollowing && known !== undefined && JSON.stringify(known.configured) === JSON.stringify(group);
          return [group.id, isKnown ? known : start(group)];
        }),
      );
    },
    group: (id) => followed.get(id)?.timed,
    wait: async (id) => {
      const delay = followed.get(id)?.delay ?? 0;
      if (delay > 0) await clock.sleep(ms(delay));
    },
    afterTick: async (id, evalTime) => {
      const known = followed.get(id);
      const reading = known === undefined ? undefined : readingOf(known.configured);
      if (known === undefined || reading === undefined || known.configured.schedule !== undefined) return;
      if (known.ticksLeft > 0 && known.checksLeft === 0) {
        followed.set(id, { ...known, ticksLeft: known.ticksLeft - 1 });
        return;
      }
      const seen = await looks(reading, evalTime);
      const next = afterLooks(known, { seen, evalTime, groups: followed.size });
      // A reload may have replaced the group in the meantime.
      if (followed.get(id) !== known) return;
      followed.set(id, next);
      const { interval, offset } = next.timed;
      if (interval === known.timed.interval && offset === known.timed.offset) return;
      logger.debug('the evaluation times of a group have changed', {
        group: id,
        interval,
        behindScrapes: offset !== undefined,
      });
      changes.report();
    },
    stop: changes.stop,
  };
}

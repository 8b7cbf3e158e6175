import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { MetricReading, RuleGroup } from '../rules/rule.ts';
import { behindScrapes, LOOKS, newestSamples, phaseOf } from './scrape-phase.ts';

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

/** One series of looks for all groups that read a metric. */
function createLooks(options: { readonly metrics: Pick<MetricsSource, 'instant'>; readonly clock: Clock }) {
  const shared = new Map<string, { readonly at: EpochMs; readonly times: Promise<readonly EpochMs[]> }>();
  return async (reading: MetricReading, at: EpochMs): Promise<readonly EpochMs[]> => {
    const key = `${reading.metric}{${reading.matchers}}`;
    const known = shared.get(key);
    if (known !== undefined && Math.abs(between(known.at, at)) <= SHARED_FOR) return await known.times;
    const times = newestSamples(options, reading, at);
    shared.set(key, { at, times });
    return await times;
  };
}

/** Whether the newest sample is of the last scrape before the evaluation. */
function isBehind(times: readonly EpochMs[], evalTime: EpochMs): boolean {
  const phase = phaseOf(times);
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
    times,
    evalTime,
    groups,
  }: { readonly times: readonly EpochMs[]; readonly evalTime: EpochMs; readonly groups: number },
): Followed {
  const next: Followed = {
    ...known,
    ticksLeft: TICKS_BETWEEN_LOOKS,
    checksLeft: Math.max(0, known.checksLeft - 1),
  };
  if (times.length < LOOKS) return { ...next, ticksLeft: TICKS_WITHOUT_SAMPLES };
  const phase = phaseOf(times);
  const timed = (phase && behindScrapes(known.configured, phase, groups)) ?? known.configured;
  if (!isSameGrid(timed, known.timed)) return { ...next, timed, delay: ms(0), checksLeft: CHECKED_TICKS };
  if (timed.offset === undefined || isBehind(times, evalTime)) return next;
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
      const times = await looks(reading, evalTime);
      const next = afterLooks(known, { times, evalTime, groups: followed.size });
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

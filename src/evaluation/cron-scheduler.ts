import { type Logger as CronLogger, type ScheduledTask, schedule } from 'node-cron';
import type { Logger } from '../lib/logger.ts';
import { type EpochMs, epochMs } from '../lib/units.ts';
import { groupByPattern, type Member } from './grid.ts';
import type { Scheduler } from './scheduler.ts';

export interface CronSchedulerOptions {
  readonly logger: Logger;
}

type Handlers = Parameters<Scheduler['schedule']>[1];

/**
 * A tick that comes late by no more than this is run all the same, in milliseconds: it asks at its evalTime's time, so the
 * answer is the one it would have had. node-cron's own second is less than a pause of the process can be.
 */
const LATENESS_TOLERANCE = 10_000;

/** node-cron writes coloured lines to the console unless it is given a logger. */
function cronLogger(logger: Logger): CronLogger {
  const text = (message: string | Error): string => (message instanceof Error ? message.message : message);
  return {
    info: (message) => logger.debug(message),
    warn: (message) => logger.debug(message),
    error: (message, error) => logger.error(text(message), error === undefined ? {} : { error }),
    debug: (message) => logger.debug(text(message)),
  };
}

/**
 * A scheduler on node-cron, in UTC whatever the zone of the host: with a zone that has daylight saving a task stands
 * still for an hour each autumn. One task serves all groups of one pattern. An evaluation time is the instant cron meant, never the
 * clock's reading, so every replica has the same evaluation times.
 */
export function createCronScheduler({ logger }: CronSchedulerOptions): Scheduler {
  const running = new Map<string, Promise<void>>();
  let tasks: readonly ScheduledTask[] = [];

  const run = async (id: string, evalTime: EpochMs, handlers: Handlers): Promise<void> => {
    try {
      await handlers.onTick(id, evalTime);
    } catch (error) {
      logger.error('a tick failed', { group: id, evalTime, error });
    } finally {
      running.delete(id);
    }
  };

  /** Starts a group's run, unless its last one is not over: then this evaluation time is lost. */
  const begin = (id: string, evalTime: EpochMs, handlers: Handlers): void => {
    if (running.has(id)) handlers.onMissed(id, evalTime);
    else running.set(id, run(id, evalTime, handlers));
  };

  const membersAt = (members: readonly Member[], date: Date): readonly (readonly [string, EpochMs])[] => {
    const evalTime = epochMs(date.getTime());
    return members.filter(({ isEvalTime }) => isEvalTime(evalTime)).map(({ id }) => [id, evalTime] as const);
  };

  const startTask = (pattern: string, members: readonly Member[], handlers: Handlers): ScheduledTask => {
    const task = schedule(
      pattern,
      ({ date }) => {
        for (const [id, evalTime] of membersAt(members, date)) begin(id, evalTime, handlers);
      },
      {
        timezone: 'UTC',
        // The function above returns at once: overlap is a matter of each group, not of the task.
        noOverlap: true,
        missedExecutionTolerance: LATENESS_TOLERANCE,
        suppressMissedWarning: true,
        logger: cronLogger(logger),
      },
    );
    task.on('execution:missed', ({ date }) => {
      for (const [id, evalTime] of membersAt(members, date)) handlers.onMissed(id, evalTime);
    });
    return task;
  };

  const endTasks = async (): Promise<void> => {
    const ended = tasks;
    tasks = [];
    await Promise.all(ended.map(async (task) => await task.destroy()));
  };

  return {
    schedule: (groups, handlers) => {
      void endTasks();
      tasks = [...groupByPattern(groups)].map(([pattern, members]) => startTask(pattern, members, handlers));
    },
    stop: async () => {
      await endTasks();
      await Promise.all(running.values());
    },
  };
}

import { repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { ChannelReader } from './notifier.ts';

export interface ChannelCheckOptions {
  readonly slack: Pick<ChannelReader, 'checkChannels'>;
  /** The channels that the settings and the rules name. */
  readonly channels: () => readonly string[];
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'backgroundFailed'>;
}

/** Checks in the background that every channel can be posted to: a wrong name is found before the first breach. */
export interface ChannelCheck {
  /** Checks now, and again and again until the signal aborts. */
  readonly watch: (signal: AbortSignal) => void;
  /** Checks now: the channels have changed. */
  recheck(): void;
  /** A sentence for each channel that cannot be posted to. */
  readonly problems: () => readonly string[];
}

const INTERVAL: Milliseconds = ms(10 * MINUTE);
/** Shorter, so that a fixed channel is noticed soon. */
const INTERVAL_WITH_PROBLEM: Milliseconds = MINUTE;
const INTERVAL_WITHOUT_ANSWER: Milliseconds = ms(30 * SECOND);

const SENTENCES = {
  missing: 'was not found. Check its name; /invite the bot to a private channel',
  archived: 'is archived. Unarchive it, or name another one',
} as const;

export function createChannelCheck(options: ChannelCheckOptions): ChannelCheck {
  const { slack, channels, logger } = options;
  let problems: readonly string[] = [];
  let current = new AbortController();
  let ended: AbortSignal | undefined;

  async function once(): Promise<Milliseconds> {
    const checked = await slack.checkChannels(channels());
    if (checked.kind === 'unknown') {
      logger.debug('the channels could not be checked', { reason: checked.reason });
      return INTERVAL_WITHOUT_ANSWER;
    }
    const found = checked.problems.map(({ channel, problem }) => `${channel} ${SENTENCES[problem]}.`);
    for (const problem of found.filter((each) => !problems.includes(each)))
      logger.error('a channel cannot be posted to', { problem });
    if (found.length === 0 && problems.length > 0) logger.info('every channel can be posted to again');
    problems = found;
    return found.length === 0 ? INTERVAL : INTERVAL_WITH_PROBLEM;
  }

  function start(): void {
    current.abort();
    if (ended === undefined || ended.aborted) return;
    current = new AbortController();
    const signal = AbortSignal.any([ended, current.signal]);
    void repeat({ ...options, work: 'slack-channels', signal }, once);
  }

  return {
    watch(signal) {
      ended = signal;
      start();
    },
    recheck: start,
    problems: () => problems,
  };
}

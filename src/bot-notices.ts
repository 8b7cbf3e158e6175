import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Base, StoreWithProblem } from './bot-parts.ts';
import type { RestoredStore } from './evaluation/restore-messages.ts';
import type { SourceClock } from './evaluation/source-clock.ts';
import { count } from './lib/format.ts';
import { type EpochMs, type Milliseconds, ms, SECOND } from './lib/units.ts';
import { createNotices, type NoticeEvent, type Notices } from './messages/notices.ts';
import type { Notifier } from './messages/notifier.ts';

/** Replicas say the same thing this far apart at most. */
const NOTICE_SPREAD: Milliseconds = ms(20 * SECOND);

/** Differs from replica to replica. */
function ownDelay(spread: Milliseconds): Milliseconds {
  const hash = createHash('sha256').update(`${hostname()} ${process.pid}`).digest();
  return ms(Math.floor((hash.readUInt32BE(0) / 2 ** 32) * spread));
}

/** What people must know of the bot itself: a store that refuses writes, a wrong clock. */
export function createBotNotices(
  base: Base,
  parts: {
    readonly notifier: Notifier;
    readonly store: StoreWithProblem;
    readonly sourceClock: Pick<SourceClock, 'problem'>;
  },
): Notices {
  const { settings } = base;
  const { notifier, store, sourceClock } = parts;
  return createNotices({
    ...base,
    notifier,
    channel: settings.slack.channel,
    // One process has nobody to wait for.
    delay: settings.redis === undefined ? ms(0) : ownDelay(NOTICE_SPREAD),
    notices: [
      {
        name: 'store',
        title: 'The store cannot be used',
        effect: '*No breach or recovery is detected, and no message is updated, until it can be used again.*',
        endTitle: 'The store can be used again',
        problem: () => store.problem?.() ?? (store.isOpen() ? undefined : 'It does not respond.'),
      },
      {
        name: 'clock',
        title: 'The clock of the bot is wrong',
        effect:
          'Rules are evaluated at the time of Prometheus. Commands and links use the wrong time until the clock is set.',
        endTitle: 'The clock of the bot is right again',
        problem: () => sourceClock.problem(),
      },
    ],
  });
}

/** Silenced alerts that are named. */
const MOST_NAMED = 5;

/** What became of the silences made in Slack. */
function silencesText({ wasLost, silences, silenced }: RestoredStore): string {
  const named = silenced.slice(0, MOST_NAMED).map((matchers) => `{${matchers}}`);
  const rest = silenced.length - named.length;
  const alone = [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
  if (wasLost && silenced.length === 0)
    return silences === 0
      ? ''
      : ` ${count(silences, 'silence')} made in Slack ${silences === 1 ? 'continues' : 'continue'}.`;
  return silenced.length === 0
    ? ' Silences made in Slack are lost: make them again where they are needed.'
    : ` Silences made in Slack are lost, except for these alerts: ${alone}.`;
}

/** What is said of a store that was restored. */
export const restoredNotice = (restored: RestoredStore, at: EpochMs): NoticeEvent => {
  const { messages, wasLost } = restored;
  const found = `${count(messages, 'open message')} ${messages === 1 ? 'was' : 'were'} found in Slack and ${messages === 1 ? 'continues' : 'continue'}.`;
  return {
    key: `restored-${at}`,
    title: wasLost ? 'The store lost its data' : 'The bot started without its data',
    text: `${found}${silencesText(restored)}`,
  };
};

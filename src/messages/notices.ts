import type { Alert } from '../alerts/alert.ts';
import { repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { before, between, DAY, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { ruleWithoutFile, type SloRule } from '../rules/rule.ts';
import { NO_EVIDENCE } from './evidence.ts';
import type { MessageView, Notifier } from './notifier.ts';
import type { ShownMessage } from './store.ts';

/** A condition of the bot itself that people must know of. */
export interface Notice {
  /** Part of the message's key. */
  readonly name: string;
  readonly title: string;
  /** What it means, and what to do. */
  readonly effect: string;
  /** The title once it is over. */
  readonly endTitle: string;
  /** The condition as text while it lasts. */
  readonly problem: () => string | undefined;
}

/** Something that happened to the bot. */
export interface NoticeEvent {
  readonly key: string;
  readonly title: string;
  readonly text: string;
}

export interface NoticesOptions {
  readonly notices: readonly Notice[];
  readonly notifier: Pick<Notifier, 'post' | 'update' | 'find' | 'contentHash'>;
  readonly channel: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'backgroundFailed'>;
  /** How much later than other replicas this one posts: the later ones find the message. */
  readonly delay: Milliseconds;
}

/** Says in Slack what concerns the bot itself. It needs no store, which may be what fails; what is said is kept in memory. */
export interface Notices {
  readonly watch: (signal: AbortSignal) => void;
  /** Posts one message. Never throws; a message that Slack does not accept is logged. */
  say(event: NoticeEvent): Promise<void>;
}

const CHECK_EVERY: Milliseconds = ms(5 * SECOND);

/** A shorter condition, and a shorter pause of one, is not said. */
const LASTS: Milliseconds = ms(30 * SECOND);

/** How far back a message of another replica, or of this one before a restart, is looked for. */
const LOOK_BACK: Milliseconds = DAY;

const RULE: SloRule = {
  ...ruleWithoutFile('Tailwatch'),
  about: 'notice',
};

function viewOf(
  texts: Readonly<Record<string, string>>,
  { since, endedAt }: { readonly since: EpochMs; readonly endedAt?: EpochMs },
): MessageView {
  const alert: Alert = {
    fingerprint: '',
    alertId: '',
    labels: {},
    series: {},
    annotations: texts,
    state: endedAt === undefined ? 'firing' : 'resolved',
    activeAt: since,
    firedAt: since,
    resolvedAt: endedAt,
    value: 1,
    peak: 1,
    seenAt: since,
    missedTicks: 0,
  };
  return { alert, rule: RULE, evidence: NO_EVIDENCE, links: [] };
}

/** What is known of one condition. */
interface NoticeState {
  since?: EpochMs;
  /** Since when it is over, while its message is open. */
  overSince?: EpochMs;
  shown?: ShownMessage;
  text: string;
  /** Whether a message from before this process was looked for. */
  isLookedFor: boolean;
}

const keyOf = ({ name }: Notice): string => `notice-${name}`;

function createNoticeCheck(options: NoticesOptions, notice: Notice): () => Promise<void> {
  const { notifier, channel, clock, logger, delay } = options;
  const current: NoticeState = { text: '', isLookedFor: false };
  const textsOf = () => ({
    title: notice.title,
    text: current.text,
    effect: notice.effect,
    end: notice.endTitle,
  });

  /** The open message, of this process or another one; undefined when there is none. */
  async function find(now: EpochMs): Promise<ShownMessage | undefined> {
    const key = keyOf(notice);
    const found = await notifier.find({ channel, key, since: before(now, LOOK_BACK) });
    if (found.kind !== 'found') return undefined;
    const { channelId, messageTs } = found;
    return { key, channelId, messageTs, contentHash: '', postedAt: now, editedAt: now };
  }

  async function post(since: EpochMs): Promise<void> {
    current.shown = await find(clock.now());
    if (current.shown !== undefined) return;
    const key = keyOf(notice);
    const sent = await notifier.post({ channel, key, view: viewOf(textsOf(), { since }) });
    if (sent.kind !== 'sent') {
      logger.warn('a notice could not be posted and is tried again', {
        notice: notice.name,
        outcome: sent.kind,
      });
      return;
    }
    const { channelId, messageTs } = sent;
    current.shown = { key, channelId, messageTs, contentHash: '', postedAt: since, editedAt: since };
  }

  /** The final form has another key, so that the next outage is another message. */
  async function end(shown: ShownMessage, endedAt: EpochMs): Promise<void> {
    const view = viewOf(textsOf(), { since: current.since ?? shown.postedAt, endedAt });
    const sent = await notifier.update({ shown: { ...shown, key: `${shown.key}:ended` }, view });
    // An edit can be repeated; a message that is gone or cannot be edited has no end to show.
    if (sent.kind === 'not-sent' || sent.kind === 'unknown') return;
    current.shown = undefined;
    current.since = undefined;
  }

  return async () => {
    const now = clock.now();
    const problem = notice.problem();
    if (!current.isLookedFor && problem === undefined) {
      current.isLookedFor = true;
      current.shown = await find(now);
    }
    if (problem !== undefined) {
      current.text = problem;
      current.overSince = undefined;
      current.since ??= now;
      const isDue = between(current.since, now) >= LASTS + delay;
      if (isDue && current.shown === undefined) await post(current.since);
      return;
    }
    current.overSince ??= now;
    if (current.shown === undefined) current.since = undefined;
    else if (between(current.overSince, now) >= LASTS) await end(current.shown, current.overSince);
  };
}

export function createNotices(options: NoticesOptions): Notices {
  const { notices, notifier, channel, clock, logger } = options;
  const checks = notices.map((notice) => createNoticeCheck(options, notice));
  return {
    watch: (signal) =>
      void repeat({ ...options, work: 'notices', signal }, async () => {
        for (const check of checks) await check();
        return CHECK_EVERY;
      }),
    async say({ key, title, text }) {
      const at = clock.now();
      const view = viewOf({ title, text }, { since: at });
      const sent = await notifier.post({ channel, key: `notice-${key}`, view });
      if (sent.kind !== 'sent')
        logger.warn('a notice could not be posted', { notice: key, outcome: sent.kind });
    },
  };
}

import type { Alert } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import { after, before, DAY, type EpochMs, type Milliseconds } from '../lib/units.ts';
import type { SilenceUpdate, Store } from '../messages/store.ts';
import { isActive, type MaintenanceWindow, type Silence, type StoredSilence } from '../policy/silence.ts';
import type { NotificationPolicy } from '../policy/suppress.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import { type ActiveAlert, actionUpdates, knownAlerts } from './active-alerts.ts';

/** What keeping silences needs. */
export interface KeepSilencesOptions {
  readonly store: Pick<Store, 'groups' | 'loadGroup' | 'actions' | 'addSilence' | 'endSilence' | 'silences'>;
  /** The rule files' silences and planned work are listed beside the silences of people. */
  readonly policy: () => Pick<NotificationPolicy, 'silences' | 'maintenance'>;
  readonly localTime: LocalTimeIn;
  readonly logger: Logger;
}

/**
 * The policy with the silences of users. When the store does not respond the evaluation fails, and the next tick starts from
 * the same state. An unreadable silence is ignored: one message too many is better than a breach that is not notified.
 */
export const createCurrentPolicy =
  (policy: () => NotificationPolicy, silences: () => Promise<readonly Silence[]>) =>
  async (): Promise<NotificationPolicy> => {
    const ofFiles = policy();
    try {
      const own = await silences();
      return own.length === 0 ? ofFiles : { ...ofFiles, silences: [...ofFiles.silences, ...own] };
    } catch (error) {
      if (error instanceof UpstreamError && error.code === 'bad-answer') return ofFiles;
      throw error;
    }
  };

/** What a person wants silenced. */
export interface SilenceRequest {
  readonly matchers: readonly Matcher[];
  readonly lasts: Milliseconds;
  readonly comment: string;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  /** What makes this request the same when it comes twice: the id of a form. */
  readonly key?: string;
}

/** A silence and the alerts that it holds back now. */
export interface SilenceMade {
  readonly silence: StoredSilence;
  readonly alerts: readonly Alert[];
}

/** What came of ending a silence. */
export type SilenceEnded =
  | { readonly kind: 'ended'; readonly silence: StoredSilence; readonly alerts: readonly Alert[] }
  /** It was over, or somebody ended it, before. */
  | { readonly kind: 'over'; readonly silence: StoredSilence }
  | { readonly kind: 'unknown'; readonly ids: readonly string[] };

/** A silence in a list, with how many firing alerts it holds for now. */
export interface SilenceRow {
  readonly silence: Silence | StoredSilence;
  readonly alerts: number;
}

/** Planned work in a list, with how many firing alerts it holds for now. */
export interface MaintenanceRow {
  readonly window: MaintenanceWindow;
  readonly goesOn: boolean;
  readonly alerts: number;
}

/** What people do about silences. Every method throws `UpstreamError` when the store does not answer. */
export interface KeepSilences {
  /** Holds back from now on, and tells the thread of every alert that it holds back. */
  silence(request: SilenceRequest): Promise<SilenceMade>;
  /** Ends a silence before its time. What still fires and was not posted is posted by the next evaluation. */
  unsilence(request: {
    readonly id: string;
    readonly by: string;
    readonly now: EpochMs;
  }): Promise<SilenceEnded>;
  /** Silences of people that run or ended within a day, and those of the rule files that are not over. */
  list(now: EpochMs): Promise<readonly SilenceRow[]>;
  /** Planned work of the rule files that goes on, or is to come once. */
  maintenance(now: EpochMs): Promise<readonly MaintenanceRow[]>;
}

/** Hex digits of an id: people type it, and a month holds few enough silences for eight to tell them apart. */
const ID_LENGTH = 8;

/** How long a silence that is over is still listed. */
const LISTED_AFTER_END: Milliseconds = DAY;

const idOf = ({ key, by, now, matchers }: SilenceRequest): string =>
  hashTexts(key === undefined ? [by, String(now), JSON.stringify(matchers)] : [key]).slice(0, ID_LENGTH);

function silenceOf(request: SilenceRequest): StoredSilence {
  const { matchers, lasts, comment, by, now } = request;
  return {
    id: idOf(request),
    matchers,
    startsAt: now,
    endsAt: after(now, lasts),
    createdBy: by,
    comment,
    createdAt: now,
  };
}

const isFiring = ({ alert }: ActiveAlert): boolean => alert.state === 'firing';

/** Whether nothing but this silence holds an alert back; the state does not say so before the next evaluation. */
const isHeldBy = ({ id, matchers }: StoredSilence, { labels, suppressed }: Alert): boolean =>
  matches(matchers, labels) && (suppressed === undefined || suppressed.silence?.id === id);

/** Silences that people make in Slack, kept in the store beside those of the rule files. */
export function createKeepSilences({ store, policy, localTime, logger }: KeepSilencesOptions): KeepSilences {
  const firing = async (): Promise<readonly ActiveAlert[]> => (await knownAlerts(store)).filter(isFiring);

  async function silence(request: SilenceRequest): Promise<SilenceMade> {
    const { matchers, comment, by, now } = request;
    const made = silenceOf(request);
    const held = (await firing()).filter(({ alert }) => matches(matchers, alert.labels));
    const notified: SilenceUpdate = {
      what: 'silenced',
      id: made.id,
      by,
      at: now,
      until: made.endsAt,
      comment: comment === '' ? undefined : comment,
    };
    const messages = actionUpdates(held, { at: now, silence: notified });
    const kept = await store.addSilence({ silence: made, messages });
    logger.info('a person made a silence', { id: kept.id, by, alerts: held.length });
    return { silence: kept, alerts: held.map(({ alert }) => alert) };
  }

  async function unsilence({ id, by, now }: Parameters<KeepSilences['unsilence']>[0]): Promise<SilenceEnded> {
    const running = await store.silences(now);
    const made = running.find((each) => each.id === id);
    const held = (await firing()).filter(({ alert }) => made !== undefined && isHeldBy(made, alert));
    const ended = { by, at: now };
    const messages = actionUpdates(held, { at: now, silence: { what: 'unsilenced', id, ...ended } });
    const kept = await store.endSilence({ id, ended, messages });
    if (kept === undefined) return { kind: 'unknown', ids: running.map((each) => each.id) };
    if (kept.ended?.by !== by || kept.ended.at !== now) return { kind: 'over', silence: kept };
    logger.info('a person ended a silence', { id, by });
    return { kind: 'ended', silence: kept, alerts: held.map(({ alert }) => alert) };
  }

  return {
    silence,
    unsilence,
    list: async (now) => {
      const own = policy().silences.filter(({ endsAt }) => endsAt > now);
      const all = [...(await store.silences(before(now, LISTED_AFTER_END))), ...own];
      return rowsOf(
        all,
        (await firing()).map(({ alert }) => alert),
        now,
      );
    },
    maintenance: async (now) => {
      const known = (await firing()).map(({ alert }) => alert);
      return policy().maintenance.flatMap((window) => {
        const isOn = isActive(window, { at: now, localTime });
        if (!isOn && (window.once === undefined || window.once.startsAt <= now)) return [];
        const held = isOn ? known.filter(({ labels }) => matches(window.matchers, labels)) : [];
        return { window, goesOn: isOn, alerts: held.length };
      });
    },
  };
}

const isRunning = ({ startsAt, endsAt }: Silence, now: EpochMs): boolean =>
  endsAt > now && (startsAt ?? now) <= now;

const rowsOf = (
  silences: readonly (Silence | StoredSilence)[],
  alerts: readonly Alert[],
  now: EpochMs,
): readonly SilenceRow[] =>
  silences.map((silence) => ({
    silence,
    alerts: isRunning(silence, now)
      ? alerts.filter(({ labels }) => matches(silence.matchers, labels)).length
      : 0,
  }));

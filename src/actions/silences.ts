import type { Alert, Destination } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import { type Matcher, matchersText, matches } from '../lib/matcher.ts';
import { after, before, DAY, type EpochMs, type Milliseconds, utcTime } from '../lib/units.ts';
import { postedTo } from '../messages/alert-messages.ts';
import {
  alertInLedger,
  type Ledger,
  type LedgerEntry,
  NO_LEDGER,
  suppressedEntry,
} from '../messages/ledger.ts';
import { channelsConcerned, silenceUpdates } from '../messages/silence-messages.ts';
import type { Store } from '../messages/store.ts';
import { isActive, type MaintenanceWindow, type Silence, type StoredSilence } from '../policy/silence.ts';
import { NO_POLICY, type NotificationPolicy } from '../policy/suppress.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { type ActiveAlert, actionUpdates, firingAlerts } from './alert-actions.ts';

/**
 * The policy of the rule files with the silences of users. When the store does not respond the evaluation fails, and the
 * next tick starts from the same state. An unreadable silence is ignored: one message too many is better than a breach
 * that is not notified.
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

/** A silence to create. */
export interface SilenceRequest {
  readonly matchers: readonly Matcher[];
  readonly duration: Milliseconds;
  readonly comment: string;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  /** Identifies a request that Slack may deliver twice: the id of a form. */
  readonly key?: string;
}

/** A created silence and the firing alerts that it matches. */
export interface CreatedSilence {
  readonly silence: StoredSilence;
  readonly alerts: readonly Alert[];
}

/** The outcome of ending a silence. */
export type UnsilenceOutcome =
  | {
      readonly kind: 'ended';
      readonly silence: StoredSilence;
      /** Those that it suppressed until now. */
      readonly alerts: readonly Alert[];
      /** What it suppressed in its life: the names of the alerts. */
      readonly suppressed: readonly string[];
    }
  /** It ended before. */
  | { readonly kind: 'already-ended'; readonly silence: StoredSilence }
  /** There is no such silence; these are active. */
  | { readonly kind: 'unknown'; readonly ids: readonly string[] };

/** A silence in a list, with the number of firing alerts that it matches now. */
export interface SilenceRow {
  readonly silence: Silence | StoredSilence;
  readonly alerts: number;
}

/** A maintenance window in a list, with the number of firing alerts that it matches now. */
export interface MaintenanceRow {
  readonly window: MaintenanceWindow;
  readonly isActive: boolean;
  readonly alerts: number;
}

/** The actions of users on silences. Every method throws `UpstreamError` when the store does not respond. */
export interface ManageSilences {
  /** Creates a silence that starts now, with a line in the thread of every alert that it matches. */
  silence(request: SilenceRequest): Promise<CreatedSilence>;
  /** Ends a silence early. Alerts that still fire and were not posted are posted by the next evaluation. */
  unsilence(request: Pick<SilenceRequest, 'by' | 'now'> & { readonly id: string }): Promise<UnsilenceOutcome>;
  /** Silences of users that are active or ended within a day, and those of the rule files that have not ended. */
  list(now: EpochMs): Promise<readonly SilenceRow[]>;
  /** Maintenance windows of the rule files that are active or planned once. */
  maintenance(now: EpochMs): Promise<readonly MaintenanceRow[]>;
}

/** Hex digits of an id: users type it, and a month has few enough silences for eight to be unique. */
const ID_LENGTH = 8;

/** How long an ended silence is listed. */
const LISTED_AFTER_END: Milliseconds = DAY;

const idOf = ({ key, by, now, matchers }: SilenceRequest): string =>
  hashTexts(key === undefined ? [by, String(now), JSON.stringify(matchers)] : [key]).slice(0, ID_LENGTH);

/** Whether only this silence suppresses an alert. The state contains it after the next evaluation only. */
const isOnlySuppressedBy = ({ id, matchers }: StoredSilence, { labels, suppressed }: Alert): boolean =>
  matches(matchers, labels) && (suppressed === undefined || suppressed.silence?.id === id);

interface ManageSilencesOptions {
  readonly store: Pick<
    Store,
    'groups' | 'loadGroup' | 'actions' | 'addSilence' | 'endSilence' | 'silences' | 'ledger'
  >;
  readonly ruleSet: () => Pick<RuleSet, 'groups' | 'policy'>;
  readonly localTime: LocalTimeIn;
  /** Absent: silences are not recorded there. */
  readonly ledger?: Ledger;
  readonly logger: Logger;
}

export const matchersName = (matchers: readonly Matcher[]): string =>
  matchers.length === 0 ? 'everything' : matchersText(matchers);

/** The names of the alerts that a silence suppressed, sorted. A ledger that cannot be read names none. */
export async function suppressedBy(
  store: Pick<Store, 'ledger'>,
  { id, createdAt }: StoredSilence,
): Promise<readonly string[]> {
  const entries = await store.ledger({ since: createdAt }).catch((): readonly LedgerEntry[] => []);
  const own = entries.filter(({ kind, silence }) => kind === 'suppressed' && silence === id);
  return [...new Set(own.map(({ what }) => what))].sort();
}

/** Where a silence that is made now is announced. */
function announcedIn(
  { ruleSet, localTime }: ManageSilencesOptions,
  { matchers, now: at }: SilenceRequest,
  silenced: readonly ActiveAlert[],
): readonly Destination[] {
  const open = silenced.flatMap(({ alert, rule }) => postedTo({ rule, group: { id: '' } }, alert));
  const { groups, policy: routing = NO_POLICY } = ruleSet();
  const rules = groups.flatMap((group) => group.rules);
  return channelsConcerned(matchers, { open, rules, routing, at, localTime });
}

const namesOf = (alerts: readonly ActiveAlert[]): readonly string[] =>
  alerts.map(({ alert, rule }) => alertInLedger(alert, rule).what).sort();

async function createSilence(
  options: ManageSilencesOptions,
  request: SilenceRequest,
): Promise<CreatedSilence> {
  const { store, ledger = NO_LEDGER, logger } = options;
  const { matchers, duration, comment, by, now } = request;
  const [id, endsAt] = [idOf(request), after(now, duration)];
  const silenced = (await firingAlerts(store)).filter(({ alert }) => matches(matchers, alert.labels));
  const silence: StoredSilence = {
    id,
    matchers,
    startsAt: now,
    endsAt,
    createdBy: by,
    comment,
    createdAt: now,
    announcedIn: announcedIn(options, request, silenced),
  };
  const update = { what: 'silenced', id, by, at: now, until: endsAt, comment: comment || undefined } as const;
  const messages = [
    ...actionUpdates(silenced, { at: now, silence: update }),
    ...silenceUpdates(silence, { at: now, suppressed: namesOf(silenced), isNew: true }),
  ];
  const stored = await store.addSilence({ silence, messages });
  logger.info('silence created', { id, by, alerts: silenced.length });
  const outcome = [`until ${utcTime(endsAt)} UTC`, ...(comment === '' ? [] : [comment])].join(': ');
  ledger.add(
    { at: now, kind: 'silence-created', by, what: matchersName(matchers), silence: id, outcome },
    ...silenced.map(({ alert, rule }) => suppressedEntry(alert, rule, { at: now, silence: id })),
  );
  return { silence: stored, alerts: silenced.map(({ alert }) => alert) };
}

async function endSilence(
  { store, ledger = NO_LEDGER, logger }: ManageSilencesOptions,
  { id, by, now }: Parameters<ManageSilences['unsilence']>[0],
): Promise<UnsilenceOutcome> {
  const active = await store.silences(now);
  const silence = active.find((each) => each.id === id);
  const silenced = (await firingAlerts(store)).filter(
    ({ alert }) => silence !== undefined && isOnlySuppressedBy(silence, alert),
  );
  const ended = { by, at: now };
  const known = silence === undefined ? [] : await suppressedBy(store, silence);
  const suppressed = [...new Set([...known, ...namesOf(silenced)])].sort();
  const messages = [
    ...actionUpdates(silenced, { at: now, silence: { what: 'unsilenced', id, ...ended } }),
    ...(silence === undefined
      ? []
      : silenceUpdates({ ...silence, endsAt: now, ended }, { at: now, suppressed })),
  ];
  const stored = await store.endSilence({ id, ended, messages });
  if (stored === undefined) return { kind: 'unknown', ids: active.map((each) => each.id) };
  if (stored.ended?.by !== by || stored.ended.at !== now) return { kind: 'already-ended', silence: stored };
  logger.info('silence ended', { id, by });
  ledger.add({ at: now, kind: 'silence-ended', by, what: matchersName(stored.matchers), silence: id });
  return { kind: 'ended', silence: stored, alerts: silenced.map(({ alert }) => alert), suppressed };
}

/** Silences that users create in Slack are stored; those of the rule files are listed with them. */
export function createManageSilences(options: ManageSilencesOptions): ManageSilences {
  const { store, ruleSet, localTime } = options;
  const policy = (): NotificationPolicy => ruleSet().policy ?? NO_POLICY;
  /** Counts the firing alerts that match. */
  const createCount = async (): Promise<(matchers: readonly Matcher[]) => number> => {
    const firing = await firingAlerts(store);
    return (matchers) => firing.filter(({ alert }) => matches(matchers, alert.labels)).length;
  };
  return {
    silence: (request) => createSilence(options, request),
    unsilence: (request) => endSilence(options, request),
    list: async (now) => {
      const count = await createCount();
      const ofFiles = policy().silences.filter(({ endsAt }) => endsAt > now);
      return [...(await store.silences(before(now, LISTED_AFTER_END))), ...ofFiles].map((silence) => {
        const isRunning = silence.endsAt > now && (silence.startsAt ?? now) <= now;
        return { silence, alerts: isRunning ? count(silence.matchers) : 0 };
      });
    },
    maintenance: async (now) => {
      const count = await createCount();
      return policy().maintenance.flatMap((window) => {
        const isRunning = isActive(window, { at: now, localTime });
        if (!isRunning && (window.once === undefined || window.once.startsAt <= now)) return [];
        return { window, isActive: isRunning, alerts: isRunning ? count(window.matchers) : 0 };
      });
    },
  };
}

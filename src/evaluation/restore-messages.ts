import type { Alert, GroupedAlert, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { resolveAlert } from '../alerts/step-alert.ts';
import { repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { matchersText } from '../lib/matcher.ts';
import type { Recorder } from '../lib/recorder.ts';
import {
  after,
  before,
  between,
  DAY,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';
import { messageUpdate } from '../messages/alert-messages.ts';
import { nameOf } from '../messages/alert-subject.ts';
import type { ChannelReader, OpenMessage } from '../messages/notifier.ts';
import { decodeRestorePoint, type RestoredAlert, restoredAlert } from '../messages/restore-point.ts';
import { SILENCE_GROUP, silenceUpdates } from '../messages/silence-messages.ts';
import type {
  DesiredMessage,
  MessageUpdate,
  RestoredMessage,
  ShownMessage,
  Store,
} from '../messages/store.ts';
import { countsOf, groupedAlertOf } from '../policy/alert-group.ts';
import type { StoredSilence } from '../policy/silence.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { RECEIVED_GROUP } from './alert-receiver.ts';
import {
  emptyLead,
  type FoundMessage,
  foundIn,
  isSingle,
  planRestore,
  type RestorePlan,
  removedRule,
  shownOf,
} from './restore-plan.ts';
import { OUTAGE_GROUP } from './source-outage.ts';

/*
 * Open messages from before a loss of the store that could be read in Slack only after evaluation had gone on without
 * them. Their alerts may have been posted again by then, so they are not continued: each ends, with a link to the message
 * that continues it where its alert is still firing.
 */

/** What the store holds when orphans are found. */
export interface StoreNow {
  /** The groups that are evaluated. */
  readonly groups: readonly RuleGroup[];
  readonly states: ReadonlyMap<string, RuleGroupState | undefined>;
  /** By the keys of the messages found. */
  readonly shown: ReadonlyMap<string, ShownMessage | undefined>;
  /** When evaluation went on without the messages. */
  readonly since: EpochMs;
  readonly at: EpochMs;
}

/** Messages of the time since then are posted later than this before it, however the clocks differ. */
const CLOCK_MARGIN: Milliseconds = MINUTE;

/** A message whose end differs from the message that the store knows by the same key. */
const orphanKeyOf = ({ message: { key, messageTs } }: FoundMessage): string => `${key}~${messageTs}`;

/** The rule of an orphan as it was evaluated last; undecided until that happens. */
function ruleOf(
  { point }: FoundMessage,
  { groups, states, since }: StoreNow,
): RuleState | 'undecided' | undefined {
  const state = states.get(point.group)?.rules[point.rule];
  const isEvaluated = groups.some(
    ({ id, rules }) => id === point.group && rules.some(({ key }) => key === point.rule),
  );
  return isEvaluated && (state?.evaluatedAt ?? 0) < since ? 'undecided' : state;
}

/** An alert of an orphan as it is now: ended, or pending so that it is not decided yet. */
function endedAlert(
  alertId: string,
  carried: RestoredAlert,
  { asOf, at, rule, state }: { asOf: EpochMs; at: EpochMs; rule: SloRule; state: RuleState | undefined },
): Alert | 'undecided' {
  const alert = restoredAlert(alertId, carried, { rule, asOf });
  const current = state?.alerts.find(({ fingerprint }) => fingerprint === carried.fingerprint);
  if (current?.state === 'pending') return 'undecided';
  if (current?.state !== 'firing')
    return resolveAlert(alert, at, state === undefined ? 'rule-removed' : 'no-longer-returned');
  const continuedAs = { alertId: current.alertId, severity: current.labels['severity'] };
  return { ...resolveAlert(alert, at, 'continued'), continuedAs };
}

/** The alerts of an orphan and of its thread replies, each once; undefined while one is undecided. */
function endedAlerts(
  found: readonly FoundMessage[],
  alertId: string,
  of: Omit<Parameters<typeof endedAlert>[2], 'asOf'>,
): { readonly alerts: readonly Alert[]; readonly rows: readonly GroupedAlert[] } | undefined {
  const alerts = new Map<string, Alert>();
  const rows = new Map<string, GroupedAlert>();
  for (const { point } of found)
    for (const carried of point.alerts) {
      const alert = endedAlert(alertId, carried, { ...of, asOf: point.asOf });
      if (alert === 'undecided') return undefined;
      alerts.set(carried.fingerprint, alert);
      rows.set(carried.fingerprint, groupedAlertOf(alert, carried.name ?? nameOf(alert, of.rule)));
    }
  return { alerts: [...alerts.values()], rows: [...rows.values()] };
}

/** The final form of an orphan; undefined while one of its alerts is not decided. */
function finalForm(
  found: FoundMessage,
  now: StoreNow,
  replies: readonly FoundMessage[],
): DesiredMessage | undefined {
  const { group, rule: key, alertGroup, reply: detailPage, asOf } = found.point;
  const state = ruleOf(found, now);
  if (state === 'undecided') return undefined;
  const { rule } = state ?? { rule: removedRule(key) };
  const [id, at] = [orphanKeyOf(found), now.at];
  const ended = endedAlerts([found, ...replies], id, { at, rule, state });
  if (ended === undefined) return undefined;
  const { rows } = ended;
  const startedAt = alertGroup?.startedAt ?? asOf;
  const lead = ended.alerts[0] ?? resolveAlert(emptyLead(id, rule, startedAt), at, 'no-longer-returned');
  const common = { group, rule, asOf: at, alert: lead };
  if (isSingle(found.point)) return { ...common, destination: lead.postedTo?.[0] };
  const destination = { channel: alertGroup?.channel, mentions: [] };
  return { ...common, destination, alertGroup: { id, startedAt, counts: countsOf(rows), rows, detailPage } };
}

/**
 * The ends of messages that the store does not know, and whether all of them are decided: an alert that is pending may be
 * posted soon, and then continues its orphan. Pure.
 */
export function planOrphans(
  messages: readonly OpenMessage[],
  now: StoreNow,
): {
  readonly messages: readonly RestoredMessage[];
  readonly updates: readonly MessageUpdate[];
  readonly isDecided: boolean;
} {
  const orphans = foundIn(
    messages.filter(
      ({ key, messageTs }) =>
        Number(messageTs) * SECOND < now.since - CLOCK_MARGIN && now.shown.get(key)?.messageTs !== messageTs,
    ),
  );
  const restored: RestoredMessage[] = [];
  const updates: MessageUpdate[] = [];
  let isDecided = true;
  for (const found of orphans) {
    const key = orphanKeyOf(found);
    const replies = orphans.filter(({ point }) => point.reply?.parent === found.message.key);
    const desired = finalForm(found, now, replies);
    if (desired === undefined) {
      isDecided = false;
      continue;
    }
    const { group, rule, alert, destination = { mentions: [] } } = desired;
    const kind = found.point.reply === undefined ? 'resolved' : 'edit';
    const update = messageUpdate({ group: { id: group }, rule }, now.at, { alert, kind, key, destination });
    restored.push({ shown: { ...shownOf(found), key }, desired, lineKeys: found.message.lineKeys });
    updates.push({ ...update, desired });
  }
  return { messages: restored, updates, isDecided };
}

export interface RestoreMessagesOptions {
  readonly store: Pick<
    Store,
    | 'isRestored'
    | 'partialSince'
    | 'restore'
    | 'claimTick'
    | 'loadGroup'
    | 'shownMessage'
    | 'silences'
    | 'addSilence'
  >;
  readonly slack: Pick<ChannelReader, 'openMessages' | 'joinedChannels'>;
  /** The channels that the settings and the rules name. */
  readonly channels: () => readonly string[];
  readonly groups: () => readonly RuleGroup[];
  /** Alerts that Alertmanagers sent continue; absent: they end. */
  readonly receivesAlerts?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'backgroundFailed'>;
  /** Called when a loss has ended, at most every ten minutes. */
  readonly onRestored?: (restored: RestoredStore) => void;
}

/** What became of a store without data. */
export interface RestoredStore {
  /** How many open messages were found. */
  readonly messages: number;
  /** The store lost its data while the bot ran. */
  readonly wasLost: boolean;
  /** Silences made in Slack that continue, as they were made. */
  readonly silences: number;
  /** Alerts whose silence continues for them alone: its matchers are not known. */
  readonly silenced: readonly string[];
}

/** Restores the open messages of a new store, and of one that loses its data while the bot runs. */
export interface RestoreMessages {
  /** Looks for the first time; ends after a few seconds even when Slack does not respond. */
  begin(): Promise<void>;
  /** Looks again and again until the signal aborts. */
  readonly watch: (signal: AbortSignal) => void;
  /** Why evaluation waits; undefined when it does not. For readiness. */
  problem(): string | undefined;
}

/** Older open messages are not looked for. */
const LOOK_BACK: Milliseconds = DAY;

/** The time between two checks of the store. */
const CHECK_EVERY: Milliseconds = ms(2 * SECOND);

/** A call to Slack that was under way when the store lost its data ends within this time. */
const CALL_UNDER_WAY: Milliseconds = ms(12 * SECOND);

/** Evaluation waits for channels that cannot be read at most this long: a possible second message is better than none. */
const PATIENCE: Milliseconds = ms(5 * MINUTE);

/** One replica looks; when it stops, another one begins after this time. */
const CLAIM_FOR: Milliseconds = ms(30 * SECOND);

/** After a failed attempt, unless Slack names a time. */
const PAUSE: Milliseconds = ms(2 * SECOND);

/** Between two attempts to find messages without which evaluation went on. */
const LOOK_AGAIN: Milliseconds = ms(30 * SECOND);

/** A store that is lost again and again is said in Slack this often. */
const SAY_EVERY: Milliseconds = ms(10 * MINUTE);

/** The start of the bot waits this long for the first attempt. */
const FIRST_ATTEMPT: Milliseconds = ms(3 * SECOND);

/** Of the channels that no rule names any more. */
const MOST_JOINED = 100;

/** A store without data, and what has been read since that was seen. */
interface Loss {
  readonly at: EpochMs;
  readonly wasLost: boolean;
  readonly read: Map<string, readonly OpenMessage[]>;
  /** Ids of channels that were read. */
  readonly ids: Set<string>;
  claimed?: EpochMs;
  /** No other replica saw the loss so lately that its calls may still be under way. */
  isSettled?: boolean;
}

/** Why the channels could not all be read, and when to go on. */
interface Unread {
  readonly channel: string;
  readonly reason: string;
  readonly retryAfter: Milliseconds;
}

async function readChannel(
  { slack, logger }: RestoreMessagesOptions,
  loss: Loss,
  channel: string,
): Promise<Unread | undefined> {
  if (loss.read.has(channel) || loss.ids.has(channel)) return undefined;
  const found = await slack.openMessages({ channel, since: before(loss.at, LOOK_BACK) });
  if (found.kind === 'unknown') return { channel, ...found };
  if (found.kind === 'unreadable')
    logger.warn('a channel cannot be searched for open messages', { channel, reason: found.reason });
  else loss.ids.add(found.channelId);
  loss.read.set(channel, found.kind === 'read' ? found.messages : []);
  return undefined;
}

/** Reads the channels that are not read yet: those that the rules name, and those that the bot is a member of. */
async function readChannels(options: RestoreMessagesOptions, loss: Loss): Promise<Unread | undefined> {
  for (const channel of options.channels()) {
    const unread = await readChannel(options, loss, channel);
    if (unread !== undefined) return unread;
  }
  const joined = (await options.slack.joinedChannels()) ?? [];
  if (joined.length > MOST_JOINED)
    options.logger.warn('not all channels are searched for open messages', {
      searched: MOST_JOINED,
      joined: joined.length,
    });
  for (const channel of joined.slice(0, MOST_JOINED)) {
    const unread = await readChannel(options, loss, channel);
    if (unread !== undefined) return unread;
  }
  return undefined;
}

/** Whether this replica looks; the others wait until it has restored the store or has stopped. */
async function isOurs({ store, clock }: RestoreMessagesOptions, loss: Loss): Promise<boolean> {
  const evalTime = epochMs(Math.floor(clock.now() / CLAIM_FOR) * CLAIM_FOR);
  if (loss.claimed === evalTime) return true;
  const group = 'tailwatch (itself);restore';
  if (!(await store.claimTick({ group, evalTime, ttl: ms(2 * CLAIM_FOR) }))) return false;
  loss.claimed = evalTime;
  return true;
}

/**
 * Whether the calls that were under way when the store lost its data have ended. The first replica that sees it says so in the
 * store for their longest time: one that starts meanwhile cannot tell a lost store from a new one.
 */
async function areCallsOver({ store, clock }: RestoreMessagesOptions, loss: Loss): Promise<boolean> {
  if (loss.isSettled === true) return true;
  const seen = { group: 'tailwatch (itself);loss', evalTime: epochMs(0), ttl: CALL_UNDER_WAY };
  // Each time, since the store may lose it again.
  const isFirst = await store.claimTick(seen);
  loss.isSettled = loss.wasLost ? between(loss.at, clock.now()) >= CALL_UNDER_WAY : isFirst;
  return loss.isSettled;
}

/** The groups that are evaluated, with those of the bot itself. */
const allGroups = ({ groups, receivesAlerts }: RestoreMessagesOptions): readonly RuleGroup[] => [
  ...groups(),
  OUTAGE_GROUP,
  ...(receivesAlerts === true ? [RECEIVED_GROUP] : []),
];

/** The messages of silences that could not be read when the store was restored: their silences continue, or have ended. */
function planLateSilences(found: readonly OpenMessage[], at: EpochMs) {
  const { messages, announced } = planRestore(found, [SILENCE_GROUP], { at, wasLost: true });
  const ended = announced.filter(({ endsAt }) => endsAt <= at);
  return {
    silences: announced.filter(({ endsAt }) => endsAt > at),
    messages,
    updates: ended.flatMap((silence) => silenceUpdates(silence, { at, suppressed: [] })),
  };
}

/** Ends messages that could not be read when the store was restored, unless an alert of them is still undecided. */
async function endOrphans(
  options: RestoreMessagesOptions,
  since: EpochMs,
  found: readonly OpenMessage[],
): Promise<void> {
  const { store, clock, logger } = options;
  const groupOf = ({ key, restorePoint }: OpenMessage) => decodeRestorePoint(key, restorePoint)?.group;
  const groupIds = new Set(found.flatMap((message) => groupOf(message) ?? []));
  const states = new Map<string, RuleGroupState | undefined>();
  for (const id of groupIds) states.set(id, await store.loadGroup(id));
  const shown = new Map<string, ShownMessage | undefined>();
  for (const { key } of found) shown.set(key, await store.shownMessage(key));
  const at = clock.now();
  const isOfSilence = (message: OpenMessage): boolean => groupOf(message) === SILENCE_GROUP.id;
  const ofAlerts = found.filter((message) => !isOfSilence(message));
  const plan = planOrphans(ofAlerts, { groups: allGroups(options), states, shown, since, at });
  const unknown = found.filter((message) => isOfSilence(message) && shown.get(message.key) === undefined);
  const late = planLateSilences(unknown, at);
  for (const silence of late.silences) await store.addSilence({ silence, messages: [] });
  if (!plan.isDecided) return;
  const messages = [...plan.messages, ...late.messages];
  const updates = [...plan.updates, ...late.updates];
  if (await store.restore({ at, groups: [], messages, updates, completes: since }))
    logger.warn('open messages that could not be read when the store was restored were found', {
      messages: messages.length,
    });
}

/** After a restore that lacks the messages of some channels: looks for them until they were found once. */
function createOrphanSearch(options: RestoreMessagesOptions): () => Promise<void> {
  let lookAt = epochMs(0);
  return async () => {
    const now = options.clock.now();
    const since = now < lookAt ? undefined : await options.store.partialSince();
    if (since === undefined) return;
    lookAt = after(now, LOOK_AGAIN);
    const late: Loss = { at: since, wasLost: true, read: new Map(), ids: new Set() };
    if (!(await isOurs(options, late))) return;
    const unread = await readChannels(options, late);
    if (unread !== undefined) lookAt = after(now, ms(Math.max(LOOK_AGAIN, unread.retryAfter)));
    else await endOrphans(options, since, [...late.read.values()].flat());
  };
}

/**
 * A silence whose message was deleted is in no message. Each replica remembers those that were active when it looked last,
 * and adds them to a store that lost them.
 */
function createSilenceMemory({ store, clock }: Pick<RestoreMessagesOptions, 'store' | 'clock'>) {
  let known: readonly StoredSilence[] = [];
  return {
    remember: (current: readonly StoredSilence[]): void => {
      known = current;
    },
    addAgain: async (): Promise<void> => {
      for (const silence of known)
        if (silence.endsAt > clock.now()) await store.addSilence({ silence, messages: [] });
    },
  };
}

/** Before alerts are evaluated again: what an open message shows as silenced stays silent. Returns what was added. */
async function addShownSilences(
  { store }: RestoreMessagesOptions,
  { silences: shown, announced }: Pick<RestorePlan, 'silences' | 'announced'>,
  at: EpochMs,
): Promise<Pick<RestoredStore, 'silences' | 'silenced'>> {
  for (const silence of announced) await store.addSilence({ silence, messages: [] });
  const known = await store.silences(at);
  const others = shown.filter(({ id }) => known.every((silence) => silence.id !== id));
  for (const { silence } of others) await store.addSilence({ silence, messages: [] });
  return {
    silences: known.length,
    silenced: others.map(({ silence }) => matchersText(silence.matchers)),
  };
}

function beginLoss({ logger }: RestoreMessagesOptions, begun: Pick<Loss, 'at' | 'wasLost'>): Loss {
  if (begun.wasLost)
    logger.error(
      'the store lost its data; nothing is evaluated until open messages were looked for in Slack',
    );
  return { ...begun, read: new Map(), ids: new Set() };
}

export function createRestoreMessages(options: RestoreMessagesOptions): RestoreMessages {
  const { store, clock, logger, onRestored } = options;
  let wasRestored = false;
  let loss: Loss | undefined;
  const silences = createSilenceMemory(options);
  const searchOrphans = createOrphanSearch(options);
  let saidAt: EpochMs | undefined;

  async function finish({ read, wasLost }: Loss, isPartial: boolean): Promise<void> {
    const at = clock.now();
    const found = [...read.values()].flat();
    const plan = planRestore(found, [...allGroups(options), SILENCE_GROUP], { at, wasLost });
    const silenced = await addShownSilences(options, plan, at);
    if (!(await store.restore({ ...plan, at, isPartial }))) return;
    const messages = plan.messages.length;
    if (messages === 0 && !wasLost) return;
    logger.warn('the store was restored from Slack', { messages, channels: read.size });
    if (saidAt !== undefined && between(saidAt, at) < SAY_EVERY) return;
    saidAt = at;
    onRestored?.({ messages, wasLost, ...silenced });
  }

  async function once(): Promise<Milliseconds> {
    const current = await store.silences(clock.now());
    if (await store.isRestored()) {
      silences.remember(current);
      wasRestored = true;
      loss = undefined;
      await searchOrphans();
      return CHECK_EVERY;
    }
    const now = clock.now();
    loss ??= beginLoss(options, { at: now, wasLost: wasRestored });
    await silences.addAgain();
    if (!(await areCallsOver(options, loss))) return CHECK_EVERY;
    if (!(await isOurs(options, loss))) return PAUSE;
    const unread = await readChannels(options, loss);
    if (unread !== undefined) {
      const { channel, reason, retryAfter } = unread;
      const isPatient = between(loss.at, clock.now()) < PATIENCE;
      if (isPatient) logger.info('open messages are still being looked for in Slack', { channel, reason });
      else logger.error('evaluation goes on without the open messages of a channel', { channel, reason });
      if (isPatient) return ms(Math.max(PAUSE, retryAfter));
    }
    await finish(loss, unread !== undefined);
    return ms(0);
  }

  return {
    async begin() {
      const limit = new AbortController();
      // A failure is logged by the next look.
      await Promise.race([once().catch(() => PAUSE), clock.sleep(FIRST_ATTEMPT, limit.signal)]);
      limit.abort();
    },
    watch: (signal) => void repeat({ ...options, work: 'store-restore', signal }, once),
    problem: () => (loss === undefined ? undefined : 'open messages are being looked for in Slack'),
  };
}

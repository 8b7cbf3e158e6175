import { type Clock, monotonicNow } from '../lib/clock.ts';
import { faultText, UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { backoff, keepLease, LEASE } from './decide-sync.ts';
import { type CollectEvidence, type Evidence, withLast } from './evidence.ts';
import { alertInLedger, type Ledger, type LedgerEntry, NO_LEDGER } from './ledger.ts';
import type { Synced, SyncMessageParts } from './post-message.ts';
import type { ClaimedMessage, DesiredMessage, Store } from './store.ts';
import { collectsEvidence, syncMessage } from './sync-message.ts';

/** What making Slack show the messages needs. */
export interface MessageSyncOptions extends Omit<SyncMessageParts, 'store' | 'remembered'> {
  readonly store: Pick<Store, 'claimMessage' | 'renewLease' | 'settleMessage' | 'shownMessage' | 'actions'>;
  readonly recorder: Recorder;
  /** Absent: messages are not recorded there. */
  readonly ledger?: Ledger;
  /** How many messages are worked on at once. */
  readonly workers?: number;
  /** Milliseconds of a clock that is never set; the process's own unless given. */
  readonly monotonic?: () => number;
}

/** Makes Slack show what the store's messages are to show. */
export interface MessageSync {
  /** Works on every message that is due now until none is; resolves with how many steps this call took. */
  drain(): Promise<number>;
  /** Works until it is stopped. */
  start(): void;
  /** Claims no more messages and waits for those under way. */
  stop(): Promise<void>;
  /** A message has changed: look at once. */
  signal(): void;
  /** Why nothing can be sent until a person fixes it, since when; undefined when all is well. */
  refusal(): { readonly code: string; readonly since: EpochMs } | undefined;
}

const WORKERS = 6;
/** Workers that never wait for evidence: a new alert always finds one free. */
const QUICK_WORKERS = 2;
/** How long a message that needs evidence is put off while enough others collect theirs. */
const BUSY_PAUSE = ms(3 * SECOND);
/** How often the store is read when nothing is signaled. */
const POLL: Milliseconds = SECOND;

interface Refusal {
  readonly code: string;
  readonly since: EpochMs;
}

function refusalAfter(before: Refusal | undefined, synced: Synced | undefined, now: EpochMs) {
  const { outcome, reason = '' } = synced ?? {};
  if (isRefused({ outcome })) return before?.code === reason ? before : { code: reason, since: now };
  return outcome === 'sent' ? undefined : before;
}

/**
 * The reconciler: claims messages that Slack does not show as they should be, and makes it so, one call at a time. What
 * may have happened is looked for before it is done again, so each step can be repeated after a crash.
 */
export function createMessageSync(options: MessageSyncOptions): MessageSync {
  const { store, clock, logger, workers = WORKERS } = options;
  const work = createSteps(options);
  const mostCollecting = Math.max(1, workers - QUICK_WORKERS);
  const underWay = new Set<Promise<void>>();
  let collecting = 0;
  let refusal: Refusal | undefined;

  async function workOff(isStopping: () => boolean): Promise<number> {
    let steps = 0;
    while (!isStopping()) {
      const message = await store.claimMessage({ now: clock.now(), lease: LEASE });
      if (message === undefined) break;
      steps += 1;
      const step = take(message);
      underWay.add(step);
      await step.finally(() => underWay.delete(step));
    }
    return steps;
  }

  /** A slow Jaeger must not occupy all workers. */
  async function take(message: ClaimedMessage): Promise<void> {
    const isSlow = collectsEvidence(message);
    if (isSlow && collecting >= mostCollecting) {
      const { key, token, attempt, failures, syncedRevision } = message;
      const dueAt = after(clock.now(), BUSY_PAUSE);
      await store.settleMessage({
        key,
        token,
        attempt,
        failures,
        syncedRevision,
        dueAt,
        lineKeys: [],
        isFinal: false,
      });
      return;
    }
    collecting += Number(isSlow);
    const begunAt = clock.now();
    try {
      refusal = refusalAfter(refusal, await work(message), begunAt);
    } finally {
      collecting -= Number(isSlow);
    }
  }

  async function drain(): Promise<number> {
    const ended = await Promise.all(Array.from({ length: workers }, () => workOff(() => false)));
    await Promise.all(underWay);
    return ended.reduce((sum, each) => sum + each, 0);
  }

  const { start, stop, signal } = createWorkers({ clock, logger, workers, workOff });
  return { start, stop, signal, drain, refusal: () => refusal };
}

/** Takes one step for a claimed message and settles it; undefined after an internal error. Rejects only when the store does. */
function createSteps(options: MessageSyncOptions): (message: ClaimedMessage) => Promise<Synced | undefined> {
  const { store, clock, logger, recorder, ledger = NO_LEDGER, monotonic = monotonicNow } = options;
  const { collect, remembered } = rememberEvidence(options.collect, clock);
  const parts: SyncMessageParts = { ...options, collect, remembered };
  const refused = new Set<string>();

  function note(message: ClaimedMessage, synced: Synced): void {
    const { key } = message;
    const { call, outcome, failures, reason } = synced;
    if (call !== undefined && outcome !== 'waiting') recorder.notified({ kind: call, outcome });
    if (outcome === 'sent') {
      refused.delete(key);
      logShown(logger, message, synced);
    }
    ledger.add(...ledgerEntries(message, synced, clock.now()));
    if (reason === undefined) return;
    const fields = { message: key, alertId: message.desired?.alert.alertId, failures, reason };
    // Five failures are half a minute of growing pauses: an operator should know.
    if (!isRefused(synced)) logger[failures === 5 ? 'warn' : 'debug']('a message waits', fields);
    else if (!refused.has(key)) {
      refused.add(key);
      logger.error('Slack refuses a message: it is kept and tried again', fields);
    }
  }

  async function step(message: ClaimedMessage): Promise<Synced | undefined> {
    const lease = keepLease({ store, clock, monotonic }, message, {
      now: clock.now(),
      monotonic: monotonic(),
    });
    try {
      return await syncMessage(parts, message, lease);
    } catch (error) {
      if (error instanceof UpstreamError && error.system === 'store') throw error;
      // Not settled: it is claimed again when the lease ends, with the attempt that is recorded.
      logger.error('a message failed', { message: message.key, error: faultText(error) });
      return undefined;
    } finally {
      lease.stop();
    }
  }

  return async (message) => {
    const synced = await step(message);
    if (synced === undefined) return undefined;
    note(message, synced);
    const { call: _call, outcome: _outcome, reason: _reason, dueAt = clock.now(), ...settlement } = synced;
    const { key, token } = message;
    if (!(await store.settleMessage({ ...settlement, key, token, dueAt })))
      logger.info('the lease on a message ended before it was settled: another replica goes on', {
        message: key,
      });
    return synced;
  };
}

/** Whether a step showed the end: its line is sent once, while the message may be edited after it. */
const hasEnded = ({ lines }: Pick<ClaimedMessage, 'lines'>, { lineKeys }: Synced): boolean =>
  lines.some(({ kind, key }) => kind === 'resolved' && lineKeys.includes(key));

/** One line for each message that is posted, silenced or ended: what happened, and where it is. */
function logShown(logger: Logger, { key, desired, shown, lines }: ClaimedMessage, synced: Synced): void {
  const { permalink } = synced.shown ?? shown ?? {};
  const fields = { message: key, alertId: desired?.alert.alertId, rule: desired?.rule.name, permalink };
  const silenced = lines.find((line) => line.silence !== undefined && synced.lineKeys.includes(line.key));
  if (synced.call === 'post') logger.info('message posted', fields);
  if (silenced?.silence !== undefined) {
    const { what, id, by } = silenced.silence;
    logger.info(`message ${what}`, { ...fields, silence: id, by });
  }
  if (hasEnded({ lines }, synced) && desired !== undefined)
    logger.info('message ended', { ...fields, reason: desired.alert.resolveReason });
}

/** What the ledger says of a message; undefined for a reply, and for those about the bot itself. */
function inLedger({ alert, rule, alertGroup, parent }: DesiredMessage) {
  if (parent !== undefined || rule.about !== undefined) return undefined;
  if (alertGroup === undefined) return alertInLedger(alert, rule);
  const { firing, 'no-data': noData, resolved } = alertGroup.counts;
  return { what: `${rule.name}, ${firing + noData + resolved} alerts`, alertId: alertGroup.id };
}

const isRefused = ({ outcome }: Partial<Pick<Synced, 'outcome'>>): boolean =>
  outcome === 'refused' || outcome === 'channel-refused';

const endingOf = ({ alert, rule }: DesiredMessage): string | undefined =>
  rule.test === undefined ? alert.resolveReason?.replaceAll('-', ' ') : 'test over';

/** The entries of a step: a message was posted, it ended, or Slack refuses it for the first time. */
function ledgerEntries({ desired, shown, lines, failures }: ClaimedMessage, synced: Synced, at: EpochMs) {
  const of = desired && inLedger(desired);
  if (of === undefined) return [];
  const { permalink } = synced.shown ?? shown ?? {};
  const entries: LedgerEntry[] = [];
  if (synced.outcome === 'sent') {
    if (synced.call === 'post') entries.push({ at, kind: 'posted', ...of, permalink });
    const outcome = desired && endingOf(desired);
    if (hasEnded({ lines }, synced)) entries.push({ at, kind: 'ended', ...of, permalink, outcome });
  }
  if (isRefused(synced) && synced.call === 'post' && failures === 0)
    entries.push({ at, kind: 'not-posted', ...of, outcome: synced.reason });
  return entries;
}

/** Workers that look into the store again and again, and do not wait for each other. */
function createWorkers(parts: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly workers: number;
  readonly workOff: (isStopping: () => boolean) => Promise<unknown>;
}): Pick<MessageSync, 'start' | 'stop' | 'signal'> {
  const { clock, workers, workOff } = parts;
  const sleeping = new Set<AbortController>();
  const outage = createOutage(parts.logger);
  let running: { isStopping: boolean; done: Promise<unknown> } | undefined;

  async function worker(isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      // A signal from here on ends the coming sleep, even when it comes before the sleep begins.
      const controller = new AbortController();
      sleeping.add(controller);
      const pause = await workOff(isStopping).then(outage.ended, outage.goesOn);
      if (!isStopping()) await clock.sleep(pause, controller.signal);
      sleeping.delete(controller);
    }
  }

  const signal = (): void => {
    for (const controller of sleeping) controller.abort();
  };

  return {
    start() {
      if (running !== undefined) return;
      const run = { isStopping: false, done: Promise.resolve() as Promise<unknown> };
      running = run;
      run.done = Promise.all(Array.from({ length: workers }, () => worker(() => run.isStopping)));
    },
    async stop() {
      const run = running;
      if (run === undefined) return;
      run.isStopping = true;
      signal();
      await run.done;
      running = undefined;
    },
    signal,
  };
}

/** How long to pause after a look; logged once per outage. */
function createOutage(logger: Logger): {
  readonly ended: () => Milliseconds;
  readonly goesOn: (error: unknown) => Milliseconds;
} {
  let failures = 0;
  return {
    ended: () => {
      failures = 0;
      return POLL;
    },
    goesOn: (error) => {
      failures += 1;
      if (failures === 1) logger.error('messages cannot be read from the store', { error: faultText(error) });
      return backoff(failures);
    },
  };
}

/** Messages are edited at least this often: what was collected for the last edit is what they show. */
const REMEMBERED_FOR: Milliseconds = ms(10 * MINUTE);

/** Alerts whose evidence is remembered; beyond it the oldest is forgotten. */
const MOST_REMEMBERED = 500;

/**
 * Remembers the evidence of the last edit: an action is shown without waiting for a trace search, and a source that fails
 * does not take away what it returned before.
 */
export function rememberEvidence(
  collect: CollectEvidence,
  clock: Pick<Clock, 'now'>,
): { readonly collect: CollectEvidence; readonly remembered: (alertId: string) => Evidence | undefined } {
  const known = new Map<string, { readonly evidence: Evidence; readonly at: EpochMs }>();
  return {
    collect: async (of) => {
      const { alertId } = of.alert;
      const last = known.get(alertId);
      const evidence = withLast(await collect(of), last?.evidence, last?.at ?? clock.now());
      known.delete(alertId);
      known.set(alertId, { evidence, at: clock.now() });
      const oldest = known.keys().next().value;
      if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest);
      return evidence;
    },
    remembered: (alertId) => {
      const found = known.get(alertId);
      return found === undefined || between(found.at, clock.now()) > REMEMBERED_FOR
        ? undefined
        : found.evidence;
    },
  };
}

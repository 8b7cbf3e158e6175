import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { backoff } from './decide-delivery.ts';
import type { CollectEvidence, Evidence } from './evidence.ts';
import { createPerform } from './perform-delivery.ts';
import type { Delivered, DeliveryParts } from './post-message.ts';
import type { Store, TakenEntry } from './store.ts';
import { asItStands } from './with-actions.ts';

/** What working on the outbox needs. */
export interface DeliveryOptions extends DeliveryParts {
  readonly store: Pick<
    Store,
    'takeEntry' | 'completeEntry' | 'postponeEntry' | 'messageRef' | 'actions' | 'loadGroup'
  >;
  readonly recorder: Recorder;
  /** How many notifications are under way at once; those of one alert never are. */
  readonly lanes?: number;
}

/** Sees the notifications of the outbox through. */
export interface Delivery {
  /** Sees every entry that is due now through, once, those under way too; resolves with how many it took itself. */
  drain(): Promise<number>;
  /** Works until it is stopped. */
  start(): void;
  /** Takes no more entries and waits for those under way. */
  stop(): Promise<void>;
  /** There is something new: do not wait for the next look into the outbox. */
  wake(): void;
  /** Why nothing can be sent until a person actions, since when; undefined when all is well. */
  refusal(): { readonly code: string; readonly since: EpochMs } | undefined;
}

const LANES = 6;
/** Lanes that are never given to an entry that waits for traces: a new alert always finds one free. */
const QUICK_LANES = 2;
/** How long an entry that needs evidence is put off while enough others collect theirs. */
const BUSY_PAUSE = ms(3 * SECOND);
/** Longer than the slowest attempt: evidence, three forms of a message, a look into the channel. */
const LEASE = ms(2 * MINUTE);

/**
 * Sees the outbox through: what a rule's evaluation decided to tell people is notified exactly once, whatever happens in
 * between. Every step is repeatable; what may have happened is looked for before it is done again.
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { store, clock, logger, lanes = LANES } = options;
  const handle = createHandler(options);
  const mostCollecting = Math.max(1, lanes - QUICK_LANES);
  const underWay = new Set<Promise<void>>();
  let collecting = 0;
  let refusal: { code: string; since: EpochMs } | undefined;

  async function lane(isStopping: () => boolean): Promise<number> {
    let handled = 0;
    while (!isStopping()) {
      const entry = await store.takeEntry({ now: clock.now(), lease: LEASE });
      if (entry === undefined) break;
      handled += 1;
      const seeing = see(entry);
      underWay.add(seeing);
      await seeing.finally(() => underWay.delete(seeing));
    }
    return handled;
  }

  /** A firing is quick. Everything else collects evidence first, and a slow Jaeger must not hold all lanes. */
  async function see(entry: TakenEntry): Promise<void> {
    const isQuick = entry.kind === 'firing' || entry.alertGroup?.page !== undefined;
    if (!isQuick && collecting >= mostCollecting) {
      await store.postponeEntry({
        id: entry.id,
        notBefore: after(clock.now(), BUSY_PAUSE),
        attempt: entry.attempt,
      });
      return;
    }
    collecting += isQuick ? 0 : 1;
    try {
      refusal = refusalAfter(refusal, await handle(entry), clock.now());
    } finally {
      collecting -= isQuick ? 0 : 1;
    }
  }

  async function drain(): Promise<number> {
    const ended = await Promise.all(Array.from({ length: lanes }, () => lane(() => false)));
    await Promise.all(underWay);
    return ended.reduce((sum, each) => sum + each, 0);
  }

  const { start, stop, wake } = createOutboxWorker({ clock, logger, lanes, look: lane });
  return { start, stop, wake, drain, refusal: () => refusal };
}

function refusalAfter(
  before: { code: string; since: EpochMs } | undefined,
  delivered: Delivered | undefined,
  now: EpochMs,
): { code: string; since: EpochMs } | undefined {
  if (delivered?.kind === 'later' && delivered.isRefused === true)
    return before?.code === delivered.reason ? before : { code: delivered.reason, since: now };
  return delivered?.kind === 'done' && delivered.outcome === 'sent' ? undefined : before;
}

/** Handles one entry to its end or back into the outbox. Rejects only when the store does. */
function createHandler(options: DeliveryOptions): (entry: TakenEntry) => Promise<Delivered | undefined> {
  const { store, clock, logger, recorder } = options;
  const perform = createPerform({ ...options, ...rememberEvidence(options.enrich, clock) });
  const complaints = new Set<string>();

  function complain(entry: TakenEntry, delivered: Extract<Delivered, { kind: 'later' }>): void {
    const key = `${entry.id} ${delivered.reason}`;
    const fields = { entry: entry.id, kind: entry.kind, attempt: entry.attempt, reason: delivered.reason };
    // Five attempts are half a minute of growing pauses: time for an operator to know.
    if (delivered.isRefused !== true)
      logger[entry.attempt === 5 ? 'warn' : 'debug']('a notification waits', fields);
    else if (!complaints.has(key)) {
      complaints.add(key);
      logger.error('Slack refuses a notification: it is kept and tried again', fields);
    }
  }

  async function refsOf({ alertId, alertGroup, escalates }: TakenEntry) {
    const other = alertGroup?.page?.alertGroup ?? escalates;
    const [ref, related] = await Promise.all([
      store.messageRef(alertId),
      other === undefined ? undefined : store.messageRef(other),
    ]);
    return { ref, related };
  }

  async function attempt(entry: TakenEntry): Promise<Delivered> {
    const startedAt = clock.now();
    try {
      return await perform(await asItStands(store, entry), await refsOf(entry));
    } catch (error) {
      logger.error('a notification failed', { entry: entry.id, error: faultText(error) });
      return {
        kind: 'later',
        outcome: 'unknown',
        notBefore: after(clock.now(), backoff(entry.attempt)),
        unknownSince: startedAt,
        reason: 'an error inside the bot',
      };
    }
  }

  return async (entry) => {
    const delivered = await attempt(entry);
    if (delivered.outcome !== 'waiting' && delivered.outcome !== 'nothing-to-do')
      recorder.notified({ kind: entry.kind, outcome: delivered.outcome });
    if (delivered.kind === 'done') {
      for (const key of complaints) if (key.startsWith(`${entry.id} `)) complaints.delete(key);
      await store.completeEntry({
        id: entry.id,
        ref: delivered.ref,
        follow: delivered.follow,
      });
      return delivered;
    }
    complain(entry, delivered);
    await store.postponeEntry({
      id: entry.id,
      notBefore: delivered.notBefore,
      // A lease that ran out is another lane's, or another replica's, by now: it is not ours to give back.
      attempt: entry.attempt,
      unknownSince: delivered.unknownSince,
    });
    return delivered;
  };
}

/** How often the outbox is looked into when nobody says that there is something new. */
const POLL: Milliseconds = SECOND;

/** Works on the outbox until it is stopped. */
export interface OutboxWorker {
  start: () => void;
  /** Begins no more work and waits for what is under way. */
  stop: () => Promise<void>;
  /** There is something new: the next look comes at once. */
  wake: () => void;
}

/**
 * Looks into the outbox again and again, in lanes that do not wait for each other. `look` sees through what is due and
 * is notified how to learn that it should come to an end.
 */
function createOutboxWorker(parts: {
  clock: Clock;
  logger: Logger;
  lanes: number;
  look: (isStopping: () => boolean) => Promise<unknown>;
}): OutboxWorker {
  const { clock, lanes, look } = parts;
  const bells = new Set<AbortController>();
  const outage = createOutage(parts.logger);
  let running: { isStopping: boolean; done: Promise<unknown> } | undefined;

  async function lane(isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      // What rings from here on ends the coming sleep, even when it rings before the sleep begins.
      const bell = new AbortController();
      bells.add(bell);
      const pause = await look(isStopping).then(outage.ended, outage.goesOn);
      if (!isStopping()) await clock.sleep(pause, bell.signal);
      bells.delete(bell);
    }
  }

  const ring = (): void => {
    for (const bell of bells) bell.abort();
  };

  return {
    start() {
      if (running !== undefined) return;
      const run = { isStopping: false, done: Promise.resolve() as Promise<unknown> };
      running = run;
      run.done = Promise.all(Array.from({ length: lanes }, () => lane(() => run.isStopping)));
    },
    async stop() {
      const run = running;
      if (run === undefined) return;
      run.isStopping = true;
      ring();
      await run.done;
      running = undefined;
    },
    wake: ring,
  };
}

/** How long to pause after a look; complains once per outage, since every line of `error` asks somebody to act. */
function createOutage(logger: Logger): {
  ended: () => Milliseconds;
  goesOn: (error: unknown) => Milliseconds;
} {
  let failures = 0;
  return {
    ended: () => {
      failures = 0;
      return POLL;
    },
    goesOn: (error) => {
      failures += 1;
      if (failures === 1)
        logger.error('the outbox cannot be worked on', {
          error: faultText(error),
        });
      return backoff(failures);
    },
  };
}

/** Messages are edited at least this often: what was collected for the last edit is what they show. */
const LATELY: Milliseconds = ms(10 * MINUTE);

/** Alerts whose evidence is remembered; of more, the ones that waited longest are collected for anew. */
const MOST = 500;

/** RememberedEvidence, and what of it was collected lately. */
export interface RememberedEvidence {
  readonly enrich: CollectEvidence;
  /** What the message of an alert shows already. */
  readonly lately: (alertId: string) => Evidence | undefined;
}

/**
 * Remembers the evidence of the last edit, so that what a person did is shown at once: nobody who takes an alert should
 * wait for a search of traces, least of all while the tracing backend is slow.
 */
export function rememberEvidence(enrich: CollectEvidence, clock: Pick<Clock, 'now'>): RememberedEvidence {
  const known = new Map<string, { readonly evidence: Evidence; readonly at: EpochMs }>();
  return {
    enrich: async (of) => {
      const evidence = await enrich(of);
      const { alertId } = of.alert;
      known.delete(alertId);
      known.set(alertId, { evidence, at: clock.now() });
      const oldest = known.keys().next().value;
      if (known.size > MOST && oldest !== undefined) known.delete(oldest);
      return evidence;
    },
    lately: (alertId) => {
      const found = known.get(alertId);
      return found === undefined || between(found.at, clock.now()) > LATELY ? undefined : found.evidence;
    },
  };
}

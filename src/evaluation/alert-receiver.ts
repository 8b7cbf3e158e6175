import type { Alert, RuleGroupState, Suppression } from '../alerts/alert.ts';
import {
  MAX_OPEN_RECEIVED,
  needsRecovery,
  type ReceivedRuleResult,
  receiveAlerts,
} from '../alerts/receive.ts';
import { type AlertNotification, isOpen, type NotifiedAlert } from '../alerts/statements.ts';
import type { Clock } from '../lib/clock.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isQueryWrong, UpstreamError } from '../lib/errors.ts';
import { grouped } from '../lib/format.ts';
import { fingerprint, type Labels } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import {
  after,
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';
import type { Ledger } from '../messages/ledger.ts';
import type { Store } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import { createReceivedRules } from '../rules/file/received-rule.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { decideGroup, newlySilenced } from './decide-group.ts';
import { fromFuture } from './restore-timers.ts';
import { createOtherGroupStates, type NotificationOptions } from './suppress-alerts.ts';

/**
 * The rule group of the alerts that Alertmanagers send. Its rules are those of the alerts; it is in no rule file. Every
 * notification is an evaluation of it, and so is every interval: then values, and alerts that nobody resolves, are looked
 * at.
 */
export const RECEIVED_GROUP: RuleGroup = {
  id: 'Alertmanager;received alerts',
  file: 'Alertmanager',
  name: 'received alerts',
  interval: ms(15 * SECOND),
  queryOffset: ms(0),
  limit: 0,
  rules: [],
};

/** The rules of the received alerts, as their last evaluation knows them. */
export const receivedRules = (state: RuleGroupState | undefined): readonly SloRule[] =>
  Object.values(state?.rules ?? {}).map(({ rule }) => rule);

/** A notification as it was received. */
export interface ReceivedNotification {
  /** The external URL of the Alertmanager. */
  readonly from: string;
  readonly alerts: readonly (Omit<NotifiedAlert, 'rule'> & {
    /** The expression of its rule, where the generator URL carries one. */
    readonly expr?: string;
  })[];
}

/** An alert may have no name; here it is needed to name its message. */
export const withName = (labels: Labels): Labels => ({ alertname: 'Alert', ...labels });

/** Lists the alerts that Alertmanager has now, and what suppresses them there. */
export type ListAlerts = () => Promise<
  readonly { readonly labels: Labels; readonly suppressed?: Suppression }[]
>;

/** Takes alerts from Alertmanagers. */
export interface AlertReceiver {
  /**
   * Resolves once the alerts and what their messages are to show are in the store.
   * @throws UpstreamError of the store; then nothing was changed and the notification is to be sent again.
   */
  receive(notification: ReceivedNotification): Promise<void>;
  /** Evaluates the alerts that are open; undefined when another replica does, or there are none. */
  evaluate(evalTime: EpochMs): Promise<RuleGroupState | undefined>;
}

export interface AlertReceiverOptions {
  readonly store: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'actions' | 'applyEvaluation'>;
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notifications?: NotificationOptions;
  readonly ledger?: Ledger;
  /** Absent: silences of Alertmanager are not shown. */
  readonly listAlerts?: ListAlerts;
  /** The most alerts that are open at the same time; absent: 10,000. */
  readonly maxOpen?: number;
}

/** A notification waits this long for the values of its alerts. Without them they follow with the next evaluation. */
const QUERY_TIME: Milliseconds = ms(2 * SECOND);
/** The evaluation of each interval has more time. */
const TICK_QUERY_TIME: Milliseconds = ms(10 * SECOND);
/** Rules queried at the same time, and for one notification. */
const CONCURRENT_RULES = 4;
const MAX_QUERIED = 100;

/** Replicas that receive at the same time try again, each time on the state that the other one wrote. */
const MAX_ATTEMPTS = 10;

/** Notifications that wait; more are refused, to be sent again. */
const MAX_WAITING = 64;
/** Alerts in one evaluation. */
const MAX_ALERTS = 2_000;

/** How far a stored state may be ahead of the clock: more than the clocks of replicas normally differ. */
const MAX_AHEAD: Milliseconds = ms(10 * SECOND);

const CLAIM_FOR: Milliseconds = MINUTE;

const notTaken = (message: string): UpstreamError =>
  new UpstreamError({
    system: 'store',
    code: 'unavailable',
    message,
    advice: 'Alertmanager sends the notification again.',
  });

/** A request that waits for its notification to be stored. */
interface Waiting {
  readonly notification: AlertNotification;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The first notifications that can be one evaluation: none says of an alert what another one does not. An alert that fires
 * and is resolved needs two, or nobody would be notified of it.
 */
function takeTogether(waiting: Waiting[]): readonly Waiting[] {
  const statuses = new Map<string, NotifiedAlert['status']>();
  const fits = ({ notification: { alerts } }: Waiting): boolean =>
    statuses.size + alerts.length <= MAX_ALERTS &&
    alerts.every(({ labels, status }) => (statuses.get(fingerprint(labels)) ?? status) === status);
  let count = 0;
  for (const each of waiting) {
    if (count > 0 && !fits(each)) break;
    for (const { labels, status } of each.notification.alerts) statuses.set(fingerprint(labels), status);
    count += 1;
  }
  return waiting.splice(0, count);
}

/** Answers the request of a notification, of which some alerts may have been refused; the others are in the store. */
function settle(
  { notification: { alerts }, resolve, reject }: Waiting,
  { refused, maxOpen = MAX_OPEN_RECEIVED }: { refused: ReadonlySet<string>; maxOpen: number | undefined },
): void {
  const count = alerts.filter(({ labels }) => refused.has(fingerprint(labels))).length;
  if (count === 0) resolve();
  else
    reject(
      notTaken(
        `${grouped(count)} of ${grouped(alerts.length)} alerts were refused: ${grouped(maxOpen)} received alerts are open.`,
      ),
    );
}

/** Queries rules; those that are not answered in time have no result. */
async function queryRules(
  { metrics, clock, logger }: AlertReceiverOptions,
  rules: readonly SloRule[],
  at: { readonly state: RuleGroupState | undefined; readonly duration: Milliseconds },
): Promise<ReadonlyMap<string, ReceivedRuleResult>> {
  const results = new Map<string, ReceivedRuleResult>();
  const time = clock.now();
  const query = (expr: string, signal: AbortSignal): Promise<readonly Sample[]> =>
    metrics.instant({ expr, at: time, rejectsPartial: true }, signal);
  const run = async ({ key, expr, recovery }: SloRule, signal: AbortSignal): Promise<void> => {
    try {
      const samples = await query(expr, signal);
      results.set(key, { samples });
      if (recovery === undefined || !needsRecovery(at.state?.rules[key], samples)) return;
      results.set(key, { samples, recoverySamples: await query(recovery.expr, signal) });
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      const known = results.get(key);
      if (isQueryWrong(error))
        results.set(key, known === undefined ? { isRejected: true } : { ...known, isRecoveryRejected: true });
      logger.debug('the value of received alerts is not known', { rule: key, reason: error.message });
    }
  };
  const known = rules.filter(({ expr }) => expr !== '').slice(0, MAX_QUERIED);
  if (known.length === 0) return results;
  const limit = { clock, duration: at.duration, system: 'prometheus' } as const;
  await withDeadline(limit, (signal) =>
    forEachLimited(known, CONCURRENT_RULES, (rule) => run(rule, signal)),
  ).catch((error: unknown) => {
    if (!(error instanceof UpstreamError)) throw error;
  });
  // What is answered after the deadline belongs to no evaluation.
  return new Map(results);
}

/** The time of an evaluation that follows a state: later than it, and the time of the clock where that is possible. */
function timeAfter(state: RuleGroupState | undefined, now: EpochMs) {
  if (state === undefined || state.evalTime < now) return { evalTime: now };
  return between(now, state.evalTime) > MAX_AHEAD
    ? { evalTime: now, replaces: state.evalTime }
    : { evalTime: after(state.evalTime, ms(1)) };
}

/** What Prometheus and Alertmanager show of the alerts of a state. */
interface Observed {
  readonly results: ReadonlyMap<string, ReceivedRuleResult>;
  readonly listed?: ReadonlyMap<string, Suppression | undefined>;
}

/** The alerts that Alertmanager lists, by their fingerprints; undefined when it does not answer. */
async function listedNow({ listAlerts, logger }: AlertReceiverOptions): Promise<Observed['listed']> {
  try {
    const alerts = await listAlerts?.();
    return (
      alerts && new Map(alerts.map(({ labels, suppressed }) => [fingerprint(withName(labels)), suppressed]))
    );
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    logger.warn('the silences of Alertmanager are not known', { reason: error.message });
    return undefined;
  }
}

/** Evaluates the received alerts with some notifications, and writes the outcome after the state it was read from. */
function createEvaluation(options: AlertReceiverOptions) {
  const { store, clock, notifications } = options;
  const states = createOtherGroupStates(options);
  const group = RECEIVED_GROUP.id;

  async function decided(
    loaded: RuleGroupState | undefined,
    received: readonly AlertNotification[],
    observed: Observed,
  ) {
    const { evalTime, replaces } = timeAfter(loaded, clock.now());
    const previous =
      loaded === undefined || replaces === undefined
        ? loaded
        : { ...loaded, ...fromFuture(loaded, evalTime) };
    const step = receiveAlerts({
      group: RECEIVED_GROUP,
      previous,
      notifications: received,
      ...observed,
      evalTime,
      maxOpen: options.maxOpen,
    });
    const suppressedElsewhere = ({ fingerprint: print }: Alert): Suppression | undefined => {
      const suppressed = step.received[print]?.suppressed;
      const isOver = suppressed?.until !== undefined && suppressed.until <= evalTime;
      return isOver ? undefined : suppressed;
    };
    const isPrometheus = notifications?.policy().isPrometheus === true;
    const rules = step.rules.map(({ rule }) => rule);
    const tick = { group: { ...RECEIVED_GROUP, rules }, evalTime, isPrometheus };
    const { rules: next, messages } = await decideGroup(
      { states, notifications, suppressedElsewhere },
      tick,
      {
        evaluated: step.rules,
        previous,
      },
    );
    const state: RuleGroupState = { evalTime, rules: next, received: step.received };
    return { previous, replaces, state, messages, refused: step.refused };
  }

  return async (
    received: readonly AlertNotification[],
    observe: (state: RuleGroupState | undefined) => Promise<Observed>,
  ): Promise<{ readonly state: RuleGroupState; readonly refused: ReadonlySet<string> }> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const loaded = await loadWithActions(store, group);
      const done = await decided(loaded, received, await observe(loaded));
      const { previous, replaces, state, messages, refused } = done;
      const follows = loaded?.evalTime ?? epochMs(0);
      if ((await store.applyEvaluation({ group, state, messages, replaces, follows })) === 'stale') continue;
      states.note(group, state);
      options.ledger?.add(...newlySilenced(previous, state));
      return { state, refused };
    }
    throw notTaken('Other replicas receive alerts at the same time.');
  };
}

const firingRules = (state: RuleGroupState | undefined): readonly SloRule[] =>
  Object.values(state?.rules ?? {}).flatMap(({ rule, alerts }) =>
    alerts.some((alert) => alert.state === 'firing') ? [rule] : [],
  );

/** As many rules as can be queried in one interval, other ones in the next. */
function someOf(rules: readonly SloRule[], evalTime: EpochMs): readonly SloRule[] {
  const first = (Math.floor(evalTime / RECEIVED_GROUP.interval) * MAX_QUERIED) % Math.max(1, rules.length);
  return rules.length <= MAX_QUERIED ? rules : [...rules.slice(first), ...rules.slice(0, first)];
}

/** The rule that an open alert began with. */
function rulesOfOpen(state: RuleGroupState | undefined, labels: Labels): readonly SloRule[] {
  const known = state?.received?.[fingerprint(labels)];
  const open = isOpen(known) ? state?.rules[known.rule] : undefined;
  return open === undefined ? [] : [open.rule];
}

/** The rules of alerts in notifications. */
function notifiedRules(received: readonly AlertNotification[], state: RuleGroupState | undefined) {
  const rules = new Map<string, SloRule>();
  for (const { alerts } of received)
    for (const { labels, rule } of alerts)
      for (const each of [rule, ...rulesOfOpen(state, labels)]) rules.set(each.key, each);
  return [...rules.values()];
}

/**
 * Creates the receiver. Notifications that wait at the same time are one evaluation: a flood of them costs one write, and
 * leaves time for the evaluation of rules.
 */
export function createAlertReceiver(options: AlertReceiverOptions): AlertReceiver {
  const { store } = options;
  const apply = createEvaluation(options);
  const ruleOf = createReceivedRules();
  const waiting: Waiting[] = [];
  let isRunning = false;

  async function work(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) {
      const taken = takeTogether(waiting);
      const received = taken.map(({ notification }) => notification);
      let observed: Observed | undefined;
      try {
        // Values may be some seconds old: when another replica was faster, the notification does not wait for them again.
        const { refused } = await apply(received, async (state) => {
          const rules = notifiedRules(received, state);
          observed ??= { results: await queryRules(options, rules, { state, duration: QUERY_TIME }) };
          return observed;
        });
        for (const each of taken) settle(each, { refused, maxOpen: options.maxOpen });
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    isRunning = false;
  }

  return {
    receive: async ({ from, alerts }) => {
      if (waiting.length >= MAX_WAITING) throw notTaken('Too many notifications are being received.');
      const notification = {
        from,
        alerts: alerts.map(({ expr, ...alert }) => ({ ...alert, rule: ruleOf({ ...alert, expr }) })),
      };
      await new Promise<void>((resolve, reject) => {
        waiting.push({ notification, resolve, reject });
        void work();
      });
    },
    evaluate: async (evalTime) => {
      const { id: group } = RECEIVED_GROUP;
      const state = await store.loadGroup(group);
      if (state === undefined || Object.keys(state.rules).length === 0) return undefined;
      if (!(await store.claimTick({ group, evalTime, ttl: CLAIM_FOR }))) return undefined;
      // What ends an alert must have been seen after the alert was received: it is read for each attempt.
      const { state: next } = await apply([], async (current) => {
        const rules = someOf(firingRules(current), evalTime);
        const [results, listed] = await Promise.all([
          queryRules(options, rules, { state: current, duration: TICK_QUERY_TIME }),
          listedNow(options),
        ]);
        return { results, listed };
      });
      return next;
    },
  };
}

import { fingerprint, type Labels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { between, DAY, type EpochMs, epochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { Alert, ReceivedAlert, ResolveReason, RuleGroupState, RuleState, Suppression } from './alert.ts';
import { alertIdOf, seriesOf } from './identity.ts';
import { evaluateRecovery, type RecoveryResult, valuesBySeries } from './recovery.ts';
import {
  type AlertNotification,
  endBySenders,
  ended,
  type Heard,
  heardFiring,
  heardResolved,
  isOpen,
  type NotifiedAlert,
  remembered,
  unconfirmedEnd,
  type Witness,
} from './statements.ts';
import { type AlertStep, isForgotten, resolveAlert, worseOf } from './step-alert.ts';
import type { RuleStep } from './step-rule.ts';

/** The results of the queries of a rule; absent: not sent, or failed. */
export interface ReceivedRuleResult {
  readonly samples?: readonly Sample[];
  /** Of the recovery query. */
  readonly recoverySamples?: readonly Sample[];
  /** Prometheus rejects the expression. */
  readonly isRejected?: true;
  /** Prometheus rejects the recovery query: an alert ends when the expression does not return it. */
  readonly isRecoveryRejected?: true;
}

/** Everything that the next state of the received alerts depends on. */
export interface ReceiveInput {
  readonly group: Pick<RuleGroup, 'id'>;
  readonly previous: Pick<RuleGroupState, 'rules' | 'received'> | undefined;
  /** In the order of their receipt. */
  readonly notifications: readonly AlertNotification[];
  /** By the rule's key. */
  readonly results: ReadonlyMap<string, ReceivedRuleResult>;
  /** The alerts that Alertmanager lists now, by their fingerprints, and what suppresses them; absent: not known. */
  readonly listed?: ReadonlyMap<string, Suppression | undefined>;
  readonly evalTime: EpochMs;
  /** The most alerts that are open at the same time; more are refused. */
  readonly maxOpen?: number;
}

/** The next state of the received alerts. */
export interface ReceiveStep {
  /** The fingerprints of firing alerts that were not taken because too many are open. */
  readonly refused: ReadonlySet<string>;
  readonly received: Readonly<Record<string, ReceivedAlert>>;
  readonly rules: readonly (RuleStep & { readonly rule: SloRule })[];
}

/**
 * An alert that Prometheus shows to be over, and that Alertmanager sends nothing about, ends after this time: with
 * `send_resolved: false`, silenced, or forgotten by an Alertmanager that was restarted it is never resolved there.
 */
const OVER_AFTER: Milliseconds = ms(30 * MINUTE);

/** Ten times what a mesh of a thousand services has when all of them breach: beyond it alerts have a label that is never the same. */
export const MAX_OPEN_RECEIVED = 10_000;

/** Without any sign of Prometheus an alert ends when nothing was received for this long. */
const SILENT_AFTER: Milliseconds = DAY;

type SampleOf = (labels: Labels) => Sample | undefined;

/**
 * Finds the element of a result that an alert stems from: the one whose labels the alert has, with those that its rule
 * and Prometheus added. Of several the one with the most labels.
 */
function sampleFinder(samples: readonly Sample[]): SampleOf {
  const sets = new Map<
    string,
    { readonly names: readonly string[]; readonly byValues: Map<string, Sample> }
  >();
  for (const sample of samples) {
    const series = seriesOf(sample.labels);
    const names = Object.keys(series);
    const key = JSON.stringify(names);
    const set = sets.get(key) ?? { names, byValues: new Map<string, Sample>() };
    sets.set(key, set);
    set.byValues.set(JSON.stringify(Object.values(series)), sample);
  }
  const longestFirst = [...sets.values()].sort((a, b) => b.names.length - a.names.length);
  return (labels) => {
    for (const { names, byValues } of longestFirst) {
      const found = byValues.get(JSON.stringify(names.map((name) => labels[name])));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** A rule with its alerts and what Prometheus returns for them now. */
interface Known {
  readonly rule: SloRule;
  readonly state: RuleState | undefined;
  readonly result: ReceivedRuleResult;
  readonly sampleOf: SampleOf;
  /** Of the recovery query, by series. */
  readonly recoveryValues: ReturnType<typeof valuesBySeries> | undefined;
  readonly notified: Map<string, NotifiedAlert>;
}

/** Whether the rule's expression returns the alert now; undefined when that is not known. */
const isReturned = ({ result, sampleOf }: Known, labels: Labels): boolean | undefined =>
  result.samples === undefined ? undefined : sampleOf(labels) !== undefined;

/** Why and when an open alert ends now; undefined while it goes on. */
interface End {
  readonly at: EpochMs;
  readonly reason: ResolveReason;
  /** The value that shows the recovery. */
  readonly value?: number;
}

/** How the end of an alert is named: by what Prometheus shows. */
function reasonOf(recovery: RecoveryResult, returned: boolean | undefined): Pick<End, 'reason' | 'value'> {
  if (recovery.kind === 'recovered') return { reason: 'recovered', value: recovery.value };
  if (recovery.kind === 'not-breaching') return { reason: 'no-longer-breaching' };
  return recovery.kind === 'not-returned' && returned === false
    ? { reason: 'no-longer-returned' }
    : { reason: 'resolved-by-alertmanager' };
}

function recoveryOf({ rule, result, recoveryValues: values }: Known, alert: Alert): RecoveryResult {
  return evaluateRecovery(alert, {
    condition: rule.recovery,
    noData: rule.noData,
    values,
    isPartial: false,
    isRejected: result.isRecoveryRejected,
    breachingSeries: () => new Set(),
  });
}

/** What Prometheus shows of an alert that is over. */
const OVER: ReadonlySet<RecoveryResult['kind']> = new Set(['recovered', 'not-breaching', 'not-returned']);

/** What Prometheus shows of an alert; after a restart it has no data for a while, which is no recovery. */
function witnessOf(known: Known, alert: Alert): Witness {
  const returned = isReturned(known, alert.labels);
  if (returned === true) return 'unconfirmed';
  // Only where this Prometheus has returned the alert before does its absence mean something.
  if (known.rule.expr === '' || known.result.isRejected === true || Number.isNaN(alert.value)) return 'none';
  const { kind } = recoveryOf(known, alert);
  if (returned === undefined || kind === 'unknown') return 'silent';
  return OVER.has(kind) ? 'over' : 'unconfirmed';
}

function endOf(
  known: Known,
  alert: Alert,
  {
    heard,
    evalTime,
    isListed,
  }: { readonly heard: ReceivedAlert; readonly evalTime: EpochMs; readonly isListed: boolean | undefined },
): End | undefined {
  const returned = isReturned(known, alert.labels);
  const witness = witnessOf(known, alert);
  const saidAt = endBySenders(heard, { evalTime, witness });
  if (saidAt !== undefined) {
    const at = epochMs(Math.max(alert.activeAt, Math.min(saidAt, evalTime)));
    return { at, ...reasonOf(recoveryOf(known, alert), returned) };
  }
  const silentFor = between(heard.heardAt, evalTime);
  if (silentFor >= SILENT_AFTER) return { at: evalTime, reason: 'not-notified' };
  const isGone = witness === 'over';
  const isOver = isListed === false || Math.min(silentFor, between(alert.seenAt, evalTime)) >= OVER_AFTER;
  return isGone && isOver ? { at: evalTime, ...reasonOf(recoveryOf(known, alert), returned) } : undefined;
}

/** Labels that a rule or Prometheus adds, of alerts that were never matched with a series. */
const ADDED_LABELS: ReadonlySet<string> = new Set(['alertname', 'severity']);

const seriesIn = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(seriesOf(labels)).filter(([name]) => !ADDED_LABELS.has(name)));

/** An alert with the labels and texts that it was last sent with. */
function withTexts(alert: Alert, notified: NotifiedAlert | undefined): Alert {
  if (notified === undefined) return alert;
  const { isUnlabeled, ...rest } = alert;
  const { labels, annotations } = notified;
  const isSame = JSON.stringify(annotations) === JSON.stringify(alert.annotations);
  const current: Alert = { ...rest, annotations: isSame ? alert.annotations : annotations };
  return isUnlabeled === true ? { ...current, labels, series: seriesIn(labels) } : current;
}

/** An alert with the value that its expression returns now, where it does. */
function withResult(known: Known, alert: Alert, evalTime: EpochMs): Alert {
  const { rule, result, sampleOf } = known;
  const sample = sampleOf(alert.labels);
  if (sample !== undefined) {
    const { value } = sample;
    const peak = worseOf(rule.comparison, alert.peak, value);
    return { ...alert, series: seriesOf(sample.labels), value, peak, seenAt: evalTime };
  }
  // As far as is known it breaches on.
  const isUnknown = result.samples === undefined || Number.isNaN(alert.value);
  return isUnknown ? { ...alert, seenAt: evalTime } : alert;
}

/** The alert of an occurrence that begins now. */
function begun(
  { group, evalTime }: ReceiveInput,
  known: Known,
  { notified, activeAt }: { readonly notified: NotifiedAlert; readonly activeAt: EpochMs },
): AlertStep {
  const { labels, annotations } = notified;
  const print = fingerprint(labels);
  const alert: Alert = {
    fingerprint: print,
    alertId: alertIdOf({ group, rule: known.rule }, print, activeAt),
    labels,
    series: seriesIn(labels),
    annotations,
    state: 'firing',
    activeAt,
    firedAt: activeAt,
    value: Number.NaN,
    peak: Number.NaN,
    seenAt: evalTime,
    missedTicks: 0,
  };
  const valued = withResult(known, alert, evalTime);
  return { alert: valued, transition: { kind: 'firing', alert: valued } };
}

/** The alerts of notifications, by rule, and what is known of each alert by its fingerprint. */
interface Receipt {
  readonly rules: ReadonlyMap<string, Known>;
  readonly received: Map<string, ReceivedAlert>;
  readonly refused: ReadonlySet<string>;
}

/** Alerts that fire and that nothing is known of were restored from their messages. */
function restored(rules: ReadonlyMap<string, Known>, evalTime: EpochMs): readonly [string, ReceivedAlert][] {
  return [...rules].flatMap(([rule, { state }]) =>
    (state?.alerts ?? [])
      .filter(({ state: is }) => is !== 'resolved')
      .map(({ fingerprint: print, activeAt }): [string, ReceivedAlert] => [
        print,
        { rule, activeAt, startsAt: activeAt, heardAt: evalTime, from: {} },
      ]),
  );
}

/** The same suppression goes on, whenever it was seen first. */
const continued = (before: Suppression | undefined, now: Suppression | undefined): Suppression | undefined =>
  before !== undefined && before.kind === now?.kind && before.by === now.by
    ? { ...now, since: before.since }
    : now;

/** What is known of an alert after Alertmanager listed its alerts. */
function withListed(
  heard: ReceivedAlert,
  print: string,
  { listed, evalTime }: Pick<ReceiveInput, 'listed' | 'evalTime'>,
): ReceivedAlert {
  if (listed?.has(print) !== true || !isOpen(heard)) return heard;
  return { ...heard, heardAt: evalTime, suppressed: continued(heard.suppressed, listed.get(print)) };
}

/** The rules of the state, with the results of their queries; what it returns adds those of notifications. */
function knownRules({ previous, results }: ReceiveInput) {
  const rules = new Map<string, Known>();
  const ruleWith = (rule: SloRule): Known => {
    const known = rules.get(rule.key);
    // A rule that was restored by its key alone gets its expression with the next notification.
    if (known !== undefined && (known.rule.expr !== '' || rule.expr === '')) return known;
    const result = results.get(rule.key) ?? {};
    const next: Known = {
      rule,
      state: known?.state ?? previous?.rules[rule.key],
      result,
      sampleOf: sampleFinder(result.samples ?? []),
      recoveryValues: result.recoverySamples && valuesBySeries(result.recoverySamples),
      notified: known?.notified ?? new Map(),
    };
    rules.set(rule.key, next);
    return next;
  };
  for (const { rule } of Object.values(previous?.rules ?? {})) ruleWith(rule);
  return { rules, ruleWith };
}

/** What is known of alerts before the notifications. */
function receivedBefore(input: ReceiveInput, rules: Receipt['rules']): Receipt['received'] {
  const { previous, evalTime } = input;
  const known = [...restored(rules, evalTime), ...Object.entries(previous?.received ?? {})];
  return new Map(known.map(([print, heard]) => [print, withListed(heard, print, input)]));
}

/** Takes the notifications in, one after the other. */
function receiptOf(input: ReceiveInput): Receipt {
  const { notifications, evalTime, maxOpen = MAX_OPEN_RECEIVED } = input;
  const { rules, ruleWith } = knownRules(input);
  const received = receivedBefore(input, rules);
  const refused = new Set<string>();
  let open = [...received.values()].filter(isOpen).length;
  for (const { from: sender, alerts } of notifications)
    for (const alert of alerts) {
      const print = fingerprint(alert.labels);
      const known = received.get(print);
      const own = ruleWith(alert.rule);
      // An open alert stays with the rule that it began with, although its expression was edited.
      const rule = isOpen(known) ? (rules.get(known.rule) ?? own) : own;
      const heard: Heard = { sender, alert, at: evalTime, isReturned: isReturned(rule, alert.labels) };
      const next = alert.status === 'firing' ? heardFiring(known, heard) : heardResolved(known, heard);
      const begins = isOpen(next) && !isOpen(known);
      if (begins && open >= maxOpen) refused.add(print);
      else {
        open += begins ? 1 : 0;
        rule.notified.set(print, alert);
        received.set(print, next);
      }
    }
  return { rules, received, refused };
}

/** What was received of an alert that is open under this rule. */
function openUnder({ rule }: Known, heard: ReceivedAlert | undefined): ReceivedAlert | undefined {
  return isOpen(heard) && heard.rule === rule.key ? heard : undefined;
}

/** An alert that goes on, with why it stays open after Alertmanager resolved it. */
function withUnconfirmedEnd(known: Known, alert: Alert, open: ReceivedAlert | undefined): Alert {
  const end = open && unconfirmedEnd(open, witnessOf(known, alert));
  const before = alert.resolvedInAlertmanager;
  if (end?.at === before?.at && end?.until === before?.until) return alert;
  // Its message is out of date, even if the value is the same.
  return { ...alert, resolvedInAlertmanager: end, shownValue: undefined };
}

/** The next state of an alert that is known. */
function stepKnown(
  { evalTime, listed }: ReceiveInput,
  { known, received }: { readonly known: Known; readonly received: Receipt['received'] },
  alert: Alert,
): AlertStep {
  const { fingerprint: print } = alert;
  const open = openUnder(known, received.get(print));
  if (alert.state === 'resolved') {
    // Ended by somebody else, such as a person.
    if (open?.activeAt === alert.activeAt) received.set(print, ended(open, alert.resolvedAt ?? evalTime));
    return isForgotten(alert, evalTime) ? {} : { alert };
  }
  const current = withResult(known, withTexts(alert, known.notified.get(print)), evalTime);
  const end: End | undefined =
    open === undefined
      ? { at: evalTime, reason: 'resolved-by-alertmanager' }
      : endOf(known, current, { heard: open, evalTime, isListed: listed?.has(print) });
  if (end === undefined) return { alert: withUnconfirmedEnd(known, current, open) };
  if (open !== undefined) received.set(print, ended(open, end.at));
  const resolved = resolveAlert(
    { ...current, value: end.value ?? current.value, resolvedInAlertmanager: undefined },
    end.at,
    end.reason,
  );
  return { alert: resolved, transition: { kind: 'resolved', alert: resolved } };
}

/** When an occurrence began that the state does not have; undefined where there is none. */
function beginningOf(known: Known, heard: ReceivedAlert | undefined, alert: Alert | undefined) {
  const activeAt = openUnder(known, heard)?.activeAt;
  const isKnown = alert !== undefined && (alert.state !== 'resolved' || alert.activeAt === activeAt);
  return isKnown ? undefined : activeAt;
}

function stepKnownRule(input: ReceiveInput, known: Known, received: Receipt['received']): RuleStep {
  const { evalTime } = input;
  const steps = new Map<string, AlertStep>();
  for (const alert of known.state?.alerts ?? [])
    steps.set(alert.fingerprint, stepKnown(input, { known, received }, alert));
  for (const [print, notified] of known.notified) {
    const activeAt = beginningOf(known, received.get(print), steps.get(print)?.alert);
    if (activeAt !== undefined) steps.set(print, begun(input, known, { notified, activeAt }));
  }
  const sorted = [...steps].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, step]) => step);
  return {
    next: {
      rule: known.rule,
      alerts: sorted.flatMap(({ alert }) => alert ?? []),
      health: { kind: 'ok' },
      evaluatedAt: evalTime,
    },
    transitions: sorted.flatMap(({ transition }) => transition ?? []),
  };
}

const isKept = ({ state, notified }: Known): boolean =>
  notified.size > 0 ||
  (state !== undefined &&
    (state.alerts.length > 0 || state.alertGroups !== undefined || state.flaps !== undefined));

/**
 * The alerts of Alertmanagers after some notifications and at an evaluation time. An alert is identified by its labels, an
 * occurrence of it by its start, so that replicas of Alertmanager, resends and restarts begin none. Values are those that
 * the expression returns now. Pure.
 */
export function receiveAlerts(input: ReceiveInput): ReceiveStep {
  const { rules, received, refused } = receiptOf(input);
  const steps = [...rules.values()].filter(isKept).map((known) => {
    const step = stepKnownRule(input, known, received);
    return { rule: known.rule, ...step };
  });
  return { refused, received: remembered(received, input.evalTime), rules: steps };
}

/** Whether an alert that was received fires and the expression of its rule does not return it: then its recovery is queried. */
export function needsRecovery(state: RuleState | undefined, samples: readonly Sample[]): boolean {
  const firing = (state?.alerts ?? []).filter((alert) => alert.state === 'firing');
  if (state?.rule.recovery === undefined || firing.length === 0) return false;
  const sampleOf = sampleFinder(samples);
  return firing.some(({ labels }) => sampleOf(labels) === undefined);
}

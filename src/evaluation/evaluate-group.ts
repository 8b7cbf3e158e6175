import type { Alert, RuleGroupState, RuleSetVersion, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import { restarted } from '../alerts/restart.ts';
import { resolveAlert } from '../alerts/step-alert.ts';
import type { Clock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import { utcTime } from '../lib/instant.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import { before, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { retireAlertGroups } from '../messages/alert-group-plan.ts';
import { createEscalation, entriesOf } from '../messages/alert-messages.ts';
import { decideNotifications, type NoiseLimits } from '../messages/decide-notifications.ts';
import type { OutboxEntry, Store } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import { GROUP_THRESHOLD } from '../policy/alert-group.ts';
import { FLAP_THRESHOLD } from '../policy/flap.ts';
import { destinationsOf, type RoutedDestination } from '../policy/route.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { stepRules, type Tick } from './evaluate-rules.ts';
import type { FindNoDataReason } from './no-data-reason.ts';
import { createOtherGroupStates, type OtherGroupStates } from './other-group-states.ts';
import { createOutageNote, type OutageNote } from './outage-note.ts';
import { createRestarts, type Restarts } from './restarts.ts';
import { createRuleSetVersions, isOutdated, nextVersion, type RuleSetVersions } from './rule-set-version.ts';
import { type SuppressParts, suppressAlerts } from './suppress-alerts.ts';

/** What evaluating a group needs. */
export interface EvaluateGroupOptions extends Pick<SuppressParts, 'noise'> {
  readonly store: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'actions' | 'applyEvaluation'>;
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly expand: ExpandTemplate;
  /** Absent: what no-data reason of an alert without data is not looked for. */
  readonly findNoDataReason?: FindNoDataReason;
  /** Switches every difference from Prometheus off, whatever the rule files say. */
  readonly isPrometheus?: boolean;
  /** Set where the process begins: in Prometheus's mode its start begins short `for` timers anew. */
  readonly isStart?: boolean;
  /** Other processes may evaluate the same groups. */
  readonly isShared?: boolean;
}

/** What came of a tick. */
export type TickOutcome =
  | { readonly kind: 'applied'; readonly state: RuleGroupState }
  /** Another replica has it. */
  | { readonly kind: 'claimed-elsewhere' }
  /** In Prometheus's mode the first tick since the start is for other replicas, to see whether there are any. */
  | { readonly kind: 'left-to-others' }
  /** Another replica evaluates the group by newer rules. */
  | { readonly kind: 'outdated' }
  /** A later tick was applied before this one was through. */
  | { readonly kind: 'stale' }
  /** The store did not take it: nothing was done. */
  | { readonly kind: 'store-error' }
  /** A fault of this program, logged: nothing was done. */
  | { readonly kind: 'failed' };

/** Evaluates a group at an evaluation time. Never throws. */
export type EvaluateGroup = (group: RuleGroup, evalTime: EpochMs) => Promise<TickOutcome>;

/** A claim outlives any clock skew and lateness between replicas; it is never given back. */
const CLAIM_INTERVALS = 10;
const MIN_CLAIM_TTL: Milliseconds = ms(60 * SECOND);

interface Evaluated {
  readonly rules: Record<string, RuleState>;
  readonly entries: OutboxEntry[];
}

const claimTtl = (group: RuleGroup): Milliseconds =>
  ms(Math.max(CLAIM_INTERVALS * group.interval, MIN_CLAIM_TTL));

/** Ends what is left of a rule that is gone from the files. */
export function retireRule(group: RuleGroup, evalTime: EpochMs, state: RuleState): readonly OutboxEntry[] {
  const at = { group, rule: state.rule };
  const alone = state.alerts
    .filter(({ state: now, firedAt }) => now !== 'resolved' && firedAt !== undefined)
    .flatMap((alert) =>
      entriesOf(at, evalTime, { alert: resolveAlert(alert, evalTime, 'rule-removed'), kind: 'resolved' }),
    );
  return [...alone, ...retireAlertGroups(at, evalTime, state)];
}

interface Parts extends EvaluateGroupOptions {
  readonly isPrometheus: boolean;
  /** Notes on Prometheus and on the store. */
  readonly source: OutageNote;
  readonly storage: OutageNote;
  /** Groups that were said to have a state from the future. */
  readonly ahead: Set<string>;
  readonly ruleSetVersions: RuleSetVersions;
  readonly states: OtherGroupStates;
  /** Groups that another replica has newer rules for. */
  readonly outdated: Set<string>;
  /** Absent where nothing begins. */
  readonly restarts: Restarts | undefined;
}

/** Read at each tick: a reload may change what the rule files say. */
const withMode = (parts: Parts): Parts => ({
  ...parts,
  isPrometheus: parts.isPrometheus || parts.noise?.policy().isPrometheus === true,
});

/** Looks before it claims: a tick that is claimed is nobody else's. */
async function isLeftAtStart(parts: Parts, group: RuleGroup, evalTime: EpochMs): Promise<boolean> {
  const { restarts, store } = parts;
  if (restarts?.isFirst(group) !== true || !withMode(parts).isPrometheus) return false;
  return restarts.isLeft({ group, evalTime, stored: await store.loadGroup(group.id) });
}

/** Evaluates all rules, then decides what is notified: what one alert holds back depends on the others. */
async function evaluateRules(
  parts: Parts,
  tick: Tick,
  previous: RuleGroupState | undefined,
): Promise<Evaluated> {
  const { group, evalTime } = tick;
  const stepped = await stepRules(parts, tick, previous);
  const held = await suppressAlerts(
    parts,
    { group: group.id, evalTime, asOf: before(evalTime, group.queryOffset) },
    stepped.map(({ rule, next }) => ({ rule, alerts: next.alerts })),
  );
  const escalation = createEscalation(
    group,
    stepped.map(({ rule, next }, index) => ({ rule, alerts: held[index]?.alerts ?? next.alerts })),
  );
  const result: Evaluated = { rules: {}, entries: [] };
  for (const [index, { rule, next, transitions }] of stepped.entries()) {
    const { alerts: now, changed } = held[index] ?? { alerts: next.alerts, changed: new Set<string>() };
    const { entries, ...notified } = decideNotifications({ group, rule }, evalTime, {
      alerts: now,
      transitions,
      changed,
      known: previous?.rules[rule.key],
      limits: limitsOf(parts),
      isAnswered: next.health.kind === 'ok',
      escalates: escalation(rule),
      ...routesOf(parts, rule, evalTime),
    });
    result.rules[rule.key] = { ...next, ...notified };
    result.entries.push(...entries);
  }
  return result;
}

/** How much is notified. Without rule files that could say, and in Prometheus's mode, everything is. */
function limitsOf({ noise, isPrometheus }: Parts): NoiseLimits {
  if (noise === undefined || isPrometheus) return { groupThreshold: 0, flapThreshold: 0 };
  const { groupThreshold = GROUP_THRESHOLD, flapThreshold = FLAP_THRESHOLD } = noise.policy();
  return { groupThreshold, flapThreshold };
}

/** Where a rule's alerts go, when the rule files say anything about it. */
function routesOf(
  { noise }: Parts,
  { channel }: SloRule,
  evalTime: EpochMs,
): { readonly route?: (alert: Alert) => readonly RoutedDestination[] } {
  if (noise === undefined) return {};
  const { localTime } = noise;
  const routing = noise.policy();
  const own = channel === undefined ? {} : { channel };
  return { route: ({ labels }) => destinationsOf(routing, { labels, ...own }, { at: evalTime, localTime }) };
}

function noteSource(source: OutageNote, group: string, rules: Readonly<Record<string, RuleState>>): void {
  const states = Object.values(rules);
  const failure = states.map(({ health }) => health).find(({ kind }) => kind === 'source-error');
  if (failure?.kind === 'source-error') source.failed(group, failure.message);
  else if (states.length > 0) source.answered(group);
}

/** How far the stored state may be ahead of a tick: more than replicas' clocks ever differ. */
const MAX_AHEAD: Milliseconds = ms(5 * MINUTE);

/**
 * Says once that a group's state comes from the future: some clock was wrong when it was written, and the group stands
 * still until that time. It is not healed here, since from one replica nobody can tell whose clock is wrong.
 */
function noteFutureState(parts: Parts, group: RuleGroup, at: { evalTime: EpochMs; stored: EpochMs }): void {
  if (between(at.evalTime, at.stored) <= MAX_AHEAD || parts.ahead.has(group.id)) return;
  parts.ahead.add(group.id);
  parts.logger.error(
    "a rule group's state was written by a clock that was ahead: it is not evaluated until then",
    {
      group: group.id,
      until: utcTime(at.stored),
    },
  );
}

/** What is in force here for a group. */
const ownVersion = ({ ruleSetVersions, noise }: Parts, group: RuleGroup): RuleSetVersion =>
  ruleSetVersions.own(group, noise?.policy());

/** Whether newer rules are in force elsewhere. Said once, and remembered: from then on no tick is claimed for nothing. */
function isLeftToOthers(
  parts: Parts,
  group: RuleGroup,
  { evalTime, stored }: { evalTime: EpochMs; stored: RuleGroupState | undefined },
): boolean {
  const { outdated, logger } = parts;
  const own = ownVersion(parts, group);
  if (!isOutdated(own, stored, { evalTime, interval: group.interval })) {
    outdated.delete(group.id);
    return false;
  }
  if (!outdated.has(group.id))
    logger.info('another replica has newer rules for a group: it is left to that one', { group: group.id });
  outdated.add(group.id);
  return true;
}

async function evaluateClaimed(given: Parts, group: RuleGroup, evalTime: EpochMs): Promise<TickOutcome> {
  const parts = withMode(given);
  const stored = await loadWithActions(parts.store, group.id);
  const isRestart = parts.restarts?.isRestart({ group, stored }) === true && parts.isPrometheus;
  const previous = isRestart ? restarted(stored) : stored;
  if (previous !== undefined && previous.evalTime >= evalTime) {
    noteFutureState(parts, group, { evalTime, stored: previous.evalTime });
    return { kind: 'stale' };
  }
  parts.ahead.delete(group.id);
  if (isLeftToOthers(parts, group, { evalTime, stored: previous })) return { kind: 'outdated' };
  const { rules, entries } = await evaluateRules(parts, { group, evalTime }, previous);
  noteSource(parts.source, group.id, rules);
  const gone = Object.entries(previous?.rules ?? {}).filter(([key]) => rules[key] === undefined);
  const ends = gone.flatMap(([, state]) => retireRule(group, evalTime, state));
  const ruleSetVersion = nextVersion(ownVersion(parts, group), previous?.ruleSetVersion);
  const state: RuleGroupState = { evalTime, rules, ruleSetVersion };
  const applied = await parts.store.applyEvaluation({
    group: group.id,
    state,
    entries: [...entries, ...ends],
  });
  if (applied === 'stale') return { kind: 'stale' };
  parts.states.note(group.id, state);
  return { kind: 'applied', state };
}

async function runTick(parts: Parts, group: RuleGroup, evalTime: EpochMs): Promise<TickOutcome> {
  // In force from now on, whoever gets the tick.
  ownVersion(parts, group);
  if (parts.outdated.has(group.id)) {
    const stored = await parts.store.loadGroup(group.id);
    if (isLeftToOthers(parts, group, { evalTime, stored })) return { kind: 'outdated' };
  }
  if (await isLeftAtStart(parts, group, evalTime)) return { kind: 'left-to-others' };
  const isOurs = await parts.store.claimTick({ group: group.id, evalTime, ttl: claimTtl(group) });
  const outcome: TickOutcome = isOurs
    ? await evaluateClaimed(parts, group, evalTime)
    : { kind: 'claimed-elsewhere' };
  parts.storage.answered(group.id);
  if (outcome.kind === 'stale') parts.recorder.evaluated({ outcome: 'stale', seconds: 0 });
  return outcome;
}

/**
 * The use case of a tick: claim it, ask every rule in order, step their states, decide what to tell, and write it all in
 * one atomic write. It fails closed: without the store nothing is evaluated and nothing is notified, and since the next
 * tick starts from the same state, nothing is lost either.
 */
export function createEvaluateGroup(options: EvaluateGroupOptions): EvaluateGroup {
  const parts: Parts = {
    ...options,
    isPrometheus: options.isPrometheus ?? false,
    source: createOutageNote('Prometheus', options),
    storage: createOutageNote('the store', options),
    ahead: new Set(),
    ruleSetVersions: createRuleSetVersions(options.clock),
    states: createOtherGroupStates(options),
    outdated: new Set(),
    restarts:
      options.isStart === true
        ? createRestarts({ clock: options.clock, isShared: options.isShared ?? false })
        : undefined,
  };
  return async (group, evalTime) => {
    try {
      return await runTick(parts, group, evalTime);
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.system !== 'store') {
        parts.logger.error('an evaluation failed by a fault of this program', { group: group.id, error });
        return { kind: 'failed' };
      }
      parts.storage.failed(group.id, error.message);
      return { kind: 'store-error' };
    }
  };
}

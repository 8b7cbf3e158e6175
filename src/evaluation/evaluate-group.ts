import type { Alert, Generation, GroupState, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import { resolve } from '../alerts/move.ts';
import { restarted } from '../alerts/restart.ts';
import type { Clock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import { utcTime } from '../lib/instant.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import { before, between, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { entriesOf } from '../messages/alert-messages.ts';
import { decideNotifications, type NoiseLimits } from '../messages/decide-notifications.ts';
import { retireStorms } from '../messages/decide-storms.ts';
import { createEscalation } from '../messages/escalation.ts';
import { loadWithActs } from '../messages/people-acts.ts';
import type { OutboxEntry, Store } from '../messages/store.ts';
import { FLAP_LIMIT } from '../policy/flap.ts';
import { destinationsOf, type RoutedDestination } from '../policy/route.ts';
import { STORM_LIMIT } from '../policy/storm.ts';
import type { RuleGroup, SloRule, Slot } from '../rules/rule.ts';
import { stepRules, type Tick } from './evaluate-rules.ts';
import type { FindVanished } from './find-vanished.ts';
import { createGenerations, type Generations, isOutdated, nextGeneration } from './generation.ts';
import { type HoldBackParts, holdBack } from './hold-back.ts';
import { createNeighbourStates, type NeighbourStates } from './neighbour-states.ts';
import { createOutageNote, type OutageNote } from './outage-note.ts';
import { createRestarts, type Restarts } from './restarts.ts';

/** What evaluating a group needs. */
export interface EvaluateGroupOptions extends Pick<HoldBackParts, 'noise'> {
  readonly store: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'acts' | 'applyEvaluation'>;
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly expand: ExpandTemplate;
  /** Absent: what vanished of an alert without data is not looked for. */
  readonly findVanished?: FindVanished;
  /** Switches every difference from Prometheus off, whatever the rule files say. */
  readonly isPrometheus?: boolean;
  /** Set where the process begins: in Prometheus's mode its start begins short `for` timers anew. */
  readonly isStart?: boolean;
  /** Other processes may evaluate the same groups. */
  readonly isShared?: boolean;
}

/** What came of a tick. */
export type TickOutcome =
  | { readonly kind: 'applied'; readonly state: GroupState }
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

/** Evaluates a group at a slot. Never throws. */
export type EvaluateGroup = (group: RuleGroup, slot: Slot) => Promise<TickOutcome>;

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
export function retireRule(group: RuleGroup, slot: Slot, state: RuleState): readonly OutboxEntry[] {
  const at = { group, rule: state.rule };
  const alone = state.alerts
    .filter(({ state: now, firedAt }) => now !== 'resolved' && firedAt !== undefined)
    .flatMap((alert) => {
      const { alert: ended } = resolve(alert, slot, 'rule-removed');
      return ended === undefined ? [] : entriesOf(at, slot, { alert: ended, kind: 'resolved' });
    });
  return [...alone, ...retireStorms(at, slot, state)];
}

interface Parts extends EvaluateGroupOptions {
  readonly isPrometheus: boolean;
  /** Notes on Prometheus and on the store. */
  readonly source: OutageNote;
  readonly storage: OutageNote;
  /** Groups that were said to have a state from the future. */
  readonly ahead: Set<string>;
  readonly generations: Generations;
  readonly states: NeighbourStates;
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
async function isLeftAtStart(parts: Parts, group: RuleGroup, slot: Slot): Promise<boolean> {
  const { restarts, store } = parts;
  if (restarts?.isFirst(group) !== true || !withMode(parts).isPrometheus) return false;
  return restarts.isLeft({ group, slot, stored: await store.loadGroup(group.id) });
}

/** Evaluates all rules, then decides what is told: what one alert holds back depends on the others. */
async function evaluateRules(parts: Parts, tick: Tick, previous: GroupState | undefined): Promise<Evaluated> {
  const { group, slot } = tick;
  const stepped = await stepRules(parts, tick, previous);
  const held = await holdBack(
    parts,
    { group: group.id, slot, asOf: before(slot, group.queryOffset) },
    stepped.map(({ rule, next }) => ({ rule, alerts: next.alerts })),
  );
  const escalation = createEscalation(
    group,
    stepped.map(({ rule, next }, index) => ({ rule, alerts: held[index]?.alerts ?? next.alerts })),
  );
  const result: Evaluated = { rules: {}, entries: [] };
  for (const [index, { rule, next, transitions }] of stepped.entries()) {
    const { alerts: now, changed } = held[index] ?? { alerts: next.alerts, changed: new Set<string>() };
    const { entries, ...told } = decideNotifications({ group, rule }, slot, {
      alerts: now,
      transitions,
      changed,
      known: previous?.rules[rule.key],
      limits: limitsOf(parts),
      isAnswered: next.health.kind === 'ok',
      escalates: escalation(rule),
      ...routesOf(parts, rule, slot),
    });
    result.rules[rule.key] = { ...next, ...told };
    result.entries.push(...entries);
  }
  return result;
}

/** How much is told. Without rule files that could say, and in Prometheus's mode, everything is. */
function limitsOf({ noise, isPrometheus }: Parts): NoiseLimits {
  if (noise === undefined || isPrometheus) return { storm: 0, flap: 0 };
  const { storm = STORM_LIMIT, flap = FLAP_LIMIT } = noise.policy();
  return { storm, flap };
}

/** Where a rule's alerts go, when the rule files say anything about it. */
function routesOf(
  { noise }: Parts,
  { channel }: SloRule,
  slot: Slot,
): { readonly route?: (alert: Alert) => readonly RoutedDestination[] } {
  if (noise === undefined) return {};
  const { localTime } = noise;
  const routing = noise.policy();
  const own = channel === undefined ? {} : { channel };
  return { route: ({ labels }) => destinationsOf(routing, { labels, ...own }, { at: slot, localTime }) };
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
function noteFutureState(parts: Parts, group: RuleGroup, at: { slot: Slot; stored: Slot }): void {
  if (between(at.slot, at.stored) <= MAX_AHEAD || parts.ahead.has(group.id)) return;
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
const ownGeneration = ({ generations, noise }: Parts, group: RuleGroup): Generation =>
  generations.own(group, noise?.policy());

/** Whether newer rules are in force elsewhere. Said once, and remembered: from then on no tick is claimed for nothing. */
function isLeftToOthers(
  parts: Parts,
  group: RuleGroup,
  { slot, stored }: { slot: Slot; stored: GroupState | undefined },
): boolean {
  const { outdated, logger } = parts;
  const own = ownGeneration(parts, group);
  if (!isOutdated(own, stored, { slot, interval: group.interval })) {
    outdated.delete(group.id);
    return false;
  }
  if (!outdated.has(group.id))
    logger.info('another replica has newer rules for a group: it is left to that one', { group: group.id });
  outdated.add(group.id);
  return true;
}

async function evaluateClaimed(given: Parts, group: RuleGroup, slot: Slot): Promise<TickOutcome> {
  const parts = withMode(given);
  const stored = await loadWithActs(parts.store, group.id);
  const isRestart = parts.restarts?.isRestart({ group, stored }) === true && parts.isPrometheus;
  const previous = isRestart ? restarted(stored) : stored;
  if (previous !== undefined && previous.slot >= slot) {
    noteFutureState(parts, group, { slot, stored: previous.slot });
    return { kind: 'stale' };
  }
  parts.ahead.delete(group.id);
  if (isLeftToOthers(parts, group, { slot, stored: previous })) return { kind: 'outdated' };
  const { rules, entries } = await evaluateRules(parts, { group, slot }, previous);
  noteSource(parts.source, group.id, rules);
  const gone = Object.entries(previous?.rules ?? {}).filter(([key]) => rules[key] === undefined);
  const ends = gone.flatMap(([, state]) => retireRule(group, slot, state));
  const generation = nextGeneration(ownGeneration(parts, group), previous?.generation);
  const state: GroupState = { slot, rules, generation };
  const applied = await parts.store.applyEvaluation({
    group: group.id,
    state,
    entries: [...entries, ...ends],
  });
  if (applied === 'stale') return { kind: 'stale' };
  parts.states.note(group.id, state);
  return { kind: 'applied', state };
}

async function runTick(parts: Parts, group: RuleGroup, slot: Slot): Promise<TickOutcome> {
  // In force from now on, whoever gets the tick.
  ownGeneration(parts, group);
  if (parts.outdated.has(group.id)) {
    const stored = await parts.store.loadGroup(group.id);
    if (isLeftToOthers(parts, group, { slot, stored })) return { kind: 'outdated' };
  }
  if (await isLeftAtStart(parts, group, slot)) return { kind: 'left-to-others' };
  const isOurs = await parts.store.claimTick({ group: group.id, slot, ttl: claimTtl(group) });
  const outcome: TickOutcome = isOurs
    ? await evaluateClaimed(parts, group, slot)
    : { kind: 'claimed-elsewhere' };
  parts.storage.answered(group.id);
  if (outcome.kind === 'stale') parts.recorder.evaluated({ outcome: 'stale', seconds: 0 });
  return outcome;
}

/**
 * The use case of a tick: claim it, ask every rule in order, step their states, decide what to tell, and write it all in
 * one atomic write. It fails closed: without the store nothing is evaluated and nothing is told, and since the next
 * tick starts from the same state, nothing is lost either.
 */
export function createEvaluateGroup(options: EvaluateGroupOptions): EvaluateGroup {
  const parts: Parts = {
    ...options,
    isPrometheus: options.isPrometheus ?? false,
    source: createOutageNote('Prometheus', options),
    storage: createOutageNote('the store', options),
    ahead: new Set(),
    generations: createGenerations(options.clock),
    states: createNeighbourStates(options),
    outdated: new Set(),
    restarts:
      options.isStart === true
        ? createRestarts({ clock: options.clock, isShared: options.isShared ?? false })
        : undefined,
  };
  return async (group, slot) => {
    try {
      return await runTick(parts, group, slot);
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

import type { RuleGroupState, RuleState } from '../alerts/alert.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { type EpochMs, epochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { createEvaluateGroup, type EvaluateGroupOptions, type TickOutcome } from './evaluate-group.ts';
import { SOURCES, UNWATCHED } from './sources-group.ts';

/** How the rules in force are answered. */
interface Answered {
  readonly asked: number;
  readonly unanswered: number;
  /** The last evaluation that was answered; absent: none was. */
  readonly answeredAt?: EpochMs;
  /** Since when the first of them goes without an answer. */
  readonly since?: EpochMs;
  readonly reason: string;
}

type Unanswered = Extract<RuleState['health'], { kind: 'source-error' }>;

/** What a rule is notified again and again; one evaluation without an answer may be a hiccup. */
function unansweredOf(state: RuleState | undefined): Unanswered | undefined {
  const { health, evaluatedAt } = state ?? {};
  if (health?.kind !== 'source-error' || evaluatedAt === undefined) return undefined;
  return evaluatedAt > health.since ? health : undefined;
}

/** The evaluation that was the rule's last, where it was answered: a rule that is wrong was refused, which is an answer. */
function answeredAtOf(state: RuleState | undefined): EpochMs | undefined {
  const kind = state?.health.kind;
  return kind === 'ok' || kind === 'rule-error' ? state?.evaluatedAt : undefined;
}

/** A group that is asked about less often than this, or on a schedule of its own, says nothing of the time between. */
const OFTEN: Milliseconds = ms(10 * MINUTE);

const isRare = ({ schedule, interval }: RuleGroup): boolean => schedule !== undefined || interval > OFTEN;

/** A rule group with its state, as it is stored. */
interface WatchedGroup {
  readonly rules: readonly SloRule[];
  readonly state: RuleGroupState | undefined;
  /** Its rules wait for an answer no longer than until others are answered: they are not asked again for long. */
  readonly isRare?: boolean;
}

/** How the rules in force were answered lately, by the states that all replicas share. Pure. */
export function answeredOf(groups: readonly WatchedGroup[]): Answered {
  const asked = groups.flatMap(({ rules, state, isRare: rare = false }) =>
    rules.map(({ key }) => ({ state: state?.rules[key], rare })),
  );
  const states = asked.map(({ state }) => state);
  const last = states
    .flatMap((state) => answeredAtOf(state) ?? [])
    .reduce<EpochMs | undefined>(
      (latest, at) => (latest !== undefined && latest > at ? latest : at),
      undefined,
    );
  const failing = asked.flatMap(({ state, rare }) => {
    const isOver = rare && last !== undefined && last > (state?.evaluatedAt ?? last);
    return isOver ? [] : (unansweredOf(state) ?? []);
  });
  const [first] = failing.toSorted((a, b) => a.since - b.since);
  return {
    asked: states.filter((state) => state?.evaluatedAt !== undefined).length,
    unanswered: failing.length,
    reason: first?.message ?? '',
    answeredAt: last,
    since: first?.since,
  };
}

/**
 * The same, while a note stands: that no rule is known to wait is no answer. Rules that have just come into force, in
 * place of those that waited, have not been asked, or once.
 */
function whileNoted(answered: Answered, state: RuleGroupState | undefined): Answered {
  const note = Object.values(state?.rules ?? {})
    .flatMap(({ alerts }) => alerts)
    .find((alert) => alert.state !== 'resolved');
  if (note === undefined || answered.unanswered > 0 || (answered.answeredAt ?? 0) >= note.activeAt)
    return answered;
  const { reason = '', since, asked } = note.annotations;
  return {
    unanswered: note.value,
    asked: Number(asked),
    reason,
    since: epochMs(Number(since)),
  };
}

const sampleOf = ({ unanswered }: Answered): readonly Sample[] =>
  unanswered === 0 ? [] : [{ labels: { source: 'Prometheus' }, value: unanswered }];

/** What the watch over Prometheus needs besides what every evaluation does. */
export interface WatchSourcesOptions extends EvaluateGroupOptions {
  /** The groups in force. */
  readonly groups: () => readonly RuleGroup[];
}

/** Evaluates whether Prometheus answers the rules in force. Never throws. */
export function createWatchSources(
  options: WatchSourcesOptions,
): (evalTime: EpochMs) => Promise<TickOutcome> {
  const { store, groups, noise } = options;
  let latest: Answered = { asked: 0, unanswered: 0, reason: '' };

  async function look(): Promise<readonly Sample[]> {
    const states = await Promise.all(
      groups().map(async (group) => ({
        rules: group.rules,
        state: await store.loadGroup(group.id),
        isRare: isRare(group),
      })),
    );
    latest = whileNoted(answeredOf(states), await store.loadGroup(SOURCES.id));
    return sampleOf(latest);
  }

  const expand = (name: string): string =>
    ({ reason: latest.reason, since: String(latest.since ?? ''), asked: String(latest.asked) })[name] ?? '';

  const evaluate = createEvaluateGroup({
    store,
    clock: options.clock,
    logger: options.logger,
    // Neither a rule of a file nor a question to Prometheus: not counted among them.
    recorder: { ...options.recorder, evaluated: () => undefined },
    metrics: { ...options.metrics, instant: look } satisfies MetricsSource,
    expand,
  });
  // Prometheus says nothing of its own failures, and without rules nobody asks it.
  const isWatched = (): boolean =>
    noise?.policy().isPrometheus !== true && groups().some(({ rules }) => rules.length > 0);
  return (evalTime) => evaluate(isWatched() ? SOURCES : UNWATCHED, evalTime);
}

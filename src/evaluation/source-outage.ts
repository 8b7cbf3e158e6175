import type { RuleGroupState, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { type EpochMs, epochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import { OWN_FILE, ownGroupId, type RuleGroup, ruleWithoutFile, type SloRule } from '../rules/rule.ts';
import { createEvaluateGroup, type EvaluateGroupOptions } from './evaluate-group.ts';
import type { OwnGroup } from './evaluator.ts';

/**
 * The alert on an outage of Prometheus. It is a rule group like any other, so that claims, fencing, the messages and the
 * resolution of its message work as for every alert: one message, whatever the number of restarts and replicas.
 */
const RULE: SloRule = {
  ...ruleWithoutFile('PrometheusNotResponding'),
  expr: 'rules without a response of Prometheus',
  // Shorter outages are not notified.
  for: ms(45 * SECOND),
  // The values are the names that `expand` below fills in.
  annotations: { reason: 'reason', since: 'since', rules: 'rules' },
  about: 'source',
};

/** The rule group of the outage alert: in the store like any other, in no rule file. */
export const OUTAGE_GROUP: RuleGroup = {
  id: ownGroupId('sources'),
  file: OWN_FILE,
  name: 'sources',
  interval: ms(15 * SECOND),
  queryOffset: ms(0),
  limit: 0,
  rules: [RULE],
};

/** How the source responded to the last queries of the rules. */
export interface SourceHealth {
  /** Rules that have been evaluated. */
  readonly rules: number;
  /** Rules without a response at least twice in a row. */
  readonly failing: number;
  /** The last evaluation with a response; absent: there was none. */
  readonly respondedAt?: EpochMs;
  /** Since when the first of the failing rules has no response. */
  readonly since?: EpochMs;
  readonly reason: string;
}

/** The health of a failing rule. A single evaluation without a response is ignored. */
function failureOf({ health, evaluatedAt }: RuleState): { since: EpochMs; message: string } | undefined {
  if (health.kind !== 'source-error' || evaluatedAt === undefined) return undefined;
  return evaluatedAt > health.since ? health : undefined;
}

/** The rule's last evaluation, if it had a response. A rejected query is one. */
const respondedAtOf = ({ health, evaluatedAt }: RuleState): EpochMs | undefined =>
  health.kind === 'ok' || health.kind === 'rule-error' ? evaluatedAt : undefined;

/** A rule group and its stored state. */
interface EvaluatedGroup extends Pick<RuleGroup, 'rules' | 'interval' | 'schedule'> {
  readonly state: RuleGroupState | undefined;
}

/**
 * A group that is evaluated less often than this, or by a cron schedule, is rare. Its failing rules count only until
 * other rules get a response: the next query is far away.
 */
const RARE: Milliseconds = ms(10 * MINUTE);

/** The health of the source by the states that all replicas share. */
export function sourceHealthOf(groups: readonly EvaluatedGroup[]): SourceHealth {
  const known = groups.flatMap(({ rules, state, interval, schedule }) => {
    const isRare = schedule !== undefined || interval > RARE;
    return rules.flatMap(({ key }) => {
      const rule = state?.rules[key];
      return rule?.evaluatedAt === undefined ? [] : { rule, evaluatedAt: rule.evaluatedAt, isRare };
    });
  });
  const respondedAt = known.reduce<EpochMs | undefined>((latest, { rule }) => {
    const at = respondedAtOf(rule);
    return at === undefined || (latest !== undefined && latest > at) ? latest : at;
  }, undefined);
  const failures = known
    .filter(({ evaluatedAt, isRare }) => !isRare || respondedAt === undefined || respondedAt <= evaluatedAt)
    .flatMap(({ rule }) => failureOf(rule) ?? [])
    .sort((a, b) => a.since - b.since);
  return {
    rules: known.length,
    failing: failures.length,
    respondedAt,
    since: failures[0]?.since,
    reason: failures[0]?.message ?? '',
  };
}

/**
 * The same while the outage alert is active: it does not resolve because no rule is known to fail. Rules that replaced
 * the failing ones have been queried once at most.
 */
function whileActive(health: SourceHealth, state: RuleGroupState | undefined): SourceHealth {
  const active = Object.values(state?.rules ?? {})
    .flatMap(({ alerts }) => alerts)
    .find((alert) => alert.state !== 'resolved');
  if (active === undefined || health.failing > 0 || (health.respondedAt ?? 0) >= active.activeAt)
    return health;
  const { reason = '', since, rules } = active.annotations;
  return { failing: active.value, rules: Number(rules), reason, since: epochMs(Number(since)) };
}

/** The data of the outage alert: its query returns the number of failing rules, from the states in the store. */
function createOutageData(options: {
  readonly store: Pick<Store, 'loadGroup'>;
  readonly groups: () => readonly RuleGroup[];
}): { readonly instant: MetricsSource['instant']; readonly expand: ExpandTemplate } {
  const { store, groups } = options;
  let health: SourceHealth = { rules: 0, failing: 0, reason: '' };

  async function instant(): Promise<readonly Sample[]> {
    const states = await Promise.all(
      groups().map(async (group) => ({ ...group, state: await store.loadGroup(group.id) })),
    );
    health = whileActive(sourceHealthOf(states), await store.loadGroup(OUTAGE_GROUP.id));
    return health.failing === 0 ? [] : [{ labels: { source: 'Prometheus' }, value: health.failing }];
  }

  const expand = (name: string): string =>
    ({ reason: health.reason, since: String(health.since ?? ''), rules: String(health.rules) })[name] ?? '';

  return { instant, expand };
}

/** The group of the outage alert, evaluated from the states of the groups of the rule files. */
export function createOutageGroup(
  options: EvaluateGroupOptions & { readonly groups: () => readonly RuleGroup[] },
): OwnGroup {
  const { store, metrics, recorder, notifications, groups, clock, logger, sourceClock, measureClock } =
    options;
  const { instant, expand } = createOutageData({ store, groups });
  const evaluate = createEvaluateGroup({
    store,
    clock,
    sourceClock,
    measureClock,
    logger,
    // It is no evaluation of a rule and sends no query to Prometheus, so it is not counted as one.
    recorder: { ...recorder, evaluated: () => undefined },
    metrics: { ...metrics, instant },
    expand,
  });
  // Prometheus itself has no such alert, and without rules there are no queries. An active alert is then resolved as removed.
  const isEnabled = (): boolean =>
    notifications?.policy().isPrometheus !== true && groups().some(({ rules }) => rules.length > 0);
  return {
    group: OUTAGE_GROUP,
    evaluate: async (evalTime) => {
      await evaluate(isEnabled() ? OUTAGE_GROUP : { ...OUTAGE_GROUP, rules: [] }, evalTime);
      return undefined;
    },
  };
}

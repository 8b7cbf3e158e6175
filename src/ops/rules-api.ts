import type { Alert, RuleGroupState, RuleHealth, RuleState } from '../alerts/alert.ts';
import { RECEIVED_GROUP, receivedRules } from '../evaluation/alert-receiver.ts';
import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import { type EpochMs, SECOND, utcTime } from '../lib/units.ts';
import { type ActionsStore, loadWithActions } from '../messages/with-actions.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';

/** An alert as Prometheus's API shows it. Source: prometheus web/api/v1/api.go, Alert. */
export interface ApiAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
  readonly activeAt: string;
  readonly keepFiringSince?: string;
  /** As Go writes a float in scientific notation: `7.2e-02`. */
  readonly value: string;
}

/** A rule as Prometheus's API shows it. Source: the same, AlertingRule. */
export interface ApiRule {
  readonly state: 'inactive' | 'pending' | 'firing';
  readonly name: string;
  readonly query: string;
  /** Seconds. */
  readonly duration: number;
  readonly keepFiringFor: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly alerts: readonly ApiAlert[];
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
  readonly type: 'alerting';
}

/** A group as Prometheus's API shows it. Source: the same, RuleGroup. */
export interface ApiGroup {
  readonly name: string;
  readonly file: string;
  readonly rules: readonly ApiRule[];
  /** Seconds. */
  readonly interval: number;
  readonly limit: number;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** A filter of rules; an empty list matches everything. */
export interface RulesFilter {
  readonly type?: string;
  readonly names: readonly string[];
  readonly groups: readonly string[];
  readonly files: readonly string[];
  /** Sets of matchers on a rule's labels, of which one must match. */
  readonly matchers: readonly (readonly Matcher[])[];
  readonly excludeAlerts: boolean;
}

/** Rules and alerts as in Prometheus's HTTP API, for Grafana, karma and other clients. */
export interface RulesApi {
  rules(filter: RulesFilter): Promise<{ readonly groups: readonly ApiGroup[] }>;
  alerts(): Promise<{ readonly alerts: readonly ApiAlert[] }>;
}

/** Go's zero time: not evaluated yet. */
const NEVER = '0001-01-01T00:00:00Z';

const rfc3339 = (instant: EpochMs | undefined): string =>
  instant === undefined ? NEVER : `${utcTime(instant).replace(' ', 'T')}Z`;

/** A number as Go's `strconv.FormatFloat(value, 'e', -1, 64)`: the exponent has at least two digits. */
export function scientific(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const text = Object.is(value, -0) ? '-0e+0' : value.toExponential();
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function apiAlert(alert: Alert): readonly ApiAlert[] {
  if (alert.state === 'resolved') return [];
  return [
    {
      labels: alert.labels,
      annotations: alert.annotations,
      state: alert.state,
      activeAt: rfc3339(alert.activeAt),
      keepFiringSince: alert.keepFiringSince === undefined ? undefined : rfc3339(alert.keepFiringSince),
      value: scientific(alert.value),
    },
  ];
}

function healthOf(health: RuleHealth): Pick<ApiRule, 'health' | 'lastError'> {
  if (health.kind === 'ok' || health.kind === 'unknown') return { health: health.kind };
  return { health: 'err', lastError: health.message };
}

function apiRule(rule: SloRule, state: RuleState | undefined, excludeAlerts: boolean): ApiRule {
  const alerts = (state?.alerts ?? []).flatMap(apiAlert);
  const has = (alertState: ApiAlert['state']): boolean => alerts.some((alert) => alert.state === alertState);
  return {
    state: has('firing') ? 'firing' : has('pending') ? 'pending' : 'inactive',
    name: rule.name,
    query: rule.expr,
    duration: rule.for / SECOND,
    keepFiringFor: rule.keepFiringFor / SECOND,
    labels: rule.labels,
    annotations: rule.annotations,
    alerts: excludeAlerts ? [] : alerts,
    ...healthOf(state?.health ?? { kind: 'unknown' }),
    evaluationTime: state?.evaluationSeconds ?? 0,
    lastEvaluation: rfc3339(state?.evaluatedAt),
    type: 'alerting',
  };
}

/** Its rules are queried concurrently, so this is more than the time that passed. */
const secondsOf = (state: RuleGroupState | undefined): number =>
  Object.values(state?.rules ?? {}).reduce((sum, { evaluationSeconds = 0 }) => sum + evaluationSeconds, 0);

const isIn = (list: readonly string[], value: string): boolean => list.length === 0 || list.includes(value);

/** The group of the alerts that Alertmanagers sent, where there are any. */
async function receivedGroups(store: ActionsStore): Promise<readonly RuleGroup[]> {
  const rules = receivedRules(await store.loadGroup(RECEIVED_GROUP.id));
  return rules.length === 0 ? [] : [{ ...RECEIVED_GROUP, rules }];
}

/**
 * Reads the active rules with their states from the store, so that every replica returns the same. Recording rules are
 * left out: Prometheus evaluates them.
 * @throws UpstreamError from its methods when the store does not respond.
 */
export function createRulesApi(deps: {
  readonly rules: () => RuleSet;
  readonly store: ActionsStore;
}): RulesApi {
  async function apiGroup(group: RuleGroup, filter: RulesFilter): Promise<ApiGroup> {
    const state = await loadWithActions(deps.store, group.id);
    const { names, matchers } = filter;
    const rules = group.rules.filter(
      ({ name, labels }) =>
        isIn(names, name) && (matchers.length === 0 || matchers.some((each) => matches(each, labels))),
    );
    return {
      name: group.name,
      file: group.file,
      rules: rules.map((rule) => apiRule(rule, state?.rules[rule.key], filter.excludeAlerts)),
      interval: group.interval / SECOND,
      limit: group.limit,
      evaluationTime: secondsOf(state),
      lastEvaluation: rfc3339(state?.evalTime),
    };
  }

  return {
    rules: async (filter) => {
      if (filter.type === 'record') return { groups: [] };
      const all = [...deps.rules().groups, ...(await receivedGroups(deps.store))];
      const selected = all.filter(({ name, file }) => isIn(filter.groups, name) && isIn(filter.files, file));
      const groups = await Promise.all(selected.map((group) => apiGroup(group, filter)));
      // As in Prometheus, a group without matching rules is left out.
      const isFiltered = filter.names.length + filter.matchers.length > 0;
      return { groups: groups.filter(({ rules }) => !isFiltered || rules.length > 0) };
    },
    alerts: async () => {
      const states = await Promise.all(
        [...deps.rules().groups, ...(await receivedGroups(deps.store))].map(async (group) => ({
          group,
          state: await loadWithActions(deps.store, group.id),
        })),
      );
      return {
        alerts: states.flatMap(({ group, state }) =>
          group.rules.flatMap(({ key }) => (state?.rules[key]?.alerts ?? []).flatMap(apiAlert)),
        ),
      };
    },
  };
}

import type { Alert, RuleGroupState } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { hashTexts } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { nearest } from '../lib/nearest.ts';
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
import type { Store } from '../messages/store.ts';
import { slowShareOf } from '../rules/queries.ts';
import {
  isOfServices,
  ownGroupId,
  type RuleGroup,
  ruleWithoutFile,
  type ServiceObjective,
  type SloRule,
  TEST_LABEL,
} from '../rules/rule.ts';
import { createEvaluateGroup, type EvaluateGroupOptions, type TickOutcome } from './evaluate-group.ts';

/** How long a test lasts. */
const TEST_DURATION: Milliseconds = ms(5 * MINUTE);

const GROUP_PREFIX = ownGroupId('test ');

const INTERVAL: Milliseconds = ms(15 * SECOND);

/** Evaluates the groups of all tests: it has no rules itself. */
export const TEST_GROUP: RuleGroup = groupOf(ownGroupId('tests'), []);

function groupOf(id: string, rules: readonly SloRule[]): RuleGroup {
  return { id, file: '', name: id, interval: INTERVAL, queryOffset: ms(0), limit: 0, rules };
}

/** What is to be tested. */
export interface TestRequest {
  /** Absent: the first one that a rule has. */
  readonly service?: string;
  /** In place of that of the route. */
  readonly channel?: string;
  /** Whether the message mentions whom the route names. */
  readonly mentions: boolean;
  /** A Slack user id; absent: somebody at the command line. */
  readonly by?: string;
}

/** The outcome of a test. */
export type TestOutcome =
  /** `channels`: undefined stands for the default one. */
  | {
      readonly kind: 'posted';
      readonly service?: string;
      readonly channels: readonly (string | undefined)[];
      readonly endsAt: EpochMs;
    }
  /** A breach of this service would not be posted now. */
  | { readonly kind: 'suppressed'; readonly alert: Alert }
  | { readonly kind: 'muted' }
  | { readonly kind: 'unknown-service'; readonly nearest: readonly string[] }
  | { readonly kind: 'too-many' };

/** Sample breaches that take the path of a real one, and end by themselves. */
export interface TestAlerts {
  /** @throws UpstreamError when Prometheus or the store does not respond. */
  readonly start: (request: TestRequest) => Promise<TestOutcome>;
  /** Evaluates the tests that run, and ends those that are over. Never throws. */
  readonly tick: () => Promise<undefined>;
}

export interface TestAlertsOptions
  extends Omit<EvaluateGroupOptions, 'sourceClock' | 'measureClock' | 'restarts'> {
  readonly store: EvaluateGroupOptions['store'] & Pick<Store, 'removeGroup'>;
  readonly groups: () => readonly RuleGroup[];
}

/** More at the same time would be a flood. */
const MAX_TESTS = 5;

/**
 * A test is a rule group of its own with one rule, a copy of the rule that watches the service, whose query returns the
 * service until the test is over. Claims, routing, suppression, messages and the end of its message are those of every
 * alert, so a restart or another replica ends it too. The group is in no rule set: nothing reports or counts it.
 */
export function createTestAlerts(options: TestAlertsOptions): TestAlerts {
  const { store, clock, metrics, logger, recorder } = options;
  let count = 0;

  /** The query of the rule is answered by `samples`, those in its templates by Prometheus. */
  const evaluate = (group: RuleGroup, evalTime: EpochMs, samples: readonly Sample[]): Promise<TickOutcome> =>
    createEvaluateGroup({
      ...options,
      recorder: { ...recorder, evaluated: () => undefined },
      metrics: {
        ...metrics,
        instant: async (query, signal) =>
          query.expr === group.rules[0]?.expr ? samples : await metrics.instant(query, signal),
      },
    })(group, evalTime);

  const running = async (): Promise<readonly string[]> =>
    (await store.groups()).filter((id) => id.startsWith(GROUP_PREFIX));

  async function step(id: string, evalTime: EpochMs): Promise<void> {
    const state = await store.loadGroup(id);
    const active = state === undefined ? [] : activeIn(state);
    const [rule] = Object.values(state?.rules ?? {}).map((each) => each.rule);
    if (rule === undefined || active.length === 0) {
      await store.removeGroup(id);
      return;
    }
    const samples = active
      .filter(({ activeAt }) => between(activeAt, evalTime) < TEST_DURATION)
      .map(({ series, value }) => ({ labels: series, value }));
    await evaluate(groupOf(id, [rule]), evalTime, samples);
  }

  return {
    async start(request) {
      if ((await running()).length >= MAX_TESTS) return { kind: 'too-many' };
      const found = await sampleFor(options, request);
      if (found.kind === 'unknown-service') return found;
      const { rule, sample, service } = found;
      count += 1;
      const id = `${GROUP_PREFIX}${hashTexts([String(clock.now()), String(count), JSON.stringify(request)])}`;
      const evalTime = epochMs(Math.floor(clock.now() / SECOND) * SECOND);
      const outcome = await evaluate(groupOf(id, [testRule(rule, request)]), evalTime, [sample]);
      const [alert] = outcome.kind === 'applied' ? activeIn(outcome.state) : [];
      if (alert === undefined) throw notStarted();
      const { by = 'command line' } = request;
      logger.info('test notification', { by, service, alertId: alert.alertId });
      const result = outcomeOf(alert, { service, endsAt: after(evalTime, TEST_DURATION) });
      // What suppresses it may end before the test does: then it would be posted after all.
      if (result.kind !== 'posted') await store.removeGroup(id);
      return result;
    },
    async tick() {
      try {
        const evalTime = epochMs(Math.floor(clock.now() / INTERVAL) * INTERVAL);
        for (const id of await running()) await step(id, evalTime);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        logger.debug('tests are evaluated again later', { error });
      }
    },
  };
}

const activeIn = ({ rules }: RuleGroupState): readonly Alert[] =>
  Object.values(rules).flatMap(({ alerts }) => alerts.filter(({ state }) => state !== 'resolved'));

const notStarted = (): UpstreamError =>
  new UpstreamError({
    system: 'store',
    code: 'unavailable',
    message: 'The test could not be stored.',
    advice: 'Check the store (/readyz), then try again.',
  });

function outcomeOf(
  alert: Alert,
  posted: { readonly service: string | undefined; readonly endsAt: EpochMs },
): TestOutcome {
  if (alert.postedTo !== undefined)
    return { kind: 'posted', ...posted, channels: alert.postedTo.map(({ channel }) => channel) };
  return alert.suppressed === undefined ? { kind: 'muted' } : { kind: 'suppressed', alert };
}

/** The rule as it is, but that it fires at once and ends without a recovery query. */
const testRule = (rule: SloRule, { channel = rule.channel, mentions, by }: TestRequest): SloRule => ({
  ...rule,
  key: `TEST ${rule.key}`,
  for: ms(0),
  keepFiringFor: ms(0),
  recovery: undefined,
  minRequests: undefined,
  noData: 'resolve',
  channel,
  test: { mentions, by },
});

type Found =
  | { readonly kind: 'found'; readonly rule: SloRule; readonly sample: Sample; readonly service?: string }
  | Extract<TestOutcome, { kind: 'unknown-service' }>;

/** Rules with different objectives that are queried for the service. */
const MAX_QUERIED = 10;

/** The first rule that watches the service, and what it measures now: nothing in a test is invented. */
async function sampleFor(
  { groups, metrics, clock }: Pick<TestAlertsOptions, 'groups' | 'metrics' | 'clock'>,
  { service }: TestRequest,
): Promise<Found> {
  const known = new Set<string>();
  for (const { rule, objective } of objectiveRules(groups()).slice(0, MAX_QUERIED)) {
    for (const sample of await currentValues(metrics, { rule, objective }, clock.now())) {
      const name = sample.labels[objective.family.serviceLabel] ?? '';
      known.add(name);
      if (service === undefined || isSameService(name, service)) return found(rule, sample, name);
    }
  }
  if (service === undefined) return found(ruleWithoutFile('Tailwatch'), { labels: {}, value: 1 });
  if (known.size === 0)
    return found(ruleWithoutFile('Tailwatch'), { labels: { service }, value: 1 }, service);
  return { kind: 'unknown-service', nearest: nearest(service, [...known], { count: 3 }) };
}

const found = (rule: SloRule, { labels, value }: Sample, service?: string): Found => ({
  kind: 'found',
  rule,
  sample: { labels: { ...labels, [TEST_LABEL]: 'true' }, value },
  service,
});

const isSameService = (name: string, typed: string): boolean =>
  name.toLowerCase() === typed.toLowerCase() || typed.toLowerCase().startsWith(`${name.toLowerCase()}.`);

/** A rule with an objective of services. */
interface Watching {
  readonly rule: SloRule;
  readonly objective: ServiceObjective;
}

/** The rules with objectives of services, but for burn rates. */
const objectiveRules = (groups: readonly RuleGroup[]): readonly Watching[] =>
  groups
    .flatMap(({ rules }) => rules)
    .flatMap((rule) => {
      const { objective, burn } = rule;
      return objective !== undefined && isOfServices(objective) && burn === undefined
        ? [{ rule, objective }]
        : [];
    });

/** What a rule measures of every service: the share of slow requests, or the value that a hand-written rule compares. */
async function currentValues(
  metrics: Pick<MetricsSource, 'instant'>,
  { rule, objective: { family, ...objective } }: Watching,
  at: EpochMs,
): Promise<readonly Sample[]> {
  const { valueKind, recovery } = rule;
  const own = valueKind === 'slow-share' || recovery?.comparison === undefined ? undefined : recovery.expr;
  const samples = await metrics.instant({ expr: own ?? slowShareOf(family, objective), at });
  const measured = samples.filter(({ value }) => Number.isFinite(value));
  // A share of slow requests is not the value of a rule on a quantile.
  const isOther = own === undefined && valueKind !== 'slow-share';
  return isOther ? measured.map((sample) => ({ ...sample, value: Number.NaN })) : measured;
}

import { afterEach, beforeEach } from 'vitest';
import { createManageAlerts, type ManageAlerts } from '../../../src/actions/alert-actions.ts';
import {
  createCurrentPolicy,
  createManageSilences,
  type ManageSilences,
} from '../../../src/actions/silences.ts';
import type { Alert } from '../../../src/alerts/alert.ts';
import {
  createEvaluateGroup,
  type EvaluateGroup,
  type TickOutcome,
} from '../../../src/evaluation/evaluate-group.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import type { Store } from '../../../src/messages/store.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../src/policy/suppress.ts';
import { aGroup } from '../../support/builders.ts';
import { type Decided, takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource, type FakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder, type SpyLogger } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

export const sample = (service: string, value: number): Sample => ({ labels: { service }, value });

/** Evaluations and actions on one real store, in virtual time. */
export interface ActionsBed {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly metrics: FakeMetricsSource;
  readonly logger: SpyLogger;
  readonly alerts: ManageAlerts;
  readonly silences: ManageSilences;
  readonly evaluate: EvaluateGroup;
  /** Replaces the policy of the rule files. */
  usePolicy(policy: Partial<NotificationPolicy>): void;
  /** Evaluates a tick with these breaching samples; alerts without one have no data unless `recovery` has one. */
  tick(number: number, breaching: readonly Sample[], recovery?: readonly Sample[]): Promise<TickOutcome>;
  /** All alerts in the store, without actions. */
  stored(): Promise<readonly Alert[]>;
  /** What was decided about messages since the last call. */
  drain(): Promise<readonly Decided[]>;
}

/** Sets up a new one before each test of a file. */
export function useActionsBed(): ActionsBed {
  let bed: ActionsBed | undefined;
  let dispose: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    const clock = createVirtualClock();
    const temp = await openTempStore(clock);
    ({ dispose } = temp);
    bed = createBed(temp.store, clock);
  });
  afterEach(() => dispose?.());
  return new Proxy({} as ActionsBed, { get: (_, name) => bed?.[name as keyof ActionsBed] });
}

const localTime = () => ({ year: 2026, month: 11, day: 20, weekday: 5, minute: 0 });

function createBed(store: Store, clock: VirtualClock): ActionsBed {
  const metrics = createFakeMetricsSource();
  const logger = createSpyLogger();
  let policy: NotificationPolicy = NO_POLICY;
  const evaluate = createEvaluateGroup({
    store,
    metrics,
    clock,
    logger,
    recorder: createSpyRecorder(),
    expand: expandValue,
    notifications: {
      policy: () => policy,
      localTime,
      callGraphAt: async () => undefined,
      currentPolicy: createCurrentPolicy(
        () => policy,
        () => store.silences(clock.now()),
      ),
    },
  });
  return {
    store,
    clock,
    metrics,
    logger,
    evaluate,
    alerts: createManageAlerts({ store, logger }),
    silences: createManageSilences({
      store,
      logger,
      localTime,
      ruleSet: () => ({ groups: [aGroup()], policy }),
    }),
    usePolicy: (given) => {
      policy = { ...NO_POLICY, ...given };
    },
    async tick(number, breaching, recovery = []) {
      metrics.answer('slow_share > 0.01', breaching);
      metrics.answer('slow_share', recovery);
      await clock.advanceTo(evalTimeAt(number));
      return await evaluate(aGroup(), evalTimeAt(number));
    },
    stored: async () =>
      Object.values((await store.loadGroup(aGroup().id))?.rules ?? {}).flatMap(({ alerts }) => alerts),
    async drain() {
      // The silence's own messages are read by `announced`.
      return takeDecided(store).filter(({ rule }) => rule.about !== 'silence');
    },
  };
}

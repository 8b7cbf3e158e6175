import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createEvaluator } from '../../src/evaluation/evaluator.ts';
import type { Scheduler } from '../../src/evaluation/schedule.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { MetricsSource, Sample } from '../../src/lib/metrics-source.ts';
import { after, type EpochMs, ms } from '../../src/lib/units.ts';
import type { NotificationPolicy } from '../../src/policy/suppress.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { notificationsOf } from '../support/notifications.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { openTempStore } from '../support/temp-store.ts';

/** Rule groups with one rule each, and the services that each of them reports. */
interface Size {
  readonly groups: number;
  readonly services: number;
}

const SIZES: readonly Size[] = [
  { groups: 10, services: 10 },
  { groups: 100, services: 10 },
  { groups: 1_000, services: 10 },
];
/** Few rules with many services. */
const WIDE: Size = { groups: 10, services: 5_000 };

const INTERVAL = ms(15_000);
const WARM_UP = 2;
const TICKS = 8;

const INHIBITS: Partial<NotificationPolicy> = {
  inhibitRules: [
    {
      source: [{ label: 'severity', operator: '=', value: 'page' }],
      target: [{ label: 'severity', operator: '=', value: 'ticket' }],
      equal: ['service'],
    },
  ],
};

const rulesOf = ({ groups }: Size): string =>
  JSON.stringify({
    groups: Array.from({ length: groups }, (_, i) => ({
      name: `g${i}`,
      interval: '15s',
      rules: [
        {
          alert: `Slow${i}`,
          expr: `slow_share_${i} > 0.01`,
          labels: { severity: i % 5 === 0 ? 'page' : 'ticket' },
          annotations: { summary: '{{ $labels.service }} is slow: {{ $value | humanizePercentage }}' },
        },
      ],
    })),
  });

/** A Prometheus that costs nothing: every service of every rule breaches. */
function metricsOf({ services }: Size): MetricsSource {
  const samples = (rule: string): readonly Sample[] =>
    Array.from({ length: services }, (_, i) => ({
      labels: { service: `service-${rule}-${i}`, namespace: 'shop' },
      value: 0.02 + i / 1e6,
    }));
  const instant: MetricsSource['instant'] = async ({ expr }) => samples(/_(\d+)/.exec(expr)?.[1] ?? '');
  const unused = (): never => {
    throw new Error('not used by the bench');
  };
  return { instant, range: unused, labelValues: unused };
}

/** Runs all groups at one evaluation time, as they become due together. */
function createTogether(): Scheduler & { readonly tick: (at: EpochMs) => Promise<void> } {
  let ids: readonly string[] = [];
  let handlers: Parameters<Scheduler['schedule']>[1] | undefined;
  return {
    schedule: (groups, next) => {
      ids = groups.map(({ id }) => id);
      handlers = next;
    },
    stop: async () => undefined,
    tick: async (at) => {
      await Promise.all(ids.map(async (id) => await handlers?.onTick(id, at)));
    },
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function measure(size: Size, policy: Partial<NotificationPolicy>) {
  const { store, dispose } = await openTempStore();
  const scheduler = createTogether();
  const evaluator = createEvaluator({
    scheduler,
    metrics: metricsOf(size),
    store,
    clock: systemClock,
    recorder: createSpyRecorder(),
    logger: createSpyLogger(),
    expand: expandTemplate,
    notifications: notificationsOf(policy),
  });
  const { groups } = parseRuleText('rules.yaml', rulesOf(size));
  await evaluator.start({ groups, objectives: [], policy: notificationsOf(policy).policy() });
  const start = systemClock.now();
  const walls: number[] = [];
  const cpus: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  for (let n = -WARM_UP; n < TICKS; n++) {
    if (n === 0) delay.enable();
    const used = process.cpuUsage();
    const startedAt = performance.now();
    await scheduler.tick(after(start, ms((n + WARM_UP) * INTERVAL)));
    if (n < 0) continue;
    walls.push(performance.now() - startedAt);
    const { user, system } = process.cpuUsage(used);
    cpus.push((user + system) / 1_000);
  }
  delay.disable();
  const memory = process.memoryUsage();
  await evaluator.stop();
  await dispose();
  return {
    groups: size.groups,
    firing: size.groups * size.services,
    'wall ms a tick': Math.round(median(walls)),
    min: Math.round(Math.min(...walls)),
    max: Math.round(Math.max(...walls)),
    'CPU ms a tick': Math.round(median(cpus)),
    'CPU us an alert': Math.round((median(cpus) * 1_000) / (size.groups * size.services)),
    'longest stall ms': Math.round(delay.max / 1e6),
    'RSS MB': Math.round(memory.rss / 1e6),
  };
}

/**
 * How the cost of a tick grows with groups and alerts, all of them firing, with the embedded store and without the time of
 * Prometheus. Linear: the cost for an alert stays the same.
 */
export async function benchGrowth(): Promise<void> {
  for (const [title, policy] of [
    ['without inhibition', {}],
    ['with inhibit_rules', INHIBITS],
  ] as const) {
    console.log(`\none tick of all groups, every alert firing, ${title}`);
    const rows = [];
    for (const size of SIZES) rows.push(await measure(size, policy));
    console.table(rows);
  }
  console.log('\none tick of few groups with many services');
  console.table([await measure(WIDE, {})]);
}

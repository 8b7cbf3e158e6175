import { setTimeout as wait } from 'node:timers/promises';
import { createEvaluator } from '../../src/evaluation/evaluator.ts';
import type { Scheduler } from '../../src/evaluation/schedule.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';
import type { MetricsSource, Sample } from '../../src/lib/metrics-source.ts';
import type { Recorder } from '../../src/lib/recorder.ts';
import { after, type EpochMs, ms } from '../../src/lib/units.ts';
import type { CallGraph } from '../../src/policy/inhibition.ts';
import type { NotificationPolicy } from '../../src/policy/suppress.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { notificationsOf } from '../support/notifications.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { rulesOf, type Size } from './growth-rules.ts';
import { STALL_TIMER, startStallMeter } from './measure.ts';

/** What each tick of all groups took. */
export interface Ticks {
  readonly walls: readonly number[];
  readonly cpus: readonly number[];
  readonly stalls: readonly number[];
  /** The most memory that the process had, in MB. */
  readonly rss: number;
}

const INTERVAL = ms(15_000);
const WARM_UP = 2;
const TICKS = 8;

const POLICIES: Readonly<Record<NonNullable<Size['inhibition']>, Partial<NotificationPolicy>>> = {
  inhibit_rules: {
    inhibitRules: [
      {
        source: [{ label: 'severity', operator: '=', value: 'page' }],
        target: [{ label: 'severity', operator: '=', value: 'ticket' }],
        equal: ['service'],
      },
    ],
  },
  'call graph': { inhibitsByCallGraph: true },
};

const serviceOf = (rule: number | string, index: number): string => `service-${rule}-${index}`;

/** A Prometheus that costs nothing: every service of every rule breaches, each time with another value. */
function metricsOf({ services }: Size): MetricsSource {
  const samples = (rule: string, at: EpochMs): readonly Sample[] =>
    Array.from({ length: services }, (_, i) => ({
      labels: { service: serviceOf(rule, i), namespace: 'shop' },
      value: 0.02 + (i + ((at / INTERVAL) % 3)) / 1e6,
    }));
  const instant: MetricsSource['instant'] = async ({ expr, at }) =>
    samples(/_(\d+)/.exec(expr)?.[1] ?? '', at);
  const unused = (): never => {
    throw new Error('not used by the bench');
  };
  return { instant, range: unused, labelValues: unused };
}

/** The services of each rule call each other in a chain, and its first one those of the next rule, ten rules deep. */
function callsOf({ groups, services }: Size): CallGraph {
  const calls = new Map<string, ReadonlySet<string>>();
  for (let rule = 0; rule < groups; rule++)
    for (let i = 0; i < services; i++) {
      const next = i === 0 && rule % 10 < 9 && rule + 1 < groups ? [serviceOf(rule + 1, 0)] : [];
      const callees = [serviceOf(rule, (i + 1) % services), ...next].map((each) => `${each}.shop`);
      calls.set(`${serviceOf(rule, i)}.shop`, new Set(callees));
    }
  return calls;
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

const ignored = (): void => undefined;
const SILENT: Logger = { debug: ignored, info: ignored, warn: console.warn, error: console.error };
const RECORDER: Recorder = {
  evaluated: ignored,
  queried: ignored,
  alerts: ignored,
  pendingMessages: ignored,
  notified: ignored,
  slackCalled: ignored,
  answered: ignored,
  reloaded: ignored,
  received: ignored,
  clockMeasured: ignored,
  backgroundFailed: ignored,
};

/** Ticks of all groups at once, with the embedded store: what they take without the time of Prometheus. */
async function measure(size: Size): Promise<Ticks> {
  const http = createHttpClient({ system: 'prometheus', baseUrl: size.prometheus ?? 'http://127.0.0.1' });
  const { dir, dispose } = await makeTempDir();
  const store = await openLevelStore({ dir });
  const scheduler = createTogether();
  const policy = size.inhibition === undefined ? {} : POLICIES[size.inhibition];
  const calls: CallGraph = size.inhibition === 'call graph' ? callsOf(size) : new Map();
  const notifications = { ...notificationsOf(policy), callGraphAt: async () => calls };
  const evaluator = createEvaluator({
    scheduler,
    metrics:
      size.prometheus === undefined
        ? metricsOf(size)
        : createPrometheusMetrics({ http, deadline: ms(10_000), logger: SILENT }),
    store,
    clock: systemClock,
    recorder: RECORDER,
    logger: SILENT,
    expand: expandTemplate,
    notifications,
  });
  const { groups } = parseRuleText('rules.yaml', rulesOf(size));
  await evaluator.start({ groups, objectives: [], policy: notifications.policy() });
  const start = systemClock.now();
  const [walls, cpus, stalls]: [number[], number[], number[]] = [[], [], []];
  const stall = startStallMeter();
  for (let n = -WARM_UP; n < TICKS; n++) {
    stall.take();
    const used = process.cpuUsage();
    const startedAt = performance.now();
    await scheduler.tick(after(start, ms((n + WARM_UP) * INTERVAL)));
    const took = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(used);
    if (n < 0) continue;
    walls.push(took);
    cpus.push((user + system) / 1_000);
    // The timer that was due during the last step.
    await wait(2 * STALL_TIMER);
    stalls.push(stall.take());
  }
  stall.stop();
  const rss = process.resourceUsage().maxRSS / 1_000;
  await evaluator.stop();
  http.close();
  await store.close();
  await dispose();
  return { walls, cpus, stalls, rss };
}

// A process of its own: memory is what this size takes, not what another one left.
const [size] = process.argv.slice(2);
if (size !== undefined) process.stdout.write(JSON.stringify(await measure(JSON.parse(size) as Size)));

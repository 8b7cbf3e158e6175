import { expect, it } from 'vitest';
import type { RuleState } from '../../src/alerts/alert.ts';
import { stepRule } from '../../src/alerts/step-rule.ts';
import type { Sample } from '../../src/lib/metrics-source.ts';
import { epochMs, ms } from '../../src/lib/units.ts';
import type { SloRule } from '../../src/rules/rule.ts';
import { aGroup, aPlainRule } from '../support/builders.ts';
import { expectAlerts } from '../support/expected-alerts.ts';
import { GENERATIONS } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { createChance } from '../support/promql-samples.ts';
import { type ExpressionTest, judgeByPromtool, type RuleTest } from '../support/promtool.ts';

const INTERVAL = 30;
const TICKS = 50;
const TESTS = 20;
const RULES = 12;
const SERVICES = ['a', 'b', 'c'] as const;
/** A gap longer than this would reach Prometheus's lookback of five minutes, whose ends differ between versions. */
const MAX_GAP = 6;

type Cell = number | '_' | 'stale';

/** A gauge that stays where it is for a while, with missing and stale samples in between. */
function randomSeries(random: () => number): readonly Cell[] {
  const cells: Cell[] = [];
  let level = 1;
  let gap = 0;
  for (let tick = 0; tick < TICKS; tick++) {
    if (random() < 0.3) level = random() < 0.5 ? 0 : Math.ceil(random() * 9) / 2;
    const chance = random();
    const isMissing = tick > 0 && chance < 0.15 && gap < MAX_GAP;
    gap = isMissing ? gap + 1 : 0;
    if (isMissing) cells.push('_');
    else cells.push(chance > 0.95 ? 'stale' : level);
  }
  return cells;
}

/** What `metric > 0` gives at a tick: the last sample, unless it is stale or not above zero. */
function breachesAt(series: ReadonlyMap<string, readonly Cell[]>, tick: number): readonly Sample[] {
  const samples: Sample[] = [];
  for (const [service, cells] of series) {
    const last = cells.slice(0, tick + 1).findLast((cell) => cell !== '_');
    if (typeof last === 'number' && last > 0) samples.push({ labels: { service }, value: last });
  }
  return samples;
}

/** What we believe a rule's alerts to be at every tick. */
function believe(rule: SloRule, series: ReadonlyMap<string, readonly Cell[]>): readonly ExpressionTest[] {
  let state: RuleState | undefined;
  const tests: ExpressionTest[] = [];
  for (let tick = 0; tick < TICKS; tick++) {
    const evalTime = epochMs(tick * INTERVAL * 1_000);
    const { next } = stepRule({
      rule,
      group: aGroup(),
      previous: state,
      evaluation: { kind: 'vector', samples: breachesAt(series, tick) },
      evalTime,
      expand: (text, { value }) => text.replace('{{ $value }}', String(value)),
      isPrometheus: true,
    });
    state = next;
    tests.push(...expectAlerts(rule.name, { evalTime }, next.alerts));
  }
  return tests;
}

function randomRules(random: () => number): readonly SloRule[] {
  const duration = () => ms(Math.floor(random() * 6) * 15_000);
  return Array.from({ length: RULES }, (_, i) =>
    aPlainRule({
      name: `Rule${i}`,
      expr: `metric_${i} > 0`,
      for: duration(),
      keepFiringFor: duration(),
      // The value as a label changes an alert's identity with it.
      labels: { level: i % 4 === 0 ? 'v{{ $value }}' : 'page' },
    }),
  );
}

const ruleFileOf = (rules: readonly SloRule[]): object => ({
  groups: [
    {
      name: 'random',
      interval: `${INTERVAL}s`,
      rules: rules.map((rule) => ({
        alert: rule.name,
        expr: rule.expr,
        for: `${rule.for}ms`,
        keep_firing_for: `${rule.keepFiringFor}ms`,
        labels: rule.labels,
      })),
    },
  ],
});

type Metrics = readonly ReadonlyMap<string, readonly Cell[]>[];

function testOf(rules: readonly SloRule[], metrics: Metrics): RuleTest {
  const series: Record<string, string> = {};
  for (const [i, metric] of metrics.entries()) {
    for (const [service, cells] of metric) series[`metric_${i}{service="${service}"}`] = cells.join(' ');
  }
  const expressions = rules.flatMap((rule, i) => believe(rule, metrics[i] ?? new Map()));
  return { series, expressions };
}

/** Random rules and series, and what a state machine believes of them. The mutation is what it has wrong. */
function randomFile(seed: number, mutate: (rule: SloRule) => SloRule = (rule) => rule) {
  const chance = createChance(seed);
  const random = (): number => chance.next();
  const rules = randomRules(random);
  const believed = rules.map(mutate);
  const tests = Array.from({ length: TESTS }, () => {
    const metrics = rules.map(
      () => new Map(SERVICES.map((service) => [service, randomSeries(random)] as const)),
    );
    return testOf(believed, metrics);
  });
  return { rules: ruleFileOf(rules), interval: INTERVAL, tests };
}

const seed = Number(process.env['TAILWATCH_SEED'] ?? Date.now() % 1_000_000);

for (const { name, judgeNeed, promtool } of GENERATIONS) {
  requireOrSkip(judgeNeed)(`judged by the promtool of ${name}, seed ${seed}`, () => {
    it('the state machine has every alert of random rules and series as Prometheus has it', async () => {
      const file = randomFile(seed);
      const checks = file.tests.flatMap(({ expressions }) => expressions).length;
      console.log(`${name}, seed ${seed} (TAILWATCH_SEED repeats it): ${checks} checks`);
      expect(checks).toBeGreaterThanOrEqual(20_000);
      expect(await judgeByPromtool(file, promtool)).toBe('');
    });

    it.each([
      ['waits one tick too long', (rule: SloRule) => ({ ...rule, for: ms(rule.for + INTERVAL * 1_000) })],
      ['knows no keep_firing_for', (rule: SloRule) => ({ ...rule, keepFiringFor: ms(0) })],
    ])('a state machine that %s is found out', async (_, mutate) => {
      expect(await judgeByPromtool(randomFile(seed, mutate), promtool)).toContain('FAILED');
    });
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuleState } from '../../src/alerts/alert.ts';
import { stepRule } from '../../src/alerts/step-rule.ts';
import type { Sample } from '../../src/lib/metrics-source.ts';
import { epochMs, ms } from '../../src/lib/units.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { aGroup, aRule } from '../support/builders.ts';
import { GENERATIONS } from '../support/generations.ts';
import { isInstalled } from '../support/real-prometheus.ts';
import { START } from '../support/virtual-clock.ts';
import { report, sideBySide } from './measure.ts';
import { benchCpu } from './watch-cpu.ts';
import { benchMesh } from './watch-mesh.ts';

const rule = aRule({
  for: ms(60_000),
  annotations: { summary: '{{ $labels.service }} is slow: {{ $value | humanizePercentage }}' },
});
const group = aGroup({ rules: [rule] });

const breaching = (services: number): readonly Sample[] =>
  Array.from({ length: services }, (_, i) => ({
    labels: { service: `service-${i}` },
    value: 0.02 + i / 1e6,
  }));

function step(samples: readonly Sample[], previous: RuleState | undefined, tick: number) {
  const evalTime = epochMs(START + tick * 30_000);
  const evaluation = { kind: 'vector', samples } as const;
  return stepRule({
    rule,
    group,
    previous,
    evaluation,
    evalTime,
    expand: expandTemplate,
    isPrometheus: false,
  });
}

/** On every Prometheus that is here; a machine without one is notified so. */
async function benchOnPrometheus(): Promise<void> {
  const here = GENERATIONS.filter(({ binary }) => isInstalled(binary) && isInstalled('promtool'));
  if (here.length === 0) {
    console.log('\nskipped: ticks on a real Prometheus; none is here (apt-get install prometheus)');
  }
  for (const serverVersion of here) {
    await benchMesh(serverVersion);
    await benchCpu(serverVersion);
  }
}

/** Evaluation from the state machine alone to whole ticks on a real Prometheus. */
export async function benchWatch(): Promise<void> {
  await benchSteps();
  await benchOnPrometheus();
}

/** One evaluation when every service breaches, for growing meshes; and what it costs to keep the outcome. */
async function benchSteps(): Promise<void> {
  const sizes = [50, 1_000, 10_000];
  const states = new Map(sizes.map((size) => [size, step(breaching(size), undefined, 0).next]));
  report(
    'one evaluation, every service breaching',
    await sideBySide(
      Object.fromEntries(
        sizes.map((size) => [`${size} services`, () => step(breaching(size), states.get(size), 1)]),
      ),
    ),
  );

  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-bench-'));
  const store = await openLevelStore({ dir });
  let evalTime = 0;
  const apply = (size: number) => async () => {
    evalTime += 1;
    const state = {
      evalTime: epochMs(START + evalTime),
      rules: { [rule.key]: states.get(size) as RuleState },
    };
    await store.applyEvaluation({ group: group.id, state, messages: [] });
  };
  report(
    'one durable write of the outcome to the embedded store',
    await sideBySide(Object.fromEntries([50, 1_000].map((size) => [`${size} alerts`, apply(size)]))),
  );
  await store.close();
  await rm(dir, { recursive: true });
}

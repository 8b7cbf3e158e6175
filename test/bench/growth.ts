import { loadavg } from 'node:os';
import { compiled } from './compiled.ts';
import { benchHealthy } from './growth-healthy.ts';
import type { Size } from './growth-rules.ts';
import type { Ticks } from './growth-tick.ts';
import { spread } from './measure.ts';

const SIZES: readonly Size[] = [
  { groups: 10, services: 10 },
  { groups: 100, services: 10 },
  { groups: 1_000, services: 10 },
];
/** Few rules with many services. */
const WIDE: Size = { groups: 10, services: 5_000 };

const INHIBITIONS: readonly Size['inhibition'][] = [undefined, 'inhibit_rules', 'call graph'];

/** The heap of Node.js in a container of 512 MiB, the limit of the manifests: half of it. */
const IN_CONTAINER = ['--max-old-space-size=256'];

type TicksOf = (size: Size, flags?: readonly string[]) => Promise<Ticks>;

async function rowOf(ticksOf: TicksOf, size: Size, flags?: readonly string[]) {
  const { walls, cpus, stalls, rss } = await ticksOf(size, flags);
  const firing = size.groups * size.services;
  const cpu = cpus.toSorted((a, b) => a - b)[cpus.length >> 1] ?? 0;
  return {
    groups: size.groups,
    firing,
    inhibition: size.inhibition ?? '',
    'wall ms a tick': spread(walls),
    'CPU ms a tick': spread(cpus),
    'CPU us an alert': Math.round((cpu * 1_000) / firing),
    'longest stall, ms': spread(stalls),
    'RSS MB': Math.round(rss),
  };
}

/**
 * How the cost of a tick grows with groups and alerts, all of them firing, with the embedded store and without the time of
 * Prometheus. Linear: the cost for an alert stays the same.
 */
export async function benchGrowth(): Promise<void> {
  const ticksOf = await compiled<Ticks>('growth-tick');
  console.log(`\none tick of all groups, every alert firing (load ${loadavg()[0]?.toFixed(1)})`);
  const rows = [];
  for (const inhibition of INHIBITIONS)
    for (const size of SIZES) rows.push(await rowOf(ticksOf, { ...size, inhibition }));
  console.table(rows);
  console.log('goals: 2,000 ms a tick of 1,000 groups, stall 100 ms');
  console.log(
    '\none tick of few groups with many services, and the same with the heap of a container of 512 MiB',
  );
  console.table([await rowOf(ticksOf, WIDE), await rowOf(ticksOf, WIDE, IN_CONTAINER)]);
  console.log('goals: stall 100 ms, 400 MB');
  await benchHealthy(ticksOf);
}

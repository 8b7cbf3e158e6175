import { readFileSync } from 'node:fs';

/** Median of some numbers. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The median of some numbers, with the lowest and the highest. */
export const spread = (values: readonly number[]): string =>
  `${Math.round(median(values))} (${Math.round(Math.min(...values))}-${Math.round(Math.max(...values))})`;

export interface Measured {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Times pieces of work side by side: one round of each after the other, so that a machine that slows down slows all of
 * them. The first rounds warm up and do not count.
 */
export async function sideBySide(
  pieces: Readonly<Record<string, () => unknown>>,
  { rounds = 15, warmUp = 3 }: { rounds?: number; warmUp?: number } = {},
): Promise<readonly Measured[]> {
  const times = new Map(Object.keys(pieces).map((name) => [name, [] as number[]]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, work] of Object.entries(pieces)) {
      const startedAt = performance.now();
      await work();
      if (round >= 0) times.get(name)?.push(performance.now() - startedAt);
    }
  }
  return [...times].map(([name, all]) => ({
    name,
    medianMs: median(all),
    minMs: Math.min(...all),
    maxMs: Math.max(...all),
  }));
}

/** Writes a table; each row's ratio is to the first one. */
export function report(title: string, measured: readonly Measured[]): void {
  const first = measured[0]?.medianMs ?? 1;
  console.log(`\n${title}`);
  console.table(
    measured.map(({ name, medianMs, minMs, maxMs }) => ({
      what: name,
      'median ms': Number(medianMs.toPrecision(3)),
      'min ms': Number(minMs.toPrecision(3)),
      'max ms': Number(maxMs.toPrecision(3)),
      ratio: Number((medianMs / first).toPrecision(3)),
    })),
  );
}

/** Milliseconds a tick of the kernel's clock stands for: USER_HZ is 100 on every Linux that runs Node. */
const KERNEL_TICK = 10;

/** CPU time that a process has used so far, in ms, to a resolution of 10 ms. Source: proc(5), utime and stime. */
function processCpu(pid: number): number {
  // The name may hold spaces and brackets: what follows the last bracket is fixed.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * KERNEL_TICK;
}

/** Starts to count CPU time, here and in another process; the answer tells both, in ms. */
export function cpuOf(pid: number): () => { readonly here: number; readonly there: number } {
  const there = processCpu(pid);
  const here = process.cpuUsage();
  return () => {
    const used = process.cpuUsage(here);
    return { here: (used.user + used.system) / 1_000, there: processCpu(pid) - there };
  };
}

/** How often the stall meter looks, in ms. */
export const STALL_TIMER = 5;

/**
 * Milliseconds for which this thread was ready and had no core, so far: other processes had them. Source: the kernel's
 * sched-stats.rst, schedstat. 0 where the kernel does not say.
 */
function waitedForCore(): number {
  try {
    const stat = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8');
    return Number(stat.split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Measures for how long the event loop served nobody, in ms, less what other processes took from it. */
export function startStallMeter() {
  let [last, waited] = [performance.now(), waitedForCore()];
  let longest = 0;
  const note = (): void => {
    const [now, nowWaited] = [performance.now(), waitedForCore()];
    longest = Math.max(longest, now - last - STALL_TIMER - (nowWaited - waited));
    [last, waited] = [now, nowWaited];
  };
  const timer = setInterval(note, STALL_TIMER);
  return {
    /** The longest since this was called last. */
    take: (): number => {
      const taken = longest;
      longest = 0;
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}

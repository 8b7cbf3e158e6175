import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { botIn, buildProgram, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import { NO_FAULTS } from '../support/stage.ts';
import { cpuOf } from './measure.ts';

/*
 * The bot as a process of its own, under what an incident brings: people type commands, 50 at any moment, while 200 alerts
 * fire. The mesh, Prometheus, Jaeger and Slack are those of the demo, in this process, which shares the machine.
 * BENCH_NODE_OPTIONS are Node's options for the bot, for instance --max-old-space-size=256.
 */

const COMMANDS_AT_ONCE = 50;
const ALERTS = 200;
const GROUPS = 20;
const IDLE = 20 * SECOND;
const LOAD = MINUTE;
/** After the load has begun. */
const FIRES_AFTER = 5 * SECOND;

const SERVICES = ['frontend', 'checkout', 'payments', 'cart', 'catalog'];
const TYPED = SERVICES.flatMap((service) => [
  `/trace slowest ${service} last 10m`,
  `/latency ${service} last 10m`,
  '/slo',
]);

/** Rules that fire at an instant, each about a service, so that every message has traces to look for. */
const rulesFiringAt = (at: number): string =>
  `groups:\n${Array.from(
    { length: GROUPS },
    (_, group) =>
      `- name: g${group}\n  interval: 15s\n  rules:\n${Array.from(
        { length: ALERTS / GROUPS },
        (_, rule) =>
          `  - alert: Load${group}x${rule}\n    expr: vector(time()) > ${Math.round(at / SECOND)}\n    labels: { service: ${SERVICES[rule % SERVICES.length]} }\n`,
      ).join('')}`,
  ).join('')}`;

/** A figure of the bot's `/metrics`. The percentiles of the event loop's delay begin anew with each request. */
async function metricOf(program: Program, name: string): Promise<number> {
  const text = await (await fetch(`${opsUrl(program)}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
}

const MIB = 1_048_576;
const residentOf = async (program: Program): Promise<number> =>
  Math.round((await metricOf(program, 'process_resident_memory_bytes')) / MIB);

/** The most memory that a process has had. Source: proc(5), VmHWM. */
const peakOf = (pid: number): number =>
  Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024);

/** Types commands until the time is up, as many at once as there are people; gives the times to the acknowledgements. */
async function typeCommands(world: DemoWorld, until: number): Promise<readonly number[]> {
  const channelId = world.workspace.channels().find(({ name }) => `#${name}` === world.channel)?.id ?? '';
  const waiting: (() => void)[] = [];
  const stop = world.workspace.subscribe((event) => {
    if (event.kind === 'message-posted' && event.message.ephemeralFor !== undefined) waiting.shift()?.();
  });
  const times: number[] = [];
  const person = async (number: number): Promise<void> => {
    for (let turn = number; Date.now() < until; turn += 1) {
      const answered = new Promise<void>((resolve) => waiting.push(resolve));
      const startedAt = performance.now();
      const { ok } = await world.workspace.type({
        userId: world.readerId,
        channelId,
        text: TYPED[turn % TYPED.length] ?? '',
      });
      if (ok) times.push(performance.now() - startedAt);
      await Promise.race([answered, wait(20 * SECOND)]);
    }
  };
  await Promise.all(Array.from({ length: COMMANDS_AT_ONCE }, (_, number) => person(number)));
  stop();
  return times;
}

const percentile = (values: readonly number[], share: number): number =>
  Math.round([...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN);

async function measure(world: DemoWorld, folder: string) {
  const entry = await buildProgram(join(folder, 'program'));
  const firesAt = Date.now() + IDLE + FIRES_AFTER + 15 * SECOND;
  await writeFile(join(folder, 'rules.yaml'), rulesFiringAt(firesAt));
  const program = startProgram(
    [],
    { ...botIn(world, folder), NODE_OPTIONS: process.env['BENCH_NODE_OPTIONS'] },
    entry,
  );
  const life = setInterval(() => world.advanceTo(systemClock.now()), SECOND);
  try {
    await until('the start', () => program.output().includes('"msg":"started"'));
    await wait(Math.max(IDLE, firesAt - FIRES_AFTER - Date.now()));
    const idle = await residentOf(program);
    await metricOf(program, 'nodejs_eventloop_lag_p99_seconds');
    const cpu = cpuOf(program.child.pid ?? 0);
    const here = monitorEventLoopDelay();
    here.enable();
    const times = await typeCommands(world, Date.now() + LOAD);
    const { exitCode, signalCode } = program.child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the bot ended (${exitCode ?? signalCode}):\n${program.output().slice(-2_000)}`);
    const { there } = cpu();
    const delay = (await metricOf(program, 'nodejs_eventloop_lag_p99_seconds')) * SECOND;
    const firing = await metricOf(program, 'tailwatch_alerts\\{state="firing"\\}');
    return {
      ownDelay: here.percentile(99) / 1e6,
      cpu: there,
      idle,
      times,
      delay,
      firing,
      rss: await residentOf(program),
      peak: peakOf(program.child.pid ?? 0),
    };
  } finally {
    clearInterval(life);
    program.child.kill('SIGTERM');
    await program.exit;
  }
}

/** Acknowledgements, event loop and memory under load, with the goals. */
export async function benchLoad(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-load-'));
  const world = await startDemoWorld({
    clock: systemClock,
    commands: SLASH_COMMANDS,
    history: ms(10 * MINUTE),
    // The stand-ins must not be what is measured.
    sampling: 0.05,
    script: NO_FAULTS,
  });
  try {
    console.log(
      `\n${COMMANDS_AT_ONCE} commands at a time for ${LOAD / SECOND} s, ${ALERTS} alerts (load ${loadavg()[0]?.toFixed(1)})`,
    );
    const { idle, times, delay, firing, rss, peak, cpu, ownDelay } = await measure(world, folder);
    console.table([
      { figure: 'commands acknowledged', measured: times.length, goal: '' },
      { figure: 'alerts firing', measured: firing, goal: `${ALERTS}` },
      { figure: 'acknowledgement p50, ms', measured: percentile(times, 0.5), goal: '' },
      { figure: 'acknowledgement p99, ms', measured: percentile(times, 0.99), goal: '< 100' },
      { figure: 'event-loop delay p99, ms', measured: Math.round(delay), goal: '< 50' },
      { figure: 'the same of the stand-ins, ms', measured: Math.round(ownDelay), goal: '' },
      { figure: 'CPU of the bot, %', measured: Math.round((100 * cpu) / LOAD), goal: '' },
      { figure: 'RSS at the end, MiB', measured: rss, goal: '< 300' },
      { figure: 'RSS, highest, MiB', measured: peak, goal: '' },
      { figure: 'RSS idle, MiB', measured: idle, goal: '< 160' },
    ]);
  } finally {
    await world.close();
    await rm(folder, { recursive: true, force: true });
  }
}

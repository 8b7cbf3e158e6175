import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants, loadavg, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createDemoSlack } from '../../demo/demo-world.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE, SECOND } from '../../src/lib/units.ts';
import { buildProgram, CLEAN, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import { cpuOf } from './measure.ts';

/*
 * The bot under what an incident brings: people type commands, 50 at any moment, while 200 alerts fire. Three processes:
 * the bot; the mesh, Prometheus and Jaeger of the demo, at the lowest priority; Slack and the people, here. On a machine
 * that does other work too, `nice -n -15 npm run bench -- load` measures the bot and not the machine.
 * BENCH_NODE_OPTIONS are Node's options for the bot, for instance --max-old-space-size=256.
 */

const COMMANDS_AT_ONCE = 50;
const ALERTS = 200;
const GROUPS = 20;
const IDLE = 20 * SECOND;
const LOAD = MINUTE;
/** After the load has begun. */
const FIRES_AFTER = 5 * SECOND;

const READER = 'U0READER00';
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

/** For how long the main thread of a process was ready to run and had no CPU, in ms. Source: proc(5), schedstat. */
const waitedForCpu = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;

/** The mesh with its Prometheus and its Jaeger, in a process at the lowest priority. */
async function startMesh() {
  const child = fork(join(import.meta.dirname, 'load-mesh.ts'), { execArgv: ['--import', 'tsx'] });
  setPriority(child.pid ?? 0, constants.priority.PRIORITY_LOW);
  const [environment] = (await once(child, 'message')) as [Readonly<Record<string, string>>];
  return { environment, close: () => child.disconnect() };
}

/** Slack, with 50 people in it, and the environment of a bot there. */
async function startWorkspace() {
  const { workspace, page, slack } = createDemoSlack({ clock: systemClock, commands: SLASH_COMMANDS });
  const { url } = await slack.listen();
  const [channel] = workspace.channels();
  const environment = {
    SLACK_BOT_TOKEN: workspace.state.tokens.bot,
    SLACK_APP_TOKEN: workspace.state.tokens.app,
    SLACK_API_URL: `${url}/api/`,
    SLACK_CHANNEL: `#${channel?.name}`,
  };
  const close = async (): Promise<void> => {
    await Promise.all([page.close(), slack.close()]);
  };
  return { workspace, channelId: channel?.id ?? '', environment, close };
}

type Workspace = Awaited<ReturnType<typeof startWorkspace>>;

/** Types commands until the time is up, as many at once as there are people; gives the times to the acknowledgements. */
async function typeCommands({ workspace, channelId }: Workspace, until: number): Promise<readonly number[]> {
  const waiting: (() => void)[] = [];
  const stop = workspace.subscribe((event) => {
    if (event.kind === 'message-posted' && event.message.ephemeralFor !== undefined) waiting.shift()?.();
  });
  const times: number[] = [];
  const person = async (number: number): Promise<void> => {
    for (let turn = number; Date.now() < until; turn += 1) {
      const answered = new Promise<void>((resolve) => waiting.push(resolve));
      const startedAt = performance.now();
      const { ok } = await workspace.type({
        userId: READER,
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

/** The built program in a workspace; it has started. */
async function startBot(
  slack: Workspace,
  environment: Readonly<Record<string, string>>,
  { entry, folder }: { readonly entry: string; readonly folder: string },
): Promise<Program> {
  const env = {
    ...CLEAN,
    ...environment,
    ...slack.environment,
    OPS_PORT: '0',
    RULES_FILE: join(folder, 'rules.yaml'),
    DATA_DIR: await mkdtemp(join(folder, 'data-')),
    NODE_OPTIONS: process.env['BENCH_NODE_OPTIONS'],
  };
  const program = startProgram([], env, entry);
  await until('the start', () => program.output().includes('"msg":"started"'));
  return program;
}

async function stopBot(program: Program): Promise<void> {
  program.child.kill('SIGTERM');
  await program.exit;
}

const BURSTS = 8;
const BETWEEN_BURSTS = 3 * SECOND;

/** The times to the acknowledgements of 50 commands at once, several times, while Jaeger accepts requests and does not respond. */
async function typeWhileJaegerHangs(
  slack: Workspace,
  environment: Readonly<Record<string, string>>,
  built: { readonly entry: string; readonly folder: string },
): Promise<readonly number[]> {
  const jaeger = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(jaeger, 'listening');
  const { port } = jaeger.address() as AddressInfo;
  const program = await startBot(slack, { ...environment, JAEGER_URL: `http://127.0.0.1:${port}` }, built);
  const times: number[] = [];
  try {
    for (let burst = 0; burst < BURSTS; burst += 1) {
      const typed = Array.from({ length: COMMANDS_AT_ONCE }, async (_, index) => {
        const startedAt = performance.now();
        const text = `/trace slowest ${SERVICES[index % SERVICES.length]} last ${index + 1}m`;
        const { ok } = await slack.workspace.type({ userId: READER, channelId: slack.channelId, text });
        if (ok) times.push(performance.now() - startedAt);
      });
      await Promise.all(typed);
      await wait(BETWEEN_BURSTS);
    }
    return times;
  } finally {
    jaeger.closeAllConnections();
    await stopBot(program);
    jaeger.close();
  }
}

async function measure(
  slack: Workspace,
  environment: Readonly<Record<string, string>>,
  built: { readonly entry: string; readonly folder: string },
) {
  const firesAt = Date.now() + IDLE + FIRES_AFTER + 15 * SECOND;
  await writeFile(join(built.folder, 'rules.yaml'), rulesFiringAt(firesAt));
  const program = await startBot(slack, environment, built);
  try {
    await wait(Math.max(IDLE, firesAt - FIRES_AFTER - Date.now()));
    const idle = await residentOf(program);
    await metricOf(program, 'nodejs_eventloop_lag_p99_seconds');
    const pid = program.child.pid ?? 0;
    const cpu = cpuOf(pid);
    const waitedBefore = waitedForCpu(pid);
    const here = monitorEventLoopDelay();
    here.enable();
    const times = await typeCommands(slack, Date.now() + LOAD);
    const { exitCode, signalCode } = program.child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the bot ended (${exitCode ?? signalCode}):\n${program.output().slice(-2_000)}`);
    const { there } = cpu();
    const delay = (await metricOf(program, 'nodejs_eventloop_lag_p99_seconds')) * SECOND;
    const firing = await metricOf(program, 'tailwatch_alerts\\{state="firing"\\}');
    return {
      ownDelay: here.percentile(99) / 1e6,
      cpu: there,
      waited: waitedForCpu(pid) - waitedBefore,
      idle,
      times,
      delay,
      firing,
      rss: await residentOf(program),
      peak: peakOf(pid),
    };
  } finally {
    await stopBot(program);
  }
}

/** Acknowledgements, event loop and memory under load, with the goals. */
export async function benchLoad(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-load-'));
  const mesh = await startMesh();
  const slack = await startWorkspace();
  try {
    console.log(
      `\n${COMMANDS_AT_ONCE} commands at a time for ${LOAD / SECOND} s, ${ALERTS} alerts (load ${loadavg()[0]?.toFixed(1)})`,
    );
    const built = { entry: await buildProgram(join(folder, 'program')), folder };
    const measured = await measure(slack, mesh.environment, built);
    await writeFile(join(folder, 'rules.yaml'), 'groups: []\n');
    const hanging = await typeWhileJaegerHangs(slack, mesh.environment, built);
    const { idle, times, delay, firing, rss, peak, cpu, waited, ownDelay } = measured;
    console.table([
      { figure: 'commands acknowledged', measured: times.length, goal: '' },
      { figure: 'alerts firing', measured: firing, goal: `${ALERTS}` },
      { figure: 'acknowledgement p50, ms', measured: percentile(times, 0.5), goal: '' },
      { figure: 'acknowledgement p99, ms', measured: percentile(times, 0.99), goal: '< 100' },
      { figure: 'acknowledgement max, ms', measured: percentile(times, 1), goal: '' },
      { figure: 'the same, Jaeger hanging, ms', measured: percentile(hanging, 0.99), goal: '< 100' },
      { figure: 'event-loop delay p99, ms', measured: Math.round(delay), goal: '< 50' },
      { figure: 'the same of Slack and the people, ms', measured: Math.round(ownDelay), goal: '' },
      { figure: 'CPU of the bot, %', measured: Math.round((100 * cpu) / LOAD), goal: '' },
      { figure: 'it waited for a CPU, % of the time', measured: Math.round((100 * waited) / LOAD), goal: '' },
      { figure: 'RSS at the end, MiB', measured: rss, goal: '< 300' },
      { figure: 'RSS, highest, MiB', measured: peak, goal: '' },
      { figure: 'RSS idle, MiB', measured: idle, goal: '< 160' },
    ]);
  } finally {
    mesh.close();
    await slack.close();
    await rm(folder, { recursive: true, force: true });
  }
}

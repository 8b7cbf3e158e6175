import type { EpochMs, Milliseconds } from '../src/lib/units.ts';
import { before, DAY, epochMs, HOUR, MINUTE, ms, ratio, toEpochUs } from '../src/lib/units.ts';
import { createJaegerServer } from './jaeger/server.ts';
import { createJaegerStore } from './jaeger/store.ts';
import { createMesh, type Mesh } from './mesh/mesh.ts';
import type { MeshSample } from './mesh/metrics.ts';
import { type Cue, createScriptPlayer, DEMO_SCRIPT, type Script } from './mesh/script.ts';
import { createSampleStore } from './prometheus/sample-store.ts';
import { createPrometheusServer } from './prometheus/server.ts';
import type { Channel } from './slack/model.ts';
import type { CommandHint } from './slack/page/composer.tsx';
import { createWorkspacePage } from './slack/page/server.ts';
import { createSlackServer, type SlackServer } from './slack/server.ts';
import { createSlackWorkspace, type SlackWorkspace } from './slack/workspace.ts';

/** What the world should be like. Everything has a default that suits the demo. */
export interface DemoWorldOptions {
  readonly clock: { now(): EpochMs };
  /** The slash commands of the bot, for the workspace and the composer of its page. */
  readonly commands: readonly CommandHint[];
  readonly seed?: number;
  /** The reader's IANA time zone; UTC when absent. */
  readonly timeZone?: string;
  /** Port of the Slack page; 0 takes a free one. */
  readonly port?: number;
  readonly requestsPerSecond?: number;
  /** The share of requests that are traced; a quarter when absent, for an hour of traces in little memory. */
  readonly sampling?: number;
  /** How much of the past there is, without a gap, before the present; a piece of the day before is added. */
  readonly history?: Milliseconds;
  readonly script?: Script;
  /** How long Slack waits for an acknowledgement, by the machine's clock; 3 s by default. */
  readonly acknowledgeWithin?: Milliseconds;
  /** Called when a fault begins and ends. */
  readonly onCue?: (cue: Cue) => void;
  /** Called with the progress of the history, 0 to 1. */
  readonly onProgress?: (share: number) => Promise<void>;
  /** Called when the page can be opened, before the history is complete. */
  readonly onServing?: (at: { readonly pageUrl: string }) => void;
}

/** A mesh, and the systems around it that a bot talks to: all on the loopback interface. */
export interface DemoWorld {
  readonly pageUrl: string;
  readonly slackApiUrl: string;
  readonly prometheusUrl: string;
  readonly jaegerUrl: string;
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  /** The channel that the bot should post to. */
  readonly channel: string;
  /** Who sits in front of the page. */
  readonly readerId: string;
  readonly mesh: Mesh;
  readonly slack: SlackServer;
  readonly workspace: SlackWorkspace;
  readonly prometheus: ReturnType<typeof createPrometheusServer>;
  readonly jaeger: ReturnType<typeof createJaegerServer>;
  /** Lets the mesh live until `t`: requests, scrapes, spans, faults by the script. */
  advanceTo(t: EpochMs): void;
  /** A line above the messages of the page. */
  setNotice(text: string | undefined): void;
  close(): Promise<void>;
}

const CHANNELS: readonly Channel[] = [
  { id: 'C0SHOPONCALL', name: 'shop-oncall', isArchived: false, botIsMember: true },
  { id: 'C0GENERAL00', name: 'general', isArchived: false, botIsMember: false },
];

const CHANNEL = '#shop-oncall';
const READER_ID = 'U0READER00';
/** In the shape of Slack's own: 32 hexadecimal digits. */
const SIGNING_SECRET = '0de70000000000000000000000000000';
/** The past is made in steps, so that the page can be served meanwhile. */
const STEP: Milliseconds = ms(2 * MINUTE);
/** Jaeger keeps traces this long; metrics are kept for the figures of "an hour ago" and "a day ago". */
const TRACE_RETENTION: Milliseconds = HOUR;

/** Starts the world: its servers at once, its history step by step, up to the present. */
export async function startDemoWorld(options: DemoWorldOptions): Promise<DemoWorld> {
  const { clock, seed = 7, history = ms(2 * HOUR) } = options;
  const present = clock.now();
  const samples = createSampleStore({ retention: ms(DAY + 3 * HOUR) });
  const traces = createJaegerStore();
  const tracesFrom = toEpochUs(before(present, TRACE_RETENTION));
  const mesh = createMesh({
    seed,
    start: before(present, ms(DAY + history / 2)),
    requestsPerSecond: options.requestsPerSecond ?? 10,
    sampling: ratio(options.sampling ?? 0.25),
    onSample: appendTo(samples),
    onTrace: (spans) => {
      if (spans.some(({ startUs }) => startUs >= tracesFrom)) traces.add(spans);
    },
  });
  const servers = await startServers(options, { samples, traces });
  servers.setNotice('The mesh is starting: its past is being made ...');
  options.onServing?.(servers);
  await makePast(mesh, { present, history, onProgress: options.onProgress });
  const player = createScriptPlayer({
    mesh,
    script: options.script ?? DEMO_SCRIPT,
    start: clock.now(),
    ...(options.onCue === undefined ? {} : { onCue: options.onCue }),
  });
  servers.setNotice(undefined);
  return { ...servers, mesh, channel: CHANNEL, readerId: READER_ID, advanceTo: (t) => player.advanceTo(t) };
}

/** The mesh gives each series one labels object: looking a series up by it is much faster than by its labels. */
function appendTo(samples: ReturnType<typeof createSampleStore>): (sample: MeshSample) => void {
  const appenders = new Map<MeshSample['labels'], ReturnType<typeof samples.appender>>();
  return ({ labels, t, value }) => {
    const appender = appenders.get(labels) ?? samples.appender(labels);
    appenders.set(labels, appender);
    appender.append(t, value);
  };
}

/** Yesterday's piece, then the time up to now: each as long as the figures that are compared need it. */
async function makePast(
  mesh: Mesh,
  past: { present: EpochMs; history: Milliseconds; onProgress: DemoWorldOptions['onProgress'] },
): Promise<void> {
  const { present, history, onProgress } = past;
  const total = history * 1.5;
  let made = 0;
  const live = async (until: EpochMs): Promise<void> => {
    while (mesh.now() < until) {
      const next = epochMs(Math.min(until, mesh.now() + STEP));
      made += next - mesh.now();
      mesh.advanceTo(next);
      await onProgress?.(made / total);
    }
  };
  await live(before(present, DAY));
  mesh.skipTo(before(present, history));
  await live(present);
}

/** The workspace of the demo with its page, not yet on the network. */
export function createDemoSlack(
  options: Pick<
    DemoWorldOptions,
    'clock' | 'commands' | 'seed' | 'timeZone' | 'port' | 'acknowledgeWithin'
  > & {
    /** The interface to listen on; the loopback one when absent. */
    readonly host?: string;
  },
) {
  const { clock } = options;
  const workspace = createSlackWorkspace({
    clock,
    seed: options.seed ?? 7,
    commands: options.commands.map(({ command }) => command),
    signingSecret: SIGNING_SECRET,
    channels: CHANNELS,
    users: [
      { id: READER_ID, name: 'you', timeZone: options.timeZone ?? 'UTC', isBot: false },
      { id: 'U0COLLEAGUE', name: 'robin', timeZone: 'UTC', isBot: false },
    ],
  });
  const page = createWorkspacePage({
    workspace,
    clock,
    readerId: READER_ID,
    title: 'Shop',
    commands: options.commands,
  });
  const slack = createSlackServer({
    ...(options.acknowledgeWithin === undefined ? {} : { acknowledgeWithin: options.acknowledgeWithin }),
    workspace,
    delivery: { mode: 'socket' },
    port: options.port ?? 0,
    host: options.host,
    fallback: page.listener,
  });
  return { workspace, page, slack };
}

async function startServers(
  options: DemoWorldOptions,
  data: { samples: ReturnType<typeof createSampleStore>; traces: ReturnType<typeof createJaegerStore> },
) {
  const { clock } = options;
  const { workspace, page, slack } = createDemoSlack(options);
  const prometheus = createPrometheusServer({ samples: data.samples, clock });
  const jaeger = createJaegerServer({ store: data.traces, clock });
  const [{ url }, { url: prometheusUrl }, { url: jaegerUrl }] = await Promise.all([
    slack.listen(),
    prometheus.listen(),
    jaeger.listen(),
  ]);
  const { tokens, signingSecret } = workspace.state;
  return {
    pageUrl: `${url}/`,
    slackApiUrl: `${url}/api/`,
    prometheusUrl,
    jaegerUrl,
    botToken: tokens.bot,
    appToken: tokens.app,
    signingSecret,
    slack,
    workspace,
    prometheus,
    jaeger,
    setNotice: (text: string | undefined) => page.setNotice(text),
    close: async () => {
      await Promise.all([page.close(), slack.close(), prometheus.close(), jaeger.close()]);
    },
  };
}

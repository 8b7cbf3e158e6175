import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EpochMs } from '../src/lib/units.ts';
import { ratio } from '../src/lib/units.ts';
import { createDemoSlack } from './demo-world.ts';
import { toResourceSpans } from './jaeger/otlp.ts';
import { createMesh } from './mesh/mesh.ts';
import type { MeshSample } from './mesh/metrics.ts';
import { createScriptPlayer, DEMO_SCRIPT, type Script } from './mesh/script.ts';
import type { MeshSpan } from './mesh/spans.ts';
import type { CommandHint } from './slack/page/composer.tsx';

export interface MeshExportOptions {
  readonly clock: { now(): EpochMs };
  /** The slash commands of the bot, for the workspace. */
  readonly commands: readonly CommandHint[];
  /** The OTLP/HTTP endpoint that takes the spans, without `/v1/traces`. */
  readonly otlp: string;
  readonly metricsPort: number;
  readonly slackPort: number;
  /** The interface to listen on; in a container all of them. */
  readonly host: string;
  readonly script?: Script;
  readonly say: (text: string) => void;
}

/** A mesh that a real Prometheus scrapes and that sends its spans to a real Jaeger, with the demo's workspace beside it. */
export interface MeshExport {
  readonly metricsUrl: string;
  readonly pageUrl: string;
  /** Lets the mesh live until `t` and sends its spans. Spans that are refused are dropped, as a sidecar drops them. */
  advanceTo(t: EpochMs): Promise<void>;
  close(): Promise<void>;
}

const REQUESTS_PER_SECOND = 10;

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** A sample in Prometheus's text format. Without a timestamp: it is the time of the scrape. */
function exposition({ labels: { __name__: name = '', ...labels }, value }: MeshSample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
}

/** Keeps the last value of each series, as a sidecar's endpoint shows it. */
function createExposition() {
  const current = new Map<MeshSample['labels'], MeshSample>();
  let scrapedAt: EpochMs | undefined;
  return {
    add: (sample: MeshSample): void => {
      // A series that is not in the newest scrape belongs to a pod that is gone.
      if (scrapedAt !== sample.t) current.clear();
      scrapedAt = sample.t;
      current.set(sample.labels, sample);
    },
    text: (): string => `${[...current.values()].map(exposition).join('\n')}\n`,
  };
}

async function send(otlp: string, spans: readonly MeshSpan[]): Promise<string | undefined> {
  try {
    const response = await fetch(`${otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: toResourceSpans(spans) }),
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Starts the mesh in real time; nothing of its past is made. */
export async function exportMesh(options: MeshExportOptions): Promise<MeshExport> {
  const { clock, host, say } = options;
  const metrics = createExposition();
  let spans: MeshSpan[] = [];
  const mesh = createMesh({
    seed: 7,
    start: clock.now(),
    requestsPerSecond: REQUESTS_PER_SECOND,
    sampling: ratio(1),
    // As Envoy writes bounds; Prometheus stores them as it does.
    boundStyle: 'prometheus-2',
    onSample: metrics.add,
    onTrace: (trace) => void spans.push(...trace),
  });
  const { page, slack } = createDemoSlack({ ...options, port: options.slackPort });
  const player = createScriptPlayer({
    mesh,
    script: options.script ?? DEMO_SCRIPT,
    start: clock.now(),
    onCue: ({ change, scripted }) => {
      say(`mesh: ${scripted.title} (${change})`);
      page.setNotice(change === 'begins' ? `In the mesh: ${scripted.title}.` : undefined);
    },
  });
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') response.writeHead(404).end('try /metrics\n');
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metrics.text());
  });
  server.listen(options.metricsPort, host);
  await once(server, 'listening');
  const { url } = await slack.listen();
  let problem: string | undefined;
  return {
    metricsUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    pageUrl: `${url}/`,
    advanceTo: async (t) => {
      player.advanceTo(t);
      const batch = spans;
      spans = [];
      if (batch.length === 0) return;
      const failed = await send(options.otlp, batch);
      if (failed !== problem)
        say(failed === undefined ? 'spans are accepted' : `spans are dropped: ${failed}`);
      problem = failed;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await Promise.all([page.close(), slack.close()]);
    },
  };
}

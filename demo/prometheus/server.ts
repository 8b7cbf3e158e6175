import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type EpochMs, MINUTE, type Milliseconds, ms } from '../../src/lib/units.ts';
import { KEEP_ALIVE } from '../keep-alive.ts';
import { API, type ApiContext, labelValues } from './http/api.ts';
import { answeredByFault, createFaults, type Fault, type Faults } from './http/faults.ts';
import { graphPage } from './http/graph-page.ts';
import { createParameters, type Parameters } from './http/parameters.ts';
import { errorJson } from './http/wire.ts';
import { QueryError, type QueryErrorType } from './promql/errors.ts';
import { PROMETHEUS_3, type VersionBehavior } from './promql/version-behavior.ts';
import type { SampleStore } from './sample-store.ts';

/** A request as the server received it, before it is answered. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<IncomingMessage['headers']>;
  readonly parameters: Parameters;
}

export interface PrometheusServerOptions {
  /** Where the samples are; they may keep coming while the server runs. */
  readonly samples: SampleStore;
  /** The default `time` of instant queries. */
  readonly clock: { now(): EpochMs };
  /** Port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** How far an instant selector looks back. Default 5 minutes. */
  readonly lookback?: Milliseconds;
  /** Which version to answer as where they differ. Default Prometheus 3. */
  readonly versionBehavior?: VersionBehavior;
  /** Called for every request: tests read what a client sends. */
  readonly onRequest?: (request: ReceivedRequest) => void;
}

/** A small Prometheus on the loopback interface. */
export interface PrometheusServer {
  /** Starts to listen. `url` has no slash at its end. */
  listen(): Promise<{ readonly url: string }>;
  /** Stops, dropping the requests that are still open. */
  close(): Promise<void>;
  readonly faults: Faults;
}

/** Bodies beyond this many bytes are refused. */
const LARGEST_BODY = 1_000_000;

const STATUS: Readonly<Record<QueryErrorType, number>> = { bad_data: 400, execution: 422, timeout: 503 };

interface Answer {
  readonly status: number;
  readonly type: 'application/json' | 'text/plain; charset=utf-8' | 'text/html; charset=utf-8';
  readonly body: string;
}

const json = (status: number, body: string): Answer => ({ status, type: 'application/json', body });
const text = (status: number, body: string): Answer => ({ status, type: 'text/plain; charset=utf-8', body });

async function readBody(request: IncomingMessage): Promise<URLSearchParams> {
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY)
      throw new QueryError('bad_data', 'error parsing form values: http: request body too large');
    chunks.push(chunk);
  }
  return new URLSearchParams(form ? Buffer.concat(chunks).toString() : '');
}

async function answerApi(context: ApiContext, path: string, parameters: Parameters): Promise<Answer> {
  const label = /^\/api\/v1\/label\/([^/]*)\/values$/.exec(path)?.[1];
  if (label !== undefined) return json(200, labelValues(context, parameters, decodeURIComponent(label)));
  const handler = API[path];
  if (handler !== undefined) {
    const body = await handler(context, parameters);
    return body === undefined ? text(204, '') : json(200, body);
  }
  return json(404, errorJson('not_found', `the embedded Prometheus does not know ${path}`));
}

async function answer(context: ApiContext, path: string, parameters: Parameters): Promise<Answer> {
  switch (path) {
    case '/-/healthy':
      return text(200, 'Prometheus Server is Healthy.\n');
    case '/-/ready':
      return text(200, 'Prometheus Server is Ready.\n');
    case '/':
    case '/graph':
    case '/query':
      return { status: 200, type: 'text/html; charset=utf-8', body: await graphPage(context, parameters) };
    default:
      return path.startsWith('/api/')
        ? answerApi(context, path, parameters)
        : text(404, '404 page not found\n');
  }
}

function send(response: ServerResponse, { status, type, body }: Answer, fault: Fault | undefined): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  if (fault === undefined || !('truncateAt' in fault)) response.end(bytes);
  else response.write(bytes.subarray(0, fault.truncateAt), () => response.destroy());
}

/** What a request is answered with, errors included. */
async function respond(context: ApiContext, request: ReceivedRequest): Promise<Answer> {
  if (!['GET', 'POST', 'HEAD'].includes(request.method)) return text(405, 'Method Not Allowed\n');
  return answer(context, request.path, request.parameters);
}

function failed(error: unknown): Answer {
  if (error instanceof QueryError) return json(STATUS[error.type], errorJson(error.type, error.message));
  return json(500, errorJson('internal', error instanceof Error ? error.message : String(error)));
}

async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const parameters = createParameters(await readBody(request), searchParams);
  return { method: request.method ?? 'GET', path: pathname, headers: request.headers, parameters };
}

function createHandler(options: PrometheusServerOptions, faults: Faults) {
  const { samples, clock, lookback = ms(5 * MINUTE), versionBehavior = PROMETHEUS_3, onRequest } = options;
  const context: ApiContext = {
    samples,
    now: () => clock.now(),
    settings: { source: samples, versionBehavior, lookback },
  };

  return async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const fault = faults.current();
    response.setHeader('date', new Date(clock.now()).toUTCString());
    try {
      const request = await receive(incoming);
      onRequest?.(request);
      if (answeredByFault(fault, response)) return;
      if (fault !== undefined && 'slowMs' in fault) await delay(fault.slowMs, undefined, { ref: false });
      send(response, await respond(context, request), fault);
    } catch (error) {
      send(response, failed(error), fault);
    }
  };
}

/** Creates a server that answers Prometheus's HTTP API from a sample store. It replaces a Prometheus in the demo and in tests. */
export function createPrometheusServer(options: PrometheusServerOptions): PrometheusServer {
  const faults = createFaults();
  const handle = createHandler(options, faults);
  const server: Server = createServer(KEEP_ALIVE, (request, response) => void handle(request, response));

  return {
    faults,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port ?? 0, '127.0.0.1', () => {
          server.off('error', reject);
          resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
        });
      }),
    close: () =>
      new Promise((resolve, reject) => {
        if (!server.listening) {
          resolve();
          return;
        }
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

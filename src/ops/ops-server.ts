import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type Matcher, parseMatchers } from '../lib/matcher.ts';
import type { ReadyCheck } from './readiness.ts';
import type { Telemetry } from './recorder.ts';
import type { RulesApi, RulesFilter } from './rules-api.ts';

export interface OpsServer {
  /** Where it listens. Port 0 asks for a free one. */
  listen(address: { port: number; host?: string }): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

const text = (status: number, body: string): Reply => ({ status, body: `${body}\n` });

/** An answer in the envelope of Prometheus's HTTP API. */
const json = (status: number, body: object): Reply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

async function apiReply(ask: () => Promise<object>): Promise<Reply> {
  try {
    return json(200, { status: 'success', data: await ask() });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return json(503, { status: 'error', errorType: 'unavailable', error: error.message });
  }
}

/** The parameters of `/api/v1/rules` that concern alerting rules, by Prometheus's names; or what is wrong with them. */
function rulesFilter(query: URLSearchParams): RulesFilter | string {
  const type = query.get('type');
  if (type !== null && type !== 'alert' && type !== 'record')
    return `invalid parameter "type": not supported value ${JSON.stringify(type)}`;
  const matchers: (readonly Matcher[])[] = [];
  for (const selector of query.getAll('match[]')) {
    const read = parseMatchers(selector);
    if (!read.ok) return `invalid parameter "match[]": ${JSON.stringify(selector)} ${read.message}`;
    matchers.push(read.matchers);
  }
  return {
    type: type === null ? undefined : type,
    names: query.getAll('rule_name[]'),
    groups: query.getAll('rule_group[]'),
    files: query.getAll('file[]'),
    matchers,
    excludeAlerts: /^(?:1|t|true)$/i.test(query.get('exclude_alerts') ?? ''),
  };
}

async function rulesReply(api: RulesApi, query: URLSearchParams): Promise<Reply> {
  const filter = rulesFilter(query);
  if (typeof filter === 'string') return json(400, { status: 'error', errorType: 'bad_data', error: filter });
  return await apiReply(() => api.rules(filter));
}

function readiness(checks: readonly ReadyCheck[]): Reply {
  const lines = checks.map(({ name, check }) => {
    const result = check();
    return result.ok
      ? { ok: true, line: `ok ${name}` }
      : { ok: false, line: `not ready: ${name}: ${result.detail}` };
  });
  return text(lines.every(({ ok }) => ok) ? 200 : 503, lines.map(({ line }) => line).join('\n'));
}

/**
 * The port for operators: `/healthz` (the process answers), `/readyz` (it does its job), `/metrics`, `POST /-/reload`,
 * and `/api/v1/rules` and `/api/v1/alerts` in Prometheus's JSON. It shows no secret and takes no input but the reload;
 * keep it inside the cluster all the same.
 */
export function createOpsServer(options: {
  telemetry: Telemetry;
  readyChecks: readonly ReadyCheck[];
  /** Answers with a sentence: what was loaded, or what was wrong. */
  reload: () => Promise<{ readonly ok: boolean; readonly message: string }>;
  rulesApi: RulesApi;
  logger: Logger;
}): OpsServer {
  const routes: Readonly<Record<string, (query: URLSearchParams) => Promise<Reply>>> = {
    'GET /healthz': async () => text(200, 'ok'),
    'GET /readyz': async () => readiness(options.readyChecks),
    'GET /metrics': async () => ({ status: 200, ...(await options.telemetry.metrics()) }),
    'GET /api/v1/rules': async (query) => await rulesReply(options.rulesApi, query),
    'GET /api/v1/alerts': async () => await apiReply(() => options.rulesApi.alerts()),
    'POST /-/reload': async () => {
      const { ok, message } = await options.reload();
      return text(ok ? 200 : 422, message);
    },
  };
  const paths = new Set(Object.keys(routes).map((route) => route.split(' ')[1]));

  async function reply(request: IncomingMessage): Promise<Reply> {
    const [path = '/', search] = (request.url ?? '/').split('?', 2);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    const route = routes[`${method} ${path}`];
    if (route !== undefined) return await route(new URLSearchParams(search));
    return paths.has(path)
      ? text(405, 'method not allowed')
      : text(404, `not found; try ${[...paths].join(', ')}`);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    try {
      const { status, contentType = 'text/plain; charset=utf-8', body } = await reply(request);
      response
        .writeHead(status, { 'content-type': contentType })
        .end(request.method === 'HEAD' ? undefined : body);
    } catch (error) {
      options.logger.error('an operator request failed', { path: request.url, error });
      response.writeHead(500).end('internal error\n');
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  return {
    listen: ({ port, host }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve({ port: (server.address() as AddressInfo).port }));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testPhrase } from '../commands/slo-test.ts';
import type { Evaluator } from '../evaluation/evaluator.ts';
import type { RestoreMessages } from '../evaluation/restore-messages.ts';
import type { SourceClock } from '../evaluation/source-clock.ts';
import type { TestAlerts } from '../evaluation/test-alert.ts';
import {
  discardBody,
  type HttpReply,
  hasToken,
  limitConnections,
  SERVER_LIMITS,
  type ServerLimits,
  text,
  UNAUTHORIZED,
} from '../http/server.ts';
import type { Clock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import { type Matcher, parseMatchers } from '../lib/matcher.ts';
import { between, epochMs, MINUTE, type Milliseconds, SECOND, utcTime } from '../lib/units.ts';
import type { ChannelCheck } from '../messages/channel-check.ts';
import type { Store } from '../messages/store.ts';
import type { MessageSync } from '../messages/sync.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { WEBHOOK_PATH, type Webhook } from './alertmanager-webhook.ts';
import type { Telemetry } from './metrics.ts';
import type { RulesApi, RulesFilter } from './rules-api.ts';

export interface OpsServer {
  /** Port 0 means any free port. */
  listen(address: { port: number; host?: string }): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

/** Of a request whose body is not read, in bytes. */
const MAX_BODY = 64 * 1_024;

/** A reply in the format of Prometheus's HTTP API. */
const json = (status: number, body: object): HttpReply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

async function apiReply(read: () => Promise<object>): Promise<HttpReply> {
  try {
    return json(200, { status: 'success', data: await read() });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return json(503, { status: 'error', errorType: 'unavailable', error: error.message });
  }
}

/** The parameters of `/api/v1/rules` that apply to alerting rules, or an error in Prometheus's wording. */
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
    type: type ?? undefined,
    names: query.getAll('rule_name[]'),
    groups: query.getAll('rule_group[]'),
    files: query.getAll('file[]'),
    matchers,
    excludeAlerts: /^(?:1|t|true)$/i.test(query.get('exclude_alerts') ?? ''),
  };
}

async function rulesReply(api: RulesApi, query: URLSearchParams): Promise<HttpReply> {
  const filter = rulesFilter(query);
  if (typeof filter === 'string') return json(400, { status: 'error', errorType: 'bad_data', error: filter });
  return await apiReply(() => api.rules(filter));
}

/** The parameters `service`, `channel` and `mention` are those of `tailwatch test-notification`. */
async function testReply(tests: Pick<TestAlerts, 'start'>, query: URLSearchParams): Promise<HttpReply> {
  const service = query.get('service') ?? undefined;
  const mentions = query.get('mention') === 'true';
  return await apiReply(async () => {
    const outcome = await tests.start({ service, channel: query.get('channel') ?? undefined, mentions });
    return {
      isPosted: outcome.kind === 'posted',
      text: plainText(testPhrase(outcome, { service, mentions })),
    };
  });
}

/** A phrase for a terminal. */
const plainText = (phrase: Phrase): string =>
  phrase
    .map((part) => (typeof part === 'string' ? part : 'at' in part ? `${utcTime(part.at)} UTC` : ''))
    .join('');

/** Paths that need the token, where one is set: what changes the bot, and what shows rules and alerts. */
const isProtected = (path: string): boolean => path === '/-/reload' || path.startsWith('/api/');

/** A condition of readiness. `problem` describes why it is not met; undefined when it is. */
export interface ReadyCheck {
  readonly name: string;
  readonly problem: () => string | undefined;
  /** The bot is ready in spite of the problem, which is only named. */
  readonly isWarning?: true;
}

/** The last evaluation is recent when it is no older than this many of the shortest interval, or than the minimum. */
const RECENT_INTERVALS = 3;
const RECENT_AT_LEAST: Milliseconds = MINUTE;

/** The conditions of `/readyz`: Slack is connected and accepts messages, the store is open, the last evaluation is recent. */
export function readyChecks(deps: {
  readonly clock: Pick<Clock, 'now'>;
  readonly evaluator: Pick<Evaluator, 'lastEvaluatedAt'>;
  readonly store: Pick<Store, 'isOpen'> & { readonly problem?: () => string | undefined };
  readonly restoring: Pick<RestoreMessages, 'problem'>;
  readonly channelCheck: Pick<ChannelCheck, 'problems'>;
  readonly sync: Pick<MessageSync, 'refusal'>;
  readonly slack: { problem(): string | undefined };
  readonly ruleSet: () => RuleSet;
  readonly sourceClock: Pick<SourceClock, 'problem'>;
}): readonly ReadyCheck[] {
  const { clock, evaluator, store, restoring, sync, slack, ruleSet } = deps;
  const slackProblem = (): string | undefined => {
    const problem = slack.problem();
    if (problem !== undefined) return problem;
    const refusal = sync.refusal();
    return refusal === undefined ? undefined : `refuses messages: ${refusal.code}`;
  };
  const storeProblem = (): string | undefined =>
    store.problem?.() ?? (store.isOpen() ? restoring.problem() : 'not open');
  const evaluationProblem = (): string | undefined => {
    const { groups } = ruleSet();
    if (groups.length === 0) return undefined;
    const last = evaluator.lastEvaluatedAt();
    if (last === undefined) return 'not started';
    const shortest = Math.min(...groups.map(({ interval }) => interval));
    const age = between(last, clock.now());
    const isRecent = age <= Math.max(RECENT_AT_LEAST, RECENT_INTERVALS * shortest);
    return isRecent ? undefined : `last evaluation ${Math.round(age / SECOND)} s ago`;
  };
  return [
    { name: 'slack', problem: slackProblem },
    { name: 'channels', problem: () => deps.channelCheck.problems().join(' ') || undefined },
    { name: 'store', problem: storeProblem },
    { name: 'evaluation', problem: evaluationProblem },
    { name: 'clock', problem: deps.sourceClock.problem },
  ];
}

function readiness(checks: readonly ReadyCheck[]): HttpReply {
  const results = checks.map(({ name, problem, isWarning }) => ({ name, problem: problem(), isWarning }));
  const lines = results.map(({ name, problem, isWarning }) =>
    problem === undefined
      ? `ok ${name}`
      : `${isWarning === true ? 'warning' : 'not ready'}: ${name}: ${problem}`,
  );
  const isReady = results.every(({ problem, isWarning }) => problem === undefined || isWarning === true);
  return text(isReady ? 200 : 503, lines.join('\n'));
}

export interface OpsServerOptions {
  telemetry: Telemetry;
  readyChecks: readonly ReadyCheck[];
  /** `message`: what was loaded, or what is wrong. */
  reload: () => Promise<{ readonly ok: boolean; readonly message: string }>;
  rulesApi: RulesApi;
  store: Pick<Store, 'ledger'>;
  tests: Pick<TestAlerts, 'start'>;
  logger: Logger;
  /** For slow clients; absent: those of every server. */
  limits?: ServerLimits;
  /** Absent: nothing needs a token. */
  token?: string;
  /** Takes alerts from Alertmanager, with a token of its own; absent: there is no such route. */
  webhook?: Webhook;
}

type Routes = Readonly<
  Record<string, (query: URLSearchParams, request: IncomingMessage) => Promise<HttpReply>>
>;

const routesOf = ({
  readyChecks,
  telemetry,
  rulesApi,
  store,
  reload,
  webhook,
  tests,
}: OpsServerOptions): Routes => ({
  'GET /healthz': async () => text(200, 'ok'),
  'GET /readyz': async () => readiness(readyChecks),
  'GET /metrics': async () => ({ status: 200, ...(await telemetry.metrics()) }),
  'GET /api/v1/rules': async (query) => await rulesReply(rulesApi, query),
  'GET /api/v1/alerts': async () => await apiReply(() => rulesApi.alerts()),
  'GET /api/v1/ledger': async () => await apiReply(() => store.ledger({ since: epochMs(0) })),
  'POST /api/v1/test-notification': async (query) => await testReply(tests, query),
  'POST /-/reload': async () => {
    const { ok, message } = await reload();
    return text(ok ? 200 : 422, message);
  },
  ...(webhook === undefined
    ? {}
    : { [`POST ${WEBHOOK_PATH}`]: async (_, request: IncomingMessage) => await webhook.reply(request) }),
});

/**
 * The operations port: `/healthz`, `/readyz`, `/metrics`, `POST /-/reload`, `/api/v1/rules` and `/api/v1/alerts` in
 * Prometheus's JSON, `/api/v1/ledger`, `POST /api/v1/test-notification`, and `POST /webhooks/alertmanager`. It shows no
 * secrets, but should not leave the cluster. Where a token is set, the API and the reload need it; the webhook has its own.
 */
export function createOpsServer(options: OpsServerOptions): OpsServer {
  const routes = routesOf(options);
  const paths = new Set(Object.keys(routes).map((route) => route.split(' ')[1]));

  async function reply(request: IncomingMessage): Promise<HttpReply> {
    const [path = '/', search] = (request.url ?? '/').split('?', 2);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    const route = routes[`${method} ${path}`];
    if (route !== undefined) return await route(new URLSearchParams(search), request);
    if (path === WEBHOOK_PATH && options.webhook === undefined)
      return text(404, 'not found: set ALERTMANAGER_TOKEN to take alerts from Alertmanager');
    return paths.has(path)
      ? text(405, 'method not allowed')
      : text(404, `not found; try ${[...paths].join(', ')}`);
  }

  /** The token that a path needs, if any. */
  const tokenOf = (path: string | undefined): string | undefined => {
    if (path === WEBHOOK_PATH) return options.webhook?.token;
    return isProtected(path ?? '') ? options.token : undefined;
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? '/').split('?', 1);
    const token = tokenOf(path);
    const isAllowed = token === undefined || hasToken(request, token);
    const isRead = isAllowed && token !== undefined && path === WEBHOOK_PATH && request.method === 'POST';
    if (!isRead) discardBody(request, response, MAX_BODY);
    try {
      const answered = isAllowed ? await reply(request) : UNAUTHORIZED;
      const { status, contentType = 'text/plain; charset=utf-8', headers, body } = answered;
      response
        .writeHead(status, { 'content-type': contentType, ...headers })
        .end(request.method === 'HEAD' ? undefined : body);
    } catch (error) {
      options.logger.error('request to the operations port failed', { path: request.url, error });
      response.writeHead(500).end('internal error\n');
    }
  }

  const server = createServer(
    options.limits ?? SERVER_LIMITS,
    (request, response) => void answer(request, response),
  );
  limitConnections(server);
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

import { applyAnswer } from './answers.ts';
import { SlackApiError } from './api-error.ts';
import { type RecordedCall, redact } from './calls.ts';
import { type Args, textArg } from './content.ts';
import type { Faults } from './faults.ts';
import {
  type Exchange,
  type HttpAnswer,
  json,
  parseArgs,
  rateLimited,
  readBody,
  respond,
  write,
} from './http.ts';
import type { RateLimits } from './rate-limits.ts';
import type { SocketHub } from './socket-hub.ts';
import type { WorkspaceState } from './state.ts';
import { answer, authorize, webApiMethods } from './web-api/dispatch.ts';
import type { ApiMethod } from './web-api/method.ts';

export interface Routing {
  readonly state: WorkspaceState;
  readonly faults: Faults;
  readonly record: (call: RecordedCall) => void;
  readonly socket: SocketHub;
  readonly rateLimits: RateLimits | undefined;
}

/** Slack's own addresses. The promise says whether the request was for one of them. */
export function createRoutes(routing: Routing): (exchange: Exchange) => Promise<boolean> {
  const methods: Readonly<Record<string, ApiMethod>> = {
    ...webApiMethods,
    'apps.connections.open': {
      scopes: ['connections:write'],
      tier: 'tier-1',
      token: 'app',
      run: (state) => ({ url: routing.socket.openUrl(state.connection.publicUrl) }),
    },
  };
  return async (exchange) => {
    const { path } = exchange;
    if (path.startsWith('/api/')) await callMethod(routing, methods, exchange);
    else if (path.startsWith('/commands/') || path.startsWith('/actions/'))
      await answerUrl(routing, exchange);
    else if (path.startsWith('/upload/')) await upload(routing, exchange);
    else if (path.startsWith('/files-pri/')) showFile(routing, exchange);
    else return false;
    return true;
  };
}

async function callMethod(
  { state, faults, record, rateLimits }: Routing,
  methods: Readonly<Record<string, ApiMethod>>,
  exchange: Exchange,
): Promise<void> {
  const { request, path, query } = exchange;
  const at = state.clock.now();
  const body = (await readBody(request)).toString('utf8');
  const parsed = parseArgs(request.headers['content-type'] ?? '', body, query);
  const args = parsed ?? {};
  const name = path.slice('/api/'.length);
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? textArg(args, 'token');
  const named = textArg(args, 'channel') ?? textArg(args, 'channel_id');
  // A channel may be called by its name or its id: both are the same channel to faults and rate limits.
  const channel = named === undefined ? undefined : (state.conversations.channel(named)?.id ?? named);
  const fault = faults.strike({ method: name, channel });
  const outcome = await respond(exchange, fault, () => {
    if (parsed === undefined) return json({ ok: false, error: 'invalid_json' }, 'invalid_json');
    const api = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (api === undefined)
      return json({ ok: false, error: 'unknown_method', req_method: name }, 'unknown_method');
    const wait = rateLimits?.take(api.tier, api.tier === 'message' ? `${name} ${channel ?? ''}` : name) ?? 0;
    if (wait > 0) return rateLimited(wait);
    const result = answer(() => {
      authorize(state, api, token);
      return api.run(state, args);
    });
    return withScopes(json(result, result.ok ? 'ok' : String(result['error'])), state, api);
  });
  record({ method: name, args: redact(args), outcome, at });
}

const withScopes = (reply: HttpAnswer, state: WorkspaceState, api: ApiMethod): HttpAnswer => ({
  ...reply,
  headers: {
    ...reply.headers,
    'x-oauth-scopes': [...state.scopes].join(','),
    'x-accepted-oauth-scopes': api.scopes.join(','),
  },
});

/** A POST to a response_url: answered with `ok`, or with an error and a status that is not 200. */
async function answerUrl({ state, faults, record }: Routing, exchange: Exchange): Promise<void> {
  const { request, path } = exchange;
  const at = state.clock.now();
  const body = (await readBody(request)).toString('utf8');
  const args = parseArgs('application/json', body, new URLSearchParams()) ?? formPayload(body);
  const fault = faults.strike({ method: 'response_url', channel: undefined });
  const outcome = await respond(exchange, fault, () => postAnswer(state, path, args));
  record({ method: 'response_url', args: redact(args), outcome, at });
}

/** The older way to post to a response_url: a form with JSON in `payload`. */
const formPayload = (body: string): Args => {
  const payload = new URLSearchParams(body).get('payload') ?? '';
  return parseArgs('application/json', payload, new URLSearchParams()) ?? {};
};

function postAnswer(state: WorkspaceState, path: string, args: Args): HttpAnswer {
  try {
    const target = state.responseUrls.target(path);
    if (target === undefined) return json({ ok: false, error: 'invalid_url' }, 'invalid_url', 404);
    applyAnswer(state, target, args);
    state.responseUrls.spend(path);
    return {
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: 'ok',
      outcome: 'ok',
    };
  } catch (error) {
    if (!(error instanceof SlackApiError)) throw error;
    const isGone = error.code === 'used_url' || error.code === 'expired_url';
    return json({ ok: false, error: error.code, ...error.details }, error.code, isGone ? 404 : 400);
  }
}

async function upload({ state, faults, record }: Routing, exchange: Exchange): Promise<void> {
  const { request, path } = exchange;
  const at = state.clock.now();
  const content = await fileContent(await readBody(request), request.headers['content-type'] ?? '');
  const fault = faults.strike({ method: 'upload', channel: undefined });
  const outcome = await respond(exchange, fault, () => {
    const isKnown = state.files.receive(path.split('/').at(-1) ?? '', content);
    return isKnown
      ? { status: 200, body: `OK - ${content.length}`, outcome: 'ok' }
      : { status: 404, body: 'not found', outcome: 'not_found' };
  });
  record({ method: 'upload', args: { length: content.length }, outcome, at });
}

/** The bytes of an upload: the body as it is, or the first file of a form. */
async function fileContent(body: Buffer, contentType: string): Promise<Buffer> {
  if (!contentType.startsWith('multipart/form-data')) return body;
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': contentType },
  }).formData();
  const file = [...form.values()].find((value) => typeof value !== 'string');
  return file === undefined ? Buffer.alloc(0) : Buffer.from(await (file as Blob).arrayBuffer());
}

const IMAGE_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
};

/** Uploaded files, for the web page. Slack asks for a session here; the stand-in is on the loopback address only. */
function showFile({ state }: Routing, { path, response }: Exchange): void {
  const file = state.files.find(path.split('/')[3] ?? '');
  if (file === undefined || !file.isComplete) {
    write(response, { status: 404, body: 'not found', outcome: 'not_found' });
    return;
  }
  const type = IMAGE_TYPES[file.name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(file.content);
}

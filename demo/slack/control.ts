import { z } from 'zod';
import type { Milliseconds } from '../../src/lib/units.ts';
import type { RecordedCall } from './calls.ts';
import type { Fault, Faults } from './faults.ts';
import { type Exchange, type HttpAnswer, json, parseArgs, readBody, write } from './http.ts';
import type { SocketHub } from './socket-hub.ts';
import type { SlackWorkspace } from './workspace.ts';

/** What the control API reaches. */
export interface Controlled {
  readonly workspace: SlackWorkspace;
  readonly faults: Faults;
  readonly calls: () => readonly RecordedCall[];
  readonly socket: SocketHub;
}

type Action = (control: Controlled, input: { args: unknown; query: URLSearchParams }) => unknown;

const count = z.int().min(0).exactOptional();
const faultShape = z.strictObject({
  method: z.string(),
  channel: z.string().exactOptional(),
  times: count,
  after: count,
  do: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('rate-limit'), retryAfterSeconds: z.number() }),
    z.strictObject({ kind: z.literal('http'), status: z.int(), body: z.string().exactOptional() }),
    z.strictObject({ kind: z.enum(['reset-before-accept', 'reset-after-accept', 'stall']) }),
    z.strictObject({
      kind: z.literal('slow'),
      delay: z.number().transform((delay) => delay as Milliseconds),
    }),
    z.strictObject({
      kind: z.literal('error'),
      error: z.string(),
      details: z.record(z.string(), z.unknown()).exactOptional(),
    }),
  ]),
}) satisfies z.ZodType<Fault>;

const typedShape = z.object({
  userId: z.string(),
  channelId: z.string(),
  text: z.string(),
  threadTs: z.string().exactOptional(),
});
const pressShape = z.object({
  userId: z.string(),
  channelId: z.string(),
  messageTs: z.string(),
  blockId: z.string(),
  actionId: z.string(),
  selectedValue: z.string().exactOptional(),
});
const submitShape = z.object({
  viewId: z.string(),
  userId: z.string(),
  values: z.record(z.string(), z.record(z.string(), z.unknown())),
});
const messageShape = z.object({ channelId: z.string(), ts: z.string() });
const channelShape = z.object({ channelId: z.string() });
const disconnectShape = z.object({
  reason: z.enum(['warning', 'refresh_requested', 'link_disabled', 'too_many_websockets']),
});
const attemptsShape = z.object({ attempts: z.int().min(0) });

const actions: Readonly<Record<string, Action>> = {
  'GET /control/calls': ({ calls }) => calls(),
  'GET /control/faults': ({ faults }) => faults.list(),
  'POST /control/faults': ({ faults }, { args }) => {
    faults.add(faultShape.parse(args));
    return faults.list();
  },
  'DELETE /control/faults': ({ faults }) => {
    faults.clear();
    return [];
  },
  'GET /control/channels': ({ workspace }) => workspace.channels(),
  'GET /control/users': ({ workspace }) => workspace.users(),
  'GET /control/messages': ({ workspace }, { query }) => {
    const [channel, reader, thread] = [
      query.get('channel') ?? '',
      query.get('reader') ?? '',
      query.get('thread'),
    ];
    return thread === null ? workspace.messages(channel, reader) : workspace.thread(channel, thread, reader);
  },
  'GET /control/views': ({ workspace }, { query }) => workspace.openViews(query.get('user') ?? ''),
  'POST /control/type': ({ workspace }, { args }) => workspace.type(typedShape.parse(args)),
  'POST /control/press': ({ workspace }, { args }) => workspace.press(pressShape.parse(args)),
  'POST /control/submit': ({ workspace }, { args }) => workspace.submitView(submitShape.parse(args)),
  'POST /control/delete': ({ workspace }, { args }) => {
    const { channelId, ts } = messageShape.parse(args);
    workspace.deleteMessage(channelId, ts);
    return { ok: true };
  },
  'POST /control/archive': ({ workspace }, { args }) => {
    workspace.archiveChannel(channelShape.parse(args).channelId);
    return { ok: true };
  },
  'POST /control/socket/disconnect': ({ socket }, { args }) => ({
    disconnected: socket.disconnect(disconnectShape.parse(args).reason),
  }),
  'POST /control/socket/drop': ({ socket }) => ({ dropped: socket.drop() }),
  'POST /control/socket/refuse': ({ socket }, { args }) => {
    socket.refuseNext(attemptsShape.parse(args).attempts);
    return { ok: true };
  },
};

/**
 * The control API for tests and demos, JSON in and out, under `/control/`. It answers under a loopback name only, so
 * that no page of the web can steer it through a browser. Resolves to false for other paths.
 */
export async function handleControl(
  control: Controlled,
  { request, response, path, query }: Exchange,
): Promise<boolean> {
  if (!path.startsWith('/control/')) return false;
  const body = (await readBody(request)).toString('utf8');
  const answer = isLocal(request.headers.host, request.headers.origin)
    ? await run(control, `${request.method ?? 'GET'} ${path}`, { body, query })
    : json({ error: 'forbidden' }, 'forbidden', 403);
  write(response, answer);
  return true;
}

const LOCAL = /^(?:https?:\/\/)?(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;
const isLocal = (host: string | undefined, origin: string | undefined): boolean =>
  LOCAL.test(host ?? '') && (origin === undefined || LOCAL.test(origin));

async function run(
  control: Controlled,
  key: string,
  { body, query }: { body: string; query: URLSearchParams },
): Promise<HttpAnswer> {
  const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
  if (action === undefined) return json({ error: 'not_found' }, 'not_found', 404);
  const args = parseArgs('application/json', body, new URLSearchParams());
  if (args === undefined) return json({ error: 'the body is no JSON object' }, 'invalid_json', 400);
  try {
    return json(await action(control, { args, query }));
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return json({ error: z.prettifyError(error) }, 'bad_request', 400);
  }
}

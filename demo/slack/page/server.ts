import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EpochMs } from '../../../src/lib/units.ts';
import type { Channel, Workspace } from '../model.ts';
import { assetFor } from './assets.ts';
import { broadcastWorkspace } from './broadcast.ts';
import type { CommandHint } from './composer.tsx';
import { channelPath } from './context.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import { isFromOwnPage, isLoopbackRequest, readJson, SECURITY_HEADERS } from './guard.ts';
import { renderPage, renderThread } from './page.tsx';
import { createPosts } from './posts.ts';
import { createReaderState, type ReaderState } from './state.ts';

export type { CommandHint } from './composer.tsx';

export interface WorkspacePageOptions {
  readonly workspace: Workspace;
  readonly clock: { now(): EpochMs };
  /** Who sits in front of the page. Times are in this person's zone. */
  readonly readerId: string;
  /** The workspace's name, above the channels. */
  readonly title?: string;
  /** The slash commands that the composer offers, with their usage. */
  readonly commands?: readonly CommandHint[];
}

/** The workspace as a web page. */
export interface WorkspacePage {
  /** Answers a request for the page; false when the path is none of its own, and nothing was answered. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** `handle`, with a 404 for every other path: the page as the last of several on one server. */
  readonly listener: RequestListener;
  /** Serves the page alone, on 127.0.0.1. Port 0 takes any free one. */
  listen(at: { readonly port: number }): Promise<{ readonly url: string }>;
  /** Shows a line above the messages, such as what is still starting; undefined takes it away. */
  setNotice(text: string | undefined): void;
  /** Ends the event streams and the server, and leaves the workspace. */
  close(): Promise<void>;
}

interface PageParts {
  readonly options: WorkspacePageOptions;
  readonly token: string;
  readonly state: ReaderState;
  readonly stream: EventStream;
  readonly posts: ReturnType<typeof createPosts>;
  notice: string | undefined;
}

/** Makes the page of a workspace for one reader. It begins to follow the workspace at once. */
export function createWorkspacePage(options: WorkspacePageOptions): WorkspacePage {
  const { workspace, readerId, clock } = options;
  const state = createReaderState({ workspace, readerId, clock });
  const stream = createEventStream(randomBytes(6).toString('hex'));
  const posts = createPosts({ workspace, readerId, state });
  const token = randomBytes(24).toString('base64url');
  const parts: PageParts = { options, token, state, stream, posts, notice: undefined };
  const unsubscribe = broadcastWorkspace({ workspace, readerId, state, stream });
  const handle = (request: IncomingMessage, response: ServerResponse): Promise<boolean> =>
    answer(parts, request, response);
  const listener: RequestListener = (request, response) => {
    void handle(request, response).then((done) => {
      if (!done) send(response, 404, { type: 'text/plain', body: 'Not found\n' });
    });
  };
  const server = createServer(listener);

  return {
    handle,
    listener,
    listen: ({ port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
        });
      }),
    setNotice: (text) => {
      parts.notice = text;
      stream.send({ type: 'notice', data: { text: text ?? '' } });
    },
    close: async () => {
      unsubscribe();
      stream.close();
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

interface Content {
  readonly type: string;
  readonly body: string;
}

function send(response: ServerResponse, status: number, { type, body }: Content): void {
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': `${type}; charset=utf-8` });
  response.end(body);
}

async function answer(
  parts: PageParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (!isLoopbackRequest(request)) {
    send(response, 403, { type: 'text/plain', body: 'This page answers on the loopback address only.\n' });
    return true;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  try {
    if (request.method === 'POST') return await answerPost(parts, request, response);
    if (request.method === 'GET' || request.method === 'HEAD')
      return answerGet(parts, { url, request, response });
    return false;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { ok: false, error: 'internal_error', detail });
    return true;
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, { type: 'application/json', body: JSON.stringify(body) });
}

async function answerPost(
  parts: PageParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const post = parts.posts[request.url ?? ''];
  if (post === undefined) return false;
  if (!isFromOwnPage(request, parts.token)) {
    sendJson(response, 403, { ok: false, error: 'not_from_this_page' });
    return true;
  }
  const { status, body } = await post(await readJson(request));
  sendJson(response, status, body);
  return true;
}

interface Get {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

function answerGet(parts: PageParts, { url, request, response }: Get): boolean {
  const asset = assetFor(url.pathname);
  if (asset !== undefined) {
    send(response, 200, asset);
    return true;
  }
  if (url.pathname === '/') return redirectToChannel(parts, response);
  if (url.pathname === '/events') {
    const lastEventId = request.headers['last-event-id'] ?? url.searchParams.get('after') ?? '';
    parts.stream.attach(response, String(lastEventId));
    return true;
  }
  const [, channelId, threadTs] = /^\/c\/(\w+)(?:\/thread\/([\d.]+))?$/.exec(url.pathname) ?? [];
  const channel = channelId === undefined ? undefined : parts.state.channel(channelId);
  if (channel === undefined) return false;
  const body =
    threadTs === undefined ? pageOf(parts, channel, url.searchParams) : threadOf(parts, channel, threadTs);
  send(response, 200, { type: 'text/html', body });
  return true;
}

function redirectToChannel({ state }: PageParts, response: ServerResponse): boolean {
  const channel = state.firstChannel();
  if (channel === undefined) return false;
  response.writeHead(302, { location: channelPath(channel.id), 'cache-control': 'no-store' });
  response.end();
  return true;
}

function threadOf({ state }: PageParts, channel: Channel, threadTs: string): string {
  const thread = state.thread(channel.id, threadTs);
  return thread === undefined ? '' : renderThread(thread, state.context());
}

/** Messages in a page; the older ones are a click away. */
const FIRST_MESSAGES = 200;

function pageOf(parts: PageParts, channel: Channel, query: URLSearchParams): string {
  const { options, state, stream, token, notice } = parts;
  state.markRead(channel.id);
  const threadTs = query.get('thread');
  const thread = threadTs === null ? undefined : state.thread(channel.id, threadTs);
  const entries = state.entries(channel.id, query.has('all') ? Number.POSITIVE_INFINITY : FIRST_MESSAGES);
  const view = options.workspace.openViews(options.readerId).at(-1);
  return renderPage(
    {
      title: options.title ?? 'Tailwatch demo',
      channel,
      channels: state.channels(),
      entries,
      older: state.count(channel.id) - entries.length,
      commands: options.commands ?? [],
      token,
      lastEventId: stream.lastEventId(),
      ...(thread === undefined ? {} : { thread }),
      ...(view === undefined ? {} : { view }),
      ...(notice === undefined ? {} : { notice }),
    },
    state.context(),
  );
}

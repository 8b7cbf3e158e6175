import type { ServerResponse } from 'node:http';

/** What the page sends to its browsers, in the order in which it happened. */
export type PageEvent =
  | { readonly type: 'message'; readonly data: MessageEventData }
  | { readonly type: 'reply'; readonly data: ReplyEventData }
  | {
      readonly type: 'removed';
      readonly data: { readonly channelId: string; readonly ts: string; readonly threadTs?: string };
    }
  | {
      readonly type: 'channel';
      readonly data: { readonly channelId: string; readonly html: string; readonly isArchived: boolean };
    }
  | { readonly type: 'view'; readonly data: { readonly html: string } }
  | { readonly type: 'notice'; readonly data: { readonly text: string } }
  | { readonly type: 'reload'; readonly data: Readonly<Record<string, never>> };

interface MessageEventData {
  readonly channelId: string;
  readonly ts: string;
  readonly html: string;
  /** Whether the message is new, and so makes its channel unread and is read out. */
  readonly isNew: boolean;
  readonly isOwn: boolean;
  /** What a screen reader says of it. */
  readonly spoken: string;
}

interface ReplyEventData extends MessageEventData {
  readonly threadTs: string;
}

/** Server-sent events to every open browser, with a memory that lets each one go on where it stopped. */
export interface EventStream {
  /** The id of the newest event; a page that holds everything up to here requests what comes after it. */
  lastEventId(): string;
  /** Whether a page has requested that: before it, nobody can come for an event, and none need be drawn. */
  isFollowed(): boolean;
  send(event: PageEvent): void;
  /** Answers a request for the stream: first what happened after `lastEventId`, then whatever comes. */
  attach(response: ServerResponse, lastEventId: string): void;
  close(): void;
}

/** Events kept for browsers that were away; one that missed more must load the page again. */
const MEMORY = 500;
/** A browser that has not read for this many bytes is cut off; it comes back by itself and catches up. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

/** @param runId names this run: an id of an earlier run means that the browser has to start anew. */
export function createEventStream(runId: string): EventStream {
  const browsers = new Set<ServerResponse>();
  let sent = 0;
  let isFollowed = false;
  let memory: { readonly number: number; readonly wire: string }[] = [];

  const wireOf = (event: PageEvent, number: number): string =>
    `id: ${runId}.${number}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;

  const write = (response: ServerResponse, wire: string): void => {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    else response.write(wire);
  };

  /** What a browser missed, or undefined when that is no longer known. */
  const missedSince = (lastEventId: string): readonly string[] | undefined => {
    const number = Number(lastEventId.slice(runId.length + 1));
    const isOfThisRun = lastEventId.startsWith(`${runId}.`) && Number.isInteger(number) && number <= sent;
    if (!isOfThisRun || number < sent - memory.length) return undefined;
    return memory.filter((event) => event.number > number).map((event) => event.wire);
  };

  return {
    lastEventId: () => {
      isFollowed = true;
      return `${runId}.${sent}`;
    },
    isFollowed: () => isFollowed,
    send: (event) => {
      sent += 1;
      const wire = wireOf(event, sent);
      memory = [...memory.slice(1 - MEMORY), { number: sent, wire }];
      for (const browser of browsers) write(browser, wire);
    },
    attach: (response, lastEventId) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.write('retry: 1000\n\n');
      const missed = missedSince(lastEventId) ?? [wireOf({ type: 'reload', data: {} }, sent)];
      for (const wire of missed) write(response, wire);
      browsers.add(response);
      response.on('close', () => browsers.delete(response));
    },
    close: () => {
      for (const browser of browsers) browser.end();
      browsers.clear();
    },
  };
}

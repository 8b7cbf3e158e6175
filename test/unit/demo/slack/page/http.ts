import { type IncomingHttpHeaders, request as send } from 'node:http';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One HTTP exchange that may name any host, which `fetch` does not allow. Redirects are not followed. */
export function request(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method, headers: { connection: 'close', ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** An event of a stream, its data parsed. */
export interface StreamEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventReader {
  /** The next `count` events in the order in which they came. */
  take(count: number): Promise<readonly StreamEvent[]>;
  close(): void;
}

/** Opens a stream of server-sent events; resolves once the server has begun it. */
export function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { headers }, (response) => {
      let buffer = '';
      const events: StreamEvent[] = [];
      const waiting: (() => void)[] = [];
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const parts = (buffer + chunk).split('\n\n');
        buffer = parts.pop() ?? '';
        events.push(...parts.flatMap(parseEvent));
        for (const wake of waiting.splice(0)) wake();
      });
      response.on('error', () => undefined);
      resolve({
        take: async (count) => {
          while (events.length < count) await new Promise<void>((wake) => waiting.push(wake));
          return events.splice(0, count);
        },
        close: () => outgoing.destroy(),
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function parseEvent(text: string): readonly StreamEvent[] {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return field('event') === ''
    ? []
    : [{ id: field('id'), type: field('event'), data: JSON.parse(field('data')) }];
}

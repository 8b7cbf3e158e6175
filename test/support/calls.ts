import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { settle } from './virtual-clock.ts';

/** The HTTP calls that this thread has under way, of whoever makes them. */
export interface Calls {
  /** Ends when no call is under way, or none has begun or ended for a while: those that are left hang. */
  settled(): Promise<void>;
  /** Ends when no call has begun or ended for a while, whether some are under way or not: all that is left sleeps or hangs. */
  stalled(): Promise<void>;
  close(): void;
}

/**
 * Turns of the event loop, each with a look at the sockets, after which what has not moved on does not: it sleeps when
 * no call is under way, and its call hangs otherwise. Counted in turns and not in time: on a machine that is slow, or
 * stopped for a while, a turn takes longer.
 */
const ASLEEP = { turns: 12, each: 2 };
const HANGING = { turns: 30, each: 10 };
/** The same for a call that nobody waits for: a hanging one should not hold up every second of a test. */
const ABANDONED = { turns: 8, each: 2 };
/** Turns of the event loop in which what was just read, stored or acknowledged leads to the next call. */
const BREATH = 3;

/** Starts watching. Connections that stay open after an upgrade are none of the calls. */
export function watchCalls(): Calls {
  const underWay = new Set<object>();
  let changes = 0;

  const begin = (call: object): void => {
    underWay.add(call);
    changes += 1;
  };
  const end = (call: object): void => {
    underWay.delete(call);
    changes += 1;
  };

  // Node's own client makes those of axios, undici those of fetch: https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
  const channels: Readonly<Record<string, (message: unknown) => void>> = {
    'http.client.request.start': (message) => {
      const { request } = message as { request: ClientRequest };
      if (request.getHeader('upgrade') !== undefined) return;
      begin(request);
      request.once('close', () => end(request));
    },
    'undici:request:create': (message) => {
      const { request } = message as { request: { upgrade?: string | null } };
      if (typeof request.upgrade !== 'string') begin(request);
    },
    'undici:request:trailers': (message) => end((message as { request: object }).request),
    'undici:request:error': (message) => end((message as { request: object }).request),
  };
  for (const [channel, hear] of Object.entries(channels)) subscribe(channel, hear);

  /** Ends after so many turns without a change, or when it is enough. */
  async function unchanged(after: () => typeof ASLEEP, isEnough: () => boolean): Promise<void> {
    let seen = changes;
    for (let still = 0; still < after().turns && !isEnough(); still = seen === changes ? still + 1 : 0) {
      seen = changes;
      await wait(after().each);
      await settle();
    }
  }

  async function breathe(): Promise<void> {
    for (let turn = 0; turn < BREATH; turn += 1) await settle();
  }

  return {
    async settled() {
      await breathe();
      await unchanged(
        () => ABANDONED,
        () => underWay.size === 0,
      );
    },
    stalled: () =>
      unchanged(
        () => (underWay.size === 0 ? ASLEEP : HANGING),
        () => false,
      ),
    close() {
      for (const [channel, hear] of Object.entries(channels)) unsubscribe(channel, hear);
    },
  };
}

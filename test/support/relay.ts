import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line of TCP between a program and a server, which a test can hold and cut. */
export interface Relay {
  readonly port: number;
  /** From the next time that a text is sent over it, no answer comes back; what is sent still arrives. */
  holdAnswersFrom(text: string): void;
  /** Whether that text has been sent. */
  isHolding(): boolean;
  /** Answers come again, from connections that are made from now on. */
  letGo(): void;
  /** New connections go to another port, as when an address moves to another machine. */
  connectTo(port: number): void;
  /** Breaks every connection and takes no new one, as when the machine of the program is gone. */
  cut(): Promise<void>;
}

/** Relays to a port of this machine. */
export async function startRelay(firstTarget: number): Promise<Relay> {
  let target = firstTarget;
  const sockets = new Set<Socket>();
  let awaited: string | undefined;
  let isHolding = false;

  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => {
      if (awaited !== undefined && chunk.includes(awaited)) {
        awaited = undefined;
        isHolding = true;
      }
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (!isHolding) near.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    holdAnswersFrom: (text) => {
      awaited = text;
    },
    isHolding: () => isHolding,
    letGo: () => {
      awaited = undefined;
      isHolding = false;
    },
    connectTo: (port) => {
      target = port;
    },
    async cut() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

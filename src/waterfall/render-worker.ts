import { parentPort } from 'node:worker_threads';
import { Resvg } from '@resvg/resvg-js';
import type { Waterfall } from '../traces/waterfall.ts';
import { openFonts } from './fonts.ts';
import { waterfallSvg } from './waterfall-svg.ts';

/*
 * The entry of the drawing thread: rasterizing takes 50 to 100 ms of CPU, which must not block the main thread. One message
 * is one picture; between two of them the event loop turns, which frees the native buffers of the last one.
 */

/** A message to the thread. */
export interface DrawRequest {
  readonly id: number;
  readonly waterfall: Waterfall;
}

/** A message from the thread: once that it is ready, then one reply per request. */
export type DrawReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'drawn'; readonly id: number; readonly png: Uint8Array }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string };

const fonts = openFonts();

function draw(waterfall: Waterfall): Uint8Array {
  const picture = new Resvg(waterfallSvg(waterfall, fonts), {
    // System fonts would change the picture from machine to machine, and take 20 ms to find.
    font: { loadSystemFonts: false, fontFiles: [...fonts.files], defaultFontFamily: 'Inter' },
  });
  return picture.render().asPng();
}

function replyTo({ id, waterfall }: DrawRequest): DrawReply {
  try {
    return { kind: 'drawn', id, png: draw(waterfall) };
  } catch (error) {
    return { kind: 'failed', id, reason: error instanceof Error ? error.message : 'unknown' };
  }
}

const send = (reply: DrawReply): void => parentPort?.postMessage(reply, []);
parentPort?.on('message', (request: DrawRequest) => send(replyTo(request)));
send({ kind: 'ready' });

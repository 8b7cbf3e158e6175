import { parentPort } from 'node:worker_threads';
import { Resvg } from '@resvg/resvg-js';
import type { Waterfall } from '../traces/waterfall.ts';
import { openFonts } from './fonts.ts';
import { THEMES, type ThemeName } from './theme.ts';
import { waterfallSvg } from './waterfall-svg.ts';

/**
 * The thread that draws: rasterising takes 50 to 100 ms of CPU, which the bot's own thread must not stand still for. One
 * message is one picture; between two of them the event loop turns, which is when the native buffers of the last are freed.
 */

/** What the thread is asked. */
export interface DrawRequest {
  readonly id: number;
  readonly waterfall: Waterfall;
  readonly theme: ThemeName;
}

/** What the thread says: once that it is ready, then one answer for each request. */
export type DrawReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'drawn'; readonly id: number; readonly png: Uint8Array }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string };

const fonts = openFonts();

function draw({ waterfall, theme }: DrawRequest): Uint8Array {
  const svg = waterfallSvg(waterfall, { fonts, theme: THEMES[theme] });
  const picture = new Resvg(svg, {
    // Only our own fonts: what a machine happens to have would change the picture, and costs 20 ms to look for.
    font: { loadSystemFonts: false, fontFiles: [...fonts.files], defaultFontFamily: 'Inter' },
  });
  return picture.render().asPng();
}

function answer(request: DrawRequest): DrawReply {
  try {
    return { kind: 'drawn', id: request.id, png: draw(request) };
  } catch (error) {
    return { kind: 'failed', id: request.id, reason: error instanceof Error ? error.message : 'unknown' };
  }
}

const say = (reply: DrawReply): void => parentPort?.postMessage(reply, []);
parentPort?.on('message', (request: DrawRequest) => {
  say(answer(request));
});
say({ kind: 'ready' });

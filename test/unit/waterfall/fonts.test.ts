import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  drawable,
  escapeXml,
  type FontWeight,
  firstDrawable,
  fit,
  fitOperation,
  openFonts,
} from '../../../src/waterfall/fonts.ts';

const fonts = openFonts();
const style = { fonts, size: 26, weight: 'regular' } as const;

/** How wide the rasteriser draws a text: without what a letter leaves free at its sides. */
function drawnWidth(text: string, weight: FontWeight): number {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="60"><text x="20" y="40" font-family="${fonts.family}" font-size="26" font-weight="${weight === 'semibold' ? 600 : 400}">${escapeXml(text)}</text></svg>`;
  const resvg = new Resvg(svg, { font: { loadSystemFonts: false, fontFiles: [...fonts.files] } });
  return resvg.getBBox()?.width ?? 0;
}

describe('the width of a text', () => {
  it.each([
    ['payments.shop', 'regular'],
    ['istio-ingressgateway.istio-system', 'semibold'],
    ['POST /api/v1/checkout?x=1&y=2', 'regular'],
    ['WWWWWWWW iiiiiiii', 'semibold'],
    ['0123456789 µs', 'regular'],
    ['платежи', 'regular'],
    ['תשלומים', 'regular'],
  ] as const)('%s in %s is what is drawn, to a few pixels', (text, weight) => {
    const measured = fonts.width(text, { size: 26, weight });
    const drawn = drawnWidth(text, weight);
    // Measured too narrow, a label would run into its other alert; kerning and side bearings make it a little wider.
    expect(drawn).toBeLessThanOrEqual(measured + 2);
    expect(drawn).toBeGreaterThan(measured * 0.88);
  });

  it('counts a character that no font has', () => {
    expect(fonts.has('支')).toBe(false);
    expect(fonts.width('支', style)).toBe(26);
  });
});

describe('a foreign text', () => {
  it.each([
    ['a\nb\tc', 'a b c'],
    ['  a   b ', 'a b'],
    ['pay\u202ements\u2069', 'pay ments'],
    ['a\u0000b', 'a b'],
    ['half \ud83e', 'half'],
    ['支払い/charge', '…/charge'],
    ['fox 🦊', 'fox …'],
    ['مدفوعات', 'مدفوعات'],
    ['<b>&amp;', '<b>&amp;'],
  ])('%j is drawn as %j', (text, shown) => {
    expect(drawable(text, fonts)).toBe(shown);
  });

  it.each([
    [['支付服务', 'pay-7c9f', 'span 1'], 'pay-7c9f'],
    [['支付', '/支付/收费', 'span 00f067aa0ba902b7'], 'span 00f067aa0ba902b7'],
    [['מדفوعات', 'pay'], 'מדفوعات'],
    [['types of fox 🦊', 'pay'], 'types of fox …'],
    [['', 'pay'], 'pay'],
    [['支付', ''], ''],
  ])('of the names %j the first one with known characters is drawn: %j', (names, shown) => {
    expect(firstDrawable(names, fonts)).toBe(shown);
  });

  it.each([
    ['oteldemo.v1.CurrencyService/Convert', '…rvice/Convert'],
    ['GET /api/v1/products/recommendations/top', 'GET …tions/top'],
    ['write_user_timeline_mongo_insert', 'write_user_tim…'],
    ['SELECT shop.orders WHERE', 'SELECT shop.…'],
  ])('%s keeps the part that differs', (name, shown) => {
    expect(fitOperation(name, 200, style)).toBe(shown);
  });

  it('is escaped for XML', () => {
    expect(escapeXml(`<a href="x">'&'</a>`)).toBe('&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;');
  });

  it('is cut to its room, and never wider', () => {
    for (let room = 0; room < 400; room += 7) {
      const shown = fit('payments.shop.svc.cluster.local', room, style);
      expect(fonts.width(shown, style)).toBeLessThanOrEqual(room);
      expect(shown === '' || shown.endsWith('…') || shown.length === 31).toBe(true);
    }
    expect(fit('short', 400, style)).toBe('short');
  });
});

describe('a font that is not there', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-font-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is an error, not a picture without text', () => {
    const missing = join(folder, 'missing.ttf');
    expect(() => openFonts({ regular: missing, semibold: missing, fallback: missing })).toThrow(
      'missing.ttf',
    );
  });

  it.each(['', 'wOF2 this is a web font, which the rasteriser does not read', '<html>'])(
    'nor is a file that is none: %j',
    async (content) => {
      const path = join(folder, 'other.ttf');
      await writeFile(path, content);
      expect(() => openFonts({ regular: path, semibold: path, fallback: path })).toThrow(
        'not a TrueType font',
      );
    },
  );
});

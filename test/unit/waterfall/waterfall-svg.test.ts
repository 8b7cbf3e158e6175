import { Resvg } from '@resvg/resvg-js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { us } from '../../../src/lib/units.ts';
import { createRedactTrace } from '../../../src/traces/redact-trace.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { type Waterfall, waterfallOf } from '../../../src/traces/waterfall.ts';
import { openFonts } from '../../../src/waterfall/fonts.ts';
import { COLORS, waterfallSvg } from '../../../src/waterfall/waterfall-svg.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { runsOf } from '../../support/runs.ts';
import { aWaterfall } from './a-waterfall.ts';

const fonts = openFonts();
const svgOf = (waterfall: Waterfall): string => waterfallSvg(waterfall, fonts);

/** The texts of a picture with where they stand; the SVG is ours, so that a pattern is enough to read it. */
function textsOf(svg: string) {
  return [
    ...svg.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)"[^>]*font-size="(\d+)"([^>]*)>([^<]*)<\/text>/gu),
  ].map(([, x, y, size, rest = '', text = '']) => ({
    x: Number(x),
    y: Number(y),
    size: Number(size),
    anchor: /text-anchor="(\w+)"/u.exec(rest)?.[1] ?? 'start',
    weight: rest.includes('font-weight') ? ('semibold' as const) : ('regular' as const),
    text: text.replace(/&(?:amp|lt|gt|quot|#39);/gu, (entity) => UNESCAPED[entity] ?? entity),
  }));
}
const UNESCAPED: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

/** From where to where a text reaches. */
function reachOf({ x, anchor, text, size, weight }: ReturnType<typeof textsOf>[number]): [number, number] {
  const width = fonts.width(text, { size, weight });
  if (anchor === 'end') return [x - width, x];
  return anchor === 'middle' ? [x - width / 2, x + width / 2] : [x, x + width];
}

const withNames = (service: string, operation: string): Waterfall => {
  const waterfall = aWaterfall();
  const rows = waterfall.rows.map((row) => ({ ...row, service, operation }));
  return { ...waterfall, service, operation, rows };
};

describe('a waterfall as SVG', () => {
  it('has the name and duration of every row, and the number of hidden spans', () => {
    const waterfall = aWaterfall({ hiddenSpans: 86 });
    const texts = textsOf(svgOf(waterfall)).map(({ text }) => text);
    for (const text of [
      'gateway',
      'checkout',
      '35 ms',
      'try 1/2',
      'try 2/2',
      'async',
      '+ 86 spans not shown',
    ])
      expect(texts).toContain(text);
    expect(texts).toContain(`trace ${waterfall.traceId}`);
  });

  it('draws the path in its colour, hatches the gaps, and marks what failed', () => {
    const svg = svgOf(aWaterfall());
    expect(svg.split(`fill="${COLORS.path}"`).length).toBeGreaterThan(3);
    expect(svg.split('fill="url(#hatch)"').length).toBeGreaterThan(3);
    expect(svg.match(/<circle/gu)).toHaveLength(1);
  });

  it('leaves out the namespace that all services share, and the package of an RPC that does not fit', () => {
    const { rows } = aWaterfall();
    const [service, operation] = [
      'checkout-with-a-very-long-name.shop',
      'demo.internal.currencies.v1.CurrencyService/Convert',
    ];
    const texts = textsOf(svgOf(aWaterfall({ rows: rows.map((row) => ({ ...row, service, operation })) })));
    expect(texts.map(({ text }) => text)).toContain('CurrencyService/Convert');
    expect(texts.map(({ text }) => text).join()).not.toContain('.shop');
  });

  it('points to where a row goes on beyond the picture', () => {
    const { rows } = aWaterfall();
    const [row] = rows;
    if (row === undefined) throw new Error('there is a row');
    const arrows = (start: number, duration: number): number =>
      (
        svgOf(aWaterfall({ rows: [{ ...row, start: us(start), duration: us(duration) }] })).match(
          /z" fill=/gu,
        ) ?? []
      ).length;
    expect([arrows(0, 1_000), arrows(-500_000, 1_000), arrows(0, 10_000_000), arrows(-1e9, 1e10)]).toEqual([
      0, 1, 1, 2,
    ]);
  });

  it('has no text below 11 pixels where a phone shows it 360 pixels wide', () => {
    for (const { size } of textsOf(svgOf(aWaterfall()))) expect(size).toBeGreaterThanOrEqual(37);
  });

  it('keeps texts apart and inside, whatever the names, to the pixel', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 400 }), (a, b) => {
        const byLine = new Map<number, [number, number][]>();
        for (const text of textsOf(svgOf(withNames(a, b)))) {
          const reach = reachOf(text);
          expect(reach[0]).toBeGreaterThanOrEqual(0);
          expect(reach[1]).toBeLessThanOrEqual(1_200);
          byLine.set(text.y, [...(byLine.get(text.y) ?? []), reach]);
        }
        for (const reaches of byLine.values()) {
          reaches.sort((one, other) => one[0] - other[0]);
          reaches.forEach((reach, i) => {
            expect(reach[0]).toBeGreaterThanOrEqual((reaches[i - 1]?.[1] ?? -1) - 1);
          });
        }
      }),
      { numRuns: runsOf(300) },
    );
  });

  it('is a picture for all names: no markup, control or direction characters', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom(
        '</text><script>alert(1)</script>',
        '&unknown; & < > " \'',
        '\u0000\u0007\u001b[31m\u202eeverse\u2066\ufeff\ud800',
        '支払い 🦊 مدفوعات תשלומים',
        'x'.repeat(10_000),
        ']]>',
      ),
    );
    fc.assert(
      fc.property(hostile, hostile, hostile, (service, operation, status) => {
        const svg = svgOf({ ...withNames(service, operation), status, traceId: status });
        expect(svg).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Cs}]/u);
        expect(svg).not.toContain('<script');
        expect(new Resvg(svg, { font: { loadSystemFonts: false } }).width).toBe(1_200);
      }),
      { numRuns: runsOf(200) },
    );
  });

  it('is valid for extreme times: no duration, empty windows, rows outside the window', () => {
    const time = fc.integer({ min: -1e15, max: 1e15 });
    fc.assert(
      fc.property(time, fc.nat(1e12), time, fc.nat(1e12), (start, duration, from, length) => {
        const { rows } = aWaterfall();
        const window = { start: us(from), end: us(from + length) };
        const moved = rows.map((row) => ({ ...row, start: us(start), duration: us(duration) }));
        const svg = svgOf(aWaterfall({ rows: moved, window }));
        expect(svg).not.toMatch(/NaN|Infinity|undefined/u);
        for (const [, x, width] of svg.matchAll(/<rect x="([\d.-]+)" y="[\d.-]+" width="([\d.-]+)"/gu)) {
          expect(Number(width)).toBeGreaterThan(0);
          expect(Number(x) + Number(width)).toBeLessThanOrEqual(1_200);
        }
      }),
      { numRuns: runsOf(200) },
    );
  });
});

/** Relative luminance and contrast of two colours (WCAG 2.2). */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

describe('the colors', () => {
  it('are readable', () => {
    for (const text of [COLORS.text, COLORS.quiet, COLORS.error])
      expect(contrast(text, COLORS.background)).toBeGreaterThanOrEqual(4.5);
    // What is drawn needs 3 to 1 where it means something (WCAG 2.2, 1.4.11).
    expect(contrast(COLORS.path, COLORS.background)).toBeGreaterThanOrEqual(3);
  });

  it('distinguish the path from the rest by more than hue', () => {
    expect(contrast(COLORS.path, COLORS.bar)).toBeGreaterThanOrEqual(1.8);
  });
});

describe('a secret in a span', () => {
  const PLANTED = ['alice@example.com', 'Bearer abcdef0123456789', '4111 1111 1111 1111'];
  const attributes = Object.fromEntries(
    ['http.url', 'db.statement', 'peer.service', 'upstream_cluster', 'error.message', 'x.note'].map(
      (name, index) => [name, `for ${PLANTED[index % PLANTED.length]}`],
    ),
  );
  const [email, bearer, card] = PLANTED;
  const trace: Trace = {
    traceId: '1'.padStart(32, '0'),
    spans: drawn(`
      gateway:s          |==========================|
      checkout:s<gateway   |====================!=|
      mail<checkout            |=====|
    `).spans.map((span, index) => ({
      ...span,
      spanName: `GET /users/${index === 0 ? email : card}`,
      serviceName: index === 2 ? `mail-of-${email}` : span.serviceName,
      attributes: { ...span.attributes, ...attributes },
      resource: { ...span.resource, 'host.name': `host ${bearer}` },
      events: [{ at: span.start, attributes }],
      warnings: [`invalid tag ${bearer}`],
    })),
  };
  const pictureOf = (of: Trace): string => {
    const summary = summarize(of);
    if (summary === undefined) throw new Error('the trace has spans');
    return svgOf(waterfallOf(summary));
  };

  it('is in no text of the picture of the redacted trace', () => {
    const secrets = ['alice', 'abcdef0123456789', '4111'];
    const shown = (svg: string): readonly string[] => secrets.filter((secret) => svg.includes(secret));
    const redacted = pictureOf(createRedactTrace({ patterns: [] })(trace));
    expect(shown(redacted)).toEqual([]);
    expect(redacted).toContain('[redacted]');
    // The fields that a picture shows are among those that the secrets are in.
    expect(shown(pictureOf(trace))).not.toEqual([]);
  });
});

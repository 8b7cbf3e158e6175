import { expect, it } from 'vitest';
import type { WhyView } from '../../../../src/commands/trace-why.ts';
import type { CulpritResult } from '../../../../src/culprit/result.ts';
import { after, before, MINUTE, ms, us } from '../../../../src/lib/units.ts';
import { whyMessage } from '../../../../src/slack/blocks/why.ts';
import { aCulpritResult } from '../../../support/culprit-result.ts';
import { START } from '../../../support/virtual-clock.ts';

const LAST = ms(15 * MINUTE);
const [SLOW, NORMAL] = ['a'.repeat(32), 'b'.repeat(32)];

const RESULT: CulpritResult = aCulpritResult({
  confidence: 'medium',
  caveats: ['cart.shop is slower too.'],
  pieces: Array.from({ length: 15 }, (_, i) => ({
    key: { kind: 'own', service: `service-${i}`, operation: 'GET /<x>', callee: '' },
    normalPerCall: 20_000,
    slowPerCall: 226_000,
    normalCalls: 1,
    slowCalls: 2,
    price: 412_000,
    volume: 20_000 - i,
  })),
  attributes: [
    {
      service: 'payments.shop',
      attribute: 'version',
      value: 'v2',
      slow: 40,
      ofSlow: 40,
      normal: 0,
      ofNormal: 40,
      probability: 1e-9,
    },
  ],
});

const view = (over: Partial<WhyView['why']> = {}): WhyView => ({
  command: { kind: 'why', service: 'checkout.shop', last: LAST },
  why: {
    endpoint: { operation: 'POST /checkout' },
    excess: { threshold: us(500_000), slow: 40, ofSlow: 90, normal: 0, ofNormal: 120, isLarger: true },
    result: RESULT,
    slow: { window: { start: START, end: after(START, LAST) } },
    normal: { window: { start: before(START, LAST), end: START } },
    searches: 12,
    isIncomplete: false,
    ...over,
  },
  examples: {
    slow: { traceId: SLOW, duration: us(620_000), url: `https://jaeger.example/trace/${SLOW}` },
    normal: { traceId: NORMAL, duration: us(165_000) },
  },
  links: [{ label: 'Slow traces in Jaeger', url: 'https://jaeger.example/search' }],
});

const json = (of: WhyView): string => JSON.stringify(whyMessage(of));

it('begins with the culprit, then the number of slow requests', () => {
  const { text, blocks } = whyMessage(view());
  const said =
    'Culprit: payments.shop, POST /charge, own code: +412 of +455 ms (91%). Confidence medium (50 of 50 resamples, 40 slow and 40 normal traces).';
  expect(text).toBe(`checkout.shop: ${said}`);
  expect(blocks.slice(0, 2)).toMatchObject([
    { text: { text: said.replace('Culprit:', '*Culprit:*') } },
    {
      text: {
        text: 'Requests to `checkout.shop` `POST /checkout`\nSlower than 500 ms: 44% (40 of 90 traces), normally 0% (0 of 120 traces)',
      },
    },
  ]);
});

it('says that fewer slow requests than are compared are those of a sample, and nothing of normal ones where there are none', () => {
  const excess = { threshold: us(500_000), slow: 7, ofSlow: 100, normal: 0, ofNormal: 0, isLarger: false };
  const result = { kind: 'too-few', slow: 67, normal: 0 } as const;
  const said = json(view({ excess, result }));
  expect(said).toContain('Slower than 500 ms in a sample: 7% (7 of 100 traces)"');
});

it('lists at most ten pieces: normal, slow, per call, calls, share', () => {
  const table = whyMessage(view()).blocks.find(({ type }) => type === 'table') as unknown as {
    rows: { text: string }[][];
  };
  expect(table.rows).toHaveLength(11);
  expect(table.rows.slice(0, 2).map((row) => row.map(({ text }) => text))).toEqual([
    ['Piece', 'Normal', 'Slow', 'Per call', 'Calls', 'Share'],
    ['service-0 own code GET /<x>', '20 ms', '452 ms', '20 ms → 226 ms', '1 → 2', '95%'],
  ]);
});

it('gives the caveats, the attributes with counts, the examples and a button that compares them', () => {
  const all = json(view());
  for (const text of [
    'cart.shop is slower too.',
    '`payments.shop` version `v2`: 40 of 40 slow, 0 of 40 normal traces',
    `Slow <https://jaeger.example/trace/${SLOW}|aaaaaaaa> *620 ms* · Normal bbbbbbbb *165 ms*`,
    `"/trace compare ${NORMAL} ${SLOW}"`,
    'Slow traces in Jaeger',
    '12 searches',
  ])
    expect(all).toContain(text);
});

it('gives what metrics say: in support, in contradiction, and how many requests are traced', () => {
  const url = 'https://prometheus.example/graph?g0.expr=a';
  const all = json(
    view({
      signals: [[{ text: 'Retries to payments: 52 per 100 requests, before 0', url }]],
      warnings: [['Prometheus and traces disagree.']],
      coverage: { requests: 15_000, traced: 450, threshold: ms(500) },
    }),
  );
  for (const text of [
    `• <${url}|Retries to payments: 52 per 100 requests, before 0>`,
    ':warning: Prometheus and traces disagree.',
    'About 3% of about 15,000 requests were traced.',
  ])
    expect(all).toContain(text);
});

it('names the candidates of an unclear result', () => {
  const all = json(view({ result: { ...RESULT, confidence: 'unclear' } }));
  expect(all).toContain('*Culprit:* unclear');
  expect(all).toContain('- payments.shop, POST /charge, own code: +412 of +455 ms (91%)');
});

it('of a healthy service says that it is not slower, with the counts', () => {
  const all = json(view({ result: { kind: 'not-slower', slow: 2, normal: 120 } }));
  expect(all).toContain('Not slower than normal.');
  expect(all).not.toContain('"table"');
});

it('says when searches are missing', () => {
  expect(json(view({ isIncomplete: true }))).toContain('Jaeger did not answer all searches in time');
});

import { describe, expect, it } from 'vitest';
import { answerMessage } from '../../../../src/adapters/slack/blocks/answer.ts';
import { standingText } from '../../../../src/adapters/slack/blocks/standing.ts';
import type { ComparedTrace, ComparisonView } from '../../../../src/app/comparison-view.ts';
import type { PartView } from '../../../../src/app/part-view.ts';
import type { HopStanding } from '../../../../src/app/standing-view.ts';
import type { Answer, LatencyView, QuantileEstimate } from '../../../../src/app/views.ts';
import { epochUs, MINUTE, ms, ratio, us } from '../../../../src/domain/units.ts';
import { START } from '../../../support/virtual-clock.ts';

const shown = (answer: Answer): string => {
  const { text, blocks } = answerMessage(answer);
  return `${text}\n${JSON.stringify(blocks).replaceAll('\\n', '\n')}`;
};

const standing = (over: Partial<HopStanding>): HopStanding => ({
  service: 'checkout.shop',
  duration: us(300_000),
  spans: 1,
  atLeast: 0.9,
  atMost: 0.99,
  low: ms(250),
  high: ms(500),
  requests: 8_412,
  side: 'destination',
  isOwnSpan: false,
  ...over,
});

describe('where a request stands, in words', () => {
  const cases: Readonly<Record<string, { row: Partial<HopStanding>; text: string }>> = {
    'an interval, rounded outwards so that it holds': {
      row: { atLeast: 0.98917, atMost: 0.99351 },
      text: 'slower than 98.9 to 99.4 % of 8,400 requests',
    },
    'one figure where both ends agree': {
      row: { atLeast: 0.992, atMost: 0.992 },
      text: 'slower than 99.2 % of 8,400 requests',
    },
    'finer where it nears all': {
      row: { atLeast: 0.99871, atMost: 0.99958 },
      text: 'slower than 99.87 to 99.96 % of 8,400 requests',
    },
    'no upper end in the bucket of the slowest': {
      row: { atLeast: 0.995, atMost: 1 },
      text: 'slower than 99.5 % or more of 8,400 requests',
    },
    'no upper end above the highest bound': {
      row: { atLeast: 0.5, atMost: 1, high: undefined } as never,
      text: 'slower than 50 % or more of 8,400 requests',
    },
    'the bucket alone, where most are in it': {
      row: { atLeast: 0.04, atMost: 0.75 },
      text: 'between 250 ms and 500 ms, like 71 % of 8,400 requests',
    },
    'the fastest': { row: { atLeast: 0, atMost: 0.0123 }, text: 'among the fastest 1.3 % of 8,400 requests' },
    'few to compare with': {
      row: { atLeast: 0.9, atMost: 0.9, requests: 31 },
      text: 'slower than 90 % of only 31 requests',
    },
    'a gateway’s side': {
      row: { atLeast: 0.9, atMost: 0.9, side: 'source' },
      text: 'slower than 90 % of 8,400 requests (as the gateway saw its calls)',
    },
    'a span that the mesh does not measure': {
      row: { atLeast: 0.9, atMost: 0.9, isOwnSpan: true },
      text: "slower than 90 % of 8,400 requests (by the application's own span, which is a little shorter than what its proxy measures)",
    },
  };
  it.each(Object.entries(cases))('%s', (_, { row, text }) => {
    expect(standingText(standing(row))).toBe(text);
  });
});

const head = (over: Partial<ComparedTrace>): ComparedTrace => ({
  traceId: 'a'.repeat(32),
  rootService: 'gateway',
  rootOperation: 'frontend:8080/*',
  asked: 'POST /checkout',
  start: epochUs(START * 1_000),
  duration: us(60_000),
  spanCount: 25,
  isError: false,
  status: '200',
  ...over,
});

const comparison: ComparisonView = {
  a: head({ url: 'https://jaeger.example/trace/a' }),
  b: head({
    traceId: 'b'.repeat(32),
    duration: us(472_000),
    isError: true,
    status: '503, <b>',
    requestId: 'order 17',
  }),
  difference: 412_000,
  path: {
    rows: [
      {
        kind: 'own',
        service: 'payments',
        operation: 'charge',
        peer: '',
        a: us(3_000),
        b: us(420_000),
        difference: 417_000,
        spans: { a: 1, b: 2 },
      },
      {
        kind: 'call',
        service: 'cart',
        operation: 'GET',
        peer: 'stock',
        a: us(5_000),
        b: us(0),
        difference: -5_000,
        spans: { a: 1, b: 0 },
      },
    ],
    hidden: 3,
    hiddenDifference: 0,
  },
  paired: {
    rows: [
      {
        service: 'payments',
        operation: 'charge',
        kind: 'server',
        asked: '',
        depth: 1,
        pairs: 2,
        a: us(4_000),
        b: us(421_000),
      },
    ],
    hidden: 2,
    pairCount: 25,
  },
  onlyInA: { rows: [], hidden: 0 },
  onlyInB: {
    rows: [
      {
        service: 'stock',
        operation: 'reserve',
        peer: '',
        asked: 'POST /reserve',
        under: 'cart',
        times: 3,
        spans: 9,
        time: us(30_000),
      },
    ],
    hidden: 1,
  },
  notices: ['A begins at <!channel>.'],
  url: 'https://jaeger.example/trace/a...b?cohort=a&cohort=b',
};

describe('two requests side by side', () => {
  const says: Readonly<Record<string, { view?: Partial<ComparisonView>; texts: readonly string[] }>> = {
    'which took longer, by how much, and how many times as long': {
      texts: ['Comparison of two requests: B took 412 ms longer, 7.9 times as long', '*B took 412 ms longer'],
    },
    'both, with what they were asked for and how they ended': {
      texts: [
        '*A* *60 ms* <https://jaeger.example/trace/a|aaaaaaaa> `gateway` `POST /checkout` · status 200 · 25 spans',
        '*B* *472 ms* bbbbbbbb `gateway` `POST /checkout` · ⚠ 503, &lt;b&gt;',
        'request `order 17`',
      ],
    },
    'each difference once, with its sign, and what is left': {
      texts: ['"+417 ms"', '"420 ms (2 times)"', '"−5 ms"', '"–"', '3 other parts: 0 together'],
    },
    'what both did, indented as it was called': {
      texts: [
        '*In both*: 25 spans; those of other durations:',
        '\u2003`payments` `charge` (2 times): *417 ms slower* in B (4 ms, 421 ms)',
        'and 2 more that differ less',
      ],
    },
    'what only one did, with who did it': {
      texts: [
        '*Only in B*\n`cart` → `stock` `POST /reserve` 3 times: 30 ms, with 6 spans below',
        'and 1 more',
      ],
    },
    'what to know first, without calling anybody': { texts: ['A begins at &lt;!channel&gt;.'] },
    'Jaeger’s own page of both': { texts: ['"Compare in Jaeger"', 'a...b?cohort=a&cohort=b'] },
    'two of the same length': {
      view: { b: head({}), difference: 0, path: { rows: [], hidden: 0, hiddenDifference: 0 } },
      texts: ['*Both took 60 ms*', 'They spent their time on the same things, for as long.'],
    },
    'a usual one, and among how many': {
      view: { a: head({ usualAmong: 17 }) },
      texts: ['25 spans · usual: the median of 17 like it'],
    },
  };
  it.each(Object.entries(says))('%s', (_, { view, texts }) => {
    const message = shown({ kind: 'comparison', view: { ...comparison, ...view } });
    for (const text of texts) expect(message).toContain(text);
    expect(message).not.toContain('<!channel>');
  });
});

const part: PartView = {
  service: 'checkout.shop',
  traceId: 'c'.repeat(32),
  requestId: 'order 17',
  rootService: 'gateway',
  start: epochUs(START * 1_000),
  rootDuration: us(400_000),
  spans: [
    {
      operation: 'x',
      asked: 'POST /checkout',
      duration: us(300_000),
      offset: 6_000,
      isError: false,
      status: '200',
    },
    { operation: 'y', asked: '', duration: us(20_000), offset: -2_000, isError: true, status: '503' },
  ],
  hiddenSpans: 2,
  share: ratio(0.75),
  onPath: us(300_000),
  spentOn: {
    rows: [
      {
        kind: 'database',
        service: 'payments',
        operation: 'INSERT',
        peer: 'db',
        time: us(250_000),
        drag: us(250_000),
        spans: 1,
        share: ratio(0.83),
      },
    ],
    hidden: { count: 2, time: us(50_000) },
  },
  standing: { isRecent: true, rows: [standing({ atLeast: 0.992, atMost: 0.992 })], notices: [] },
  notices: [],
  url: 'https://jaeger.example/trace/c',
};

describe('one request in one service', () => {
  const says: Readonly<Record<string, { view?: Partial<PartView>; texts: readonly string[]; not?: string }>> =
    {
      'how long, its share, and where that stands': {
        texts: [
          '*`checkout.shop` in request `order 17`*',
          '*300 ms*, 75 % of the whole 400 ms from `gateway`',
          'Among its requests in the last hour: slower than 99.2 % of 8,400 requests',
          'On the critical path with all of it: 75 % of what the request waited for.',
        ],
      },
      'each of its spans, with when it began': {
        texts: [
          '*Its 4 spans*, the longest first',
          '300 ms `POST /checkout` · status 200 · began 6 ms in',
          '20 ms `y` · ⚠ 503 · began 2 ms before it, by clocks that differ',
          'and 2 shorter ones',
        ],
      },
      'what it waited for': {
        texts: ['*What its 300 ms were spent on*', 'database db: INSERT', 'and 2 smaller parts, 50 ms'],
      },
      'a part of it beside the path': {
        view: { onPath: us(40_000) },
        texts: ['On the critical path with 40 ms: 10 % of what the request waited for.'],
      },
      'all of it beside the path': { view: { onPath: us(0) }, texts: ['The request did not wait for it'] },
      'nothing of its standing where nothing is measured': {
        view: { standing: { isRecent: true, rows: [], notices: [] } },
        texts: ['*300 ms*'],
        not: 'Among its requests',
      },
      'an older request by the hour it was in': {
        view: { standing: { isRecent: false, rows: [standing({})], notices: [] } },
        texts: ['Among its requests in the hour up to its end: slower than 90 to 99 %'],
      },
    };
  it.each(Object.entries(says))('%s', (_, { view, texts, not }) => {
    const message = shown({ kind: 'part', view: { ...part, ...view } });
    for (const text of texts) expect(message).toContain(text);
    if (not !== undefined) expect(message).not.toContain(not);
  });
});

const quantile = (value: number, low: number, high: number): QuantileEstimate => ({
  quantile: 0.99,
  value: ms(value),
  low: ms(low),
  high: ms(high),
});

const latency: LatencyView = {
  service: 'payments',
  window: MINUTE,
  at: START,
  columns: [],
  slos: [],
  notices: [],
  links: [],
  breakdown: {
    versions: {
      rows: [
        { version: 'v1', share: 0.66, p99: quantile(40, 25, 50), errorShare: 0 },
        { version: '', share: 0.34, errorShare: 0.021 },
      ],
      hidden: 3,
    },
    outcomes: {
      rows: [
        {
          code: '200',
          grpcStatus: '14',
          flags: '',
          isFailure: false,
          share: 0.98,
          p99: quantile(40, 25, 50),
        },
        { code: '503', grpcStatus: '', flags: 'no healthy pod to call (UH)', isFailure: true, share: 0.015 },
        { code: '0', grpcStatus: '', flags: '', isFailure: false, share: 0.005 },
      ],
      hidden: 0,
      side: 'source',
    },
    sides: {
      source: { requestsPerSecond: 10, p99: quantile(41, 25, 50) },
      destination: { requestsPerSecond: 10, p99: quantile(40, 25, 50) },
      meanBetween: ms(0.45),
    },
  },
};

describe('a latency told apart', () => {
  it('has a line for each version, each outcome, and for both ends', () => {
    const message = shown({ kind: 'latency', view: latency });
    for (const text of [
      '*By version*\n`v1`: 66 % of requests, p99 ≈ 40 ms, no errors\nno version: 34 % of requests, errors 2.1 %\nand 3 more',
      '*By outcome, as callers see it*\n`200` gRPC `14`: 98 % of requests, p99 ≈ 40 ms\n⚠ `503` no healthy pod to call (UH): 1.5 % of requests\nno answer: 0.5 % of requests',
      'Callers see p99 ≈ 41 ms; `payments` itself p99 ≈ 40 ms.\nOn average 450 µs of a request lie between the two: network, proxies, retries.',
    ]) {
      expect(message).toContain(text);
    }
  });

  it('says so where the two ends counted different requests', () => {
    const sides = {
      source: { requestsPerSecond: 8 },
      destination: { requestsPerSecond: 10 },
    };
    const breakdown = {
      versions: { rows: [], hidden: 0 },
      outcomes: { rows: [], hidden: 0, side: 'destination' as const },
      sides,
    };
    expect(shown({ kind: 'latency', view: { ...latency, breakdown } })).toContain(
      'Callers count 8 req/s, the service 10 req/s: these are not all the same requests.',
    );
  });
});

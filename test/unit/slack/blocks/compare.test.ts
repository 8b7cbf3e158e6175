import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/commands/answer.ts';
import { epochUs, us } from '../../../../src/lib/units.ts';
import { answerMessage } from '../../../../src/slack/blocks/answer.ts';
import type { ComparedTrace, ComparisonView } from '../../../../src/traces/compare-traces.ts';
import { START } from '../../../support/virtual-clock.ts';

const shown = (answer: Answer): string => {
  const { text, blocks } = answerMessage(answer);
  return `${text}\n${JSON.stringify(blocks).replaceAll('\\n', '\n')}`;
};

const head = (over: Partial<ComparedTrace>): ComparedTrace => ({
  traceId: 'a'.repeat(32),
  rootService: 'gateway',
  rootOperation: 'frontend:8080/*',
  requestLine: 'POST /checkout',
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
        requestLine: '',
        depth: 1,
        pairs: 2,
        versions: { a: 'v1', b: 'v2' },
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
        requestLine: 'POST /reserve',
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

const earlier = (counts: { readonly times: number; readonly spans: number }) => ({
  service: 'stock',
  operation: 'reserve',
  peer: '',
  requestLine: 'POST /reserve',
  under: 'cart',
  isEarlierAttempt: true as const,
  ...counts,
  time: us(30_000),
});

describe('two requests side by side', () => {
  const says: Readonly<Record<string, { view?: Partial<ComparisonView>; texts: readonly string[] }>> = {
    'which took longer, by how much, and how many times as long': {
      texts: ['Trace comparison: B took 412 ms longer (7.9x)', '*B took 412 ms longer'],
    },
    'both, with their requests and outcomes': {
      texts: [
        '*A* *60 ms* <https://jaeger.example/trace/a|aaaaaaaa> `gateway` `POST /checkout` · status 200 · 25 spans',
        '*B* *472 ms* bbbbbbbb `gateway` `POST /checkout` · ⚠ 503, &lt;b&gt;',
        'request `order 17`',
      ],
    },
    'each difference once, with its sign, and what is left': {
      texts: ['"+417 ms"', '"420 ms (2 times)"', '"−5 ms"', '"–"', '3 other items: 0 in total'],
    },
    'where the difference lies in what a phone shows of the table': {
      texts: [
        ['Difference', 'Spent on', 'Service', 'A', 'B']
          .map((text) => `{"type":"raw_text","text":"${text}"}`)
          .join(),
        '"+417 ms"},{"type":"raw_text","text":"own code in charge"}',
      ],
    },
    'what both did, indented as it was called': {
      texts: [
        '*In both*: 25 spans, different durations:',
        '\u2003`payments` `charge` (2 times): *417 ms slower* in B (4 ms, 421 ms) · version `v1` in A, `v2` in B',
        'and 2 smaller differences',
      ],
    },
    'what only one did, with who did it': {
      texts: [
        '*Only in B*\n`cart` → `stock` `POST /reserve` 3 times: 30 ms, with 6 spans below',
        'and 1 more',
      ],
    },
    'one earlier attempt at a call that both made': {
      view: { onlyInB: { rows: [earlier({ times: 1, spans: 1 })], hidden: 0 } },
      texts: ['*Only in B*\n`cart` → `stock` `POST /reserve`, an earlier attempt: 30 ms'],
    },
    'several earlier attempts, with what they called': {
      view: { onlyInB: { rows: [earlier({ times: 2, spans: 5 })], hidden: 0 } },
      texts: ['`cart` → `stock` `POST /reserve`, 2 earlier attempts: 30 ms, with 3 spans below'],
    },
    'what to know first, without calling anybody': { texts: ['A begins at &lt;!channel&gt;.'] },
    'Jaeger’s own page of both': { texts: ['"Compare in Jaeger"', 'a...b?cohort=a&cohort=b'] },
    'two of the same length': {
      view: { b: head({}), difference: 0, path: { rows: [], hidden: 0, hiddenDifference: 0 } },
      texts: ['*Both took 60 ms*', 'The critical paths are the same.'],
    },
    'a typical request, and of how many it is the median': {
      view: { a: head({ medianOf: 17 }) },
      texts: ['25 spans · typical: median of 17 similar requests'],
    },
  };
  it.each(Object.entries(says))('%s', (_, { view, texts }) => {
    const message = shown({ kind: 'comparison', view: { ...comparison, ...view } });
    for (const text of texts) expect(message).toContain(text);
    expect(message).not.toContain('<!channel>');
  });
});

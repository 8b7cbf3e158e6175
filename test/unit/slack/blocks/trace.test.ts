import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/commands/answer.ts';
import type { ServicePercentile } from '../../../../src/latency/percentile-rank.ts';
import { epochUs, ms, ratio, us } from '../../../../src/lib/units.ts';
import { answerMessage } from '../../../../src/slack/blocks/answer.ts';
import type { TraceView } from '../../../../src/traces/inspect-trace.ts';
import { START } from '../../../support/virtual-clock.ts';

const trace: TraceView = {
  traceId: 'a'.repeat(32),
  rootService: 'gateway',
  rootOperation: 'POST /checkout',
  start: epochUs(START * 1_000),
  duration: us(1_240_000),
  spanCount: 41,
  services: [{ name: 'checkout', spans: 12 }],
  isError: true,
  status: '503, <b>',
  path: {
    duration: us(1_230_000),
    rows: [
      {
        kind: 'own',
        service: 'payments',
        operation: 'charge',
        peer: '',
        time: us(750_000),
        potentialSaving: us(412_000),
        spans: 1,
        share: ratio(0.61),
      },
      {
        kind: 'network',
        service: 'checkout',
        operation: 'payments:8080/*',
        peer: 'payments',
        time: us(300_000),
        potentialSaving: us(0),
        spans: 3,
        share: ratio(0.24),
      },
    ],
    hidden: { count: 4, time: us(180_000) },
    url: 'https://jaeger.example/trace/a?uiFind=b%20c',
  },
  errors: [
    {
      service: 'payments',
      operation: 'charge',
      detail: '<!here> 503',
      times: 1,
      spans: 2,
      reachesRoot: true,
    },
    { service: 'mail', operation: 'send', detail: 'failed', times: 2, spans: 1, reachesRoot: false },
  ],
  errorCount: 5,
  hops: [
    {
      caller: 'checkout',
      callee: 'payments',
      calls: 2,
      overhead: us(3_100),
      worst: us(2_000),
      split: { request: us(1_200), response: us(1_900) },
    },
    { caller: 'gateway', callee: 'checkout', calls: 1, overhead: us(500), worst: us(500) },
  ],
  retries: [
    {
      caller: 'checkout',
      callee: 'payments',
      operation: 'charge',
      attempts: 3,
      failed: 2,
      abandoned: 0,
      duration: us(90_000),
    },
  ],
  repeats: [{ service: 'cart', operation: 'GET /', child: 'SELECT item', count: 14, time: us(70_000) }],
  serverSpans: [],
  offPath: [{ service: 'payments', operation: 'charge', selfTime: us(812_000), share: 0.65 }],
  notices: ['2 spans have no parent in the trace.'],
  url: 'https://jaeger.example/trace/a',
};

describe('an answer about a trace', () => {
  const says: Record<string, { answer: Answer; texts: string[] }> = {
    'a trace': {
      answer: { kind: 'trace', view: trace },
      texts: [
        '`gateway` `POST /checkout`',
        '*1.23 s* · ⚠ 503, &lt;b&gt; · started',
        '41 spans in 1 service: `checkout` 12',
        '*5 failed spans*, caused by:',
        '⚠ `payments` `charge` &lt;!here&gt; 503\\n',
        '`mail` `send` failed, 2 times · did not fail the request',
        'and 2 other spans',
        '*Critical path*, 1.23 s',
        '"text":"own code in charge"',
        '"text":"61%"',
        '"text":"412 ms"',
        '"text":"network and proxies to payments (3 times)"',
        '"text":"none"',
        'and 4 smaller items, 180 ms',
        '`checkout` called `payments` 3 times, 2 failed, 90 ms in total',
        '`cart` `GET /` ran `SELECT item` 14 times in sequence, 70 ms in total',
        '`checkout` → `payments` 3.1 ms (2 calls, slowest 2 ms; request 1.2 ms, response 1.9 ms)',
        '`gateway` → `checkout` 500 µs (directions unknown: clock skew)',
        '*Largest self times off the critical path*',
        '812 ms, 65%: `payments` `charge`',
        'https://jaeger.example/trace/a?uiFind=b%20c',
        '2 spans have no parent',
        'Open in Jaeger',
      ],
    },
    'a request that is over long before its trace is': {
      answer: { kind: 'trace', view: { ...trace, duration: us(306_000_000) } },
      texts: ['*1.23 s* (306 s from first to last span) · ⚠', '*Critical path*, 1.23 s'],
    },
    'a trace with every warning: none is left out': {
      answer: {
        kind: 'trace',
        view: {
          ...trace,
          notices: Array.from({ length: 9 }, (_, i) => `Warning ${i + 1}.`),
          percentiles: { period: 'last-hour', rows: [], notices: ['Its percentile rank is unknown.'] },
        },
      },
      texts: ['Warning 1.', 'Warning 9.', 'Its percentile rank is unknown.'],
    },
    'a request': {
      answer: { kind: 'request', view: { requestId: 'abc', traces: [trace], notices: [] } },
      texts: [
        '*Request `abc`*',
        '*Critical path*, 1.23 s',
        'Critical path in Jaeger',
        `"value":"/trace compare ${'a'.repeat(32)}"`,
      ],
    },
    'the same trace in other tools': {
      answer: {
        kind: 'trace',
        view: {
          ...trace,
          links: [
            { label: 'Kiali', url: 'https://kiali.example/graph' },
            { label: 'Grafana', url: 'https://grafana.example/explore' },
          ],
        },
      },
      texts: ['"text":"Kiali"', 'https://kiali.example/graph', '"text":"Grafana"', 'Critical path in Jaeger'],
    },
    'a request of several traces': {
      answer: {
        kind: 'request',
        view: {
          requestId: 'abc',
          traces: [trace, trace],
          notices: ['The trace headers get lost on the way.'],
        },
      },
      texts: ['<https://jaeger.example/trace/a|', 'The trace headers get lost'],
    },
  };
  it.each(Object.entries(says))('%s', (_name, { answer, texts }) => {
    const message = JSON.stringify(answerMessage(answer).blocks);
    for (const text of texts) expect(message).toContain(text);
  });
});

it('the list of a request with several traces can be shared with all', () => {
  const view = {
    requestId: 'abc',
    traces: Array.from({ length: 7 }, () => trace),
    notices: ['Headers get lost.'],
  };
  const blocks = JSON.stringify(answerMessage({ kind: 'request', view }, { share: '/trace abc' }).blocks);
  expect(blocks).toContain('and 2 more');
  expect(blocks).toMatch(/"text":"Share".*"value":"\/trace abc"/);
});

const hop = (service: string, over: Partial<ServicePercentile>): ServicePercentile => ({
  service,
  duration: us(30_000),
  spans: 1,
  atLeast: 0.5,
  atMost: 0.9,
  low: ms(25),
  high: ms(50),
  requests: 1_200,
  side: 'destination',
  isOwnSpan: false,
  ...over,
});
const { high: _, ...aboveAll } = hop('mail', { atLeast: 0.4, atMost: 1, low: ms(10_000) });
const TITLE = '*Percentile rank by service* in the last hour';

describe('the percentile rank of a trace in each of its services', () => {
  const cases: Record<string, { rows: ServicePercentile[]; lines: string[] }> = {
    'what is slow has a line, the slowest first; the rest is only named': {
      rows: [
        hop('currency', {}),
        hop('payments', { atLeast: 0.97, atMost: 0.98 }),
        hop('auth', { atLeast: 0, atMost: 0.05 }),
        hop('checkout', { atLeast: 0.99, atMost: 0.99 }),
      ],
      lines: [
        '`checkout` 30 ms: slower than 99% of 1,200 requests',
        '`payments` 30 ms: slower than 97 to 98% of 1,200 requests',
        'typical or faster: `currency`, `auth`',
      ],
    },
    'nothing is called slow that may be typical': {
      rows: [hop('cart', { atLeast: 0.899, atMost: 1 }), hop('stock', { atLeast: 0.9, atMost: 0.95 })],
      lines: [
        '`cart` 30 ms: slower than at least 89.9% of 1,200 requests',
        '`stock` 30 ms: slower than 90 to 95% of 1,200 requests',
      ],
    },
    'one that may be slow is not called typical': {
      rows: [hop('payments', { atLeast: 0.837, atMost: 0.954 }), hop('auth', {})],
      lines: ['`payments` 30 ms: slower than 83.7 to 95.4% of 1,200 requests', 'typical or faster: `auth`'],
    },
    'a request far above the median is not typical in an incident, when many are as slow (T8)': {
      rows: [
        hop('payments', { atLeast: 0.86, atMost: 0.88, low: ms(500), high: ms(1_000), medianUpTo: ms(50) }),
      ],
      lines: ['`payments` 30 ms: slower than 86 to 88% of 1,200 requests'],
    },
    'a wide range above the median is not typical': {
      rows: [hop('cart', { atLeast: 0.6, atMost: 0.95 })],
      lines: ['`cart` 30 ms: slower than 60 to 95% of 1,200 requests'],
    },
    'slower than every other request': {
      rows: [hop('cart', { atLeast: 1, atMost: 1 })],
      lines: ['`cart` 30 ms: slower than all of 1,200 requests'],
    },
    'above the highest bound nothing is typical': {
      rows: [aboveAll],
      lines: ['`mail` 30 ms: slower than at least 40% of 1,200 requests'],
    },
    'all typical': {
      rows: [hop('cart', {}), hop('auth', {})],
      lines: ['typical or faster: `cart`, `auth`'],
    },
    'what did not fit is counted': {
      rows: [
        ...Array.from({ length: 10 }, (_each, i) => hop(`slow${i}`, { atLeast: 0.95, atMost: 0.95 })),
        ...Array.from({ length: 14 }, (_each, i) => hop(`s${i}`, {})),
      ],
      lines: [
        ...Array.from({ length: 8 }, (_each, i) => `\`slow${i}\` 30 ms: slower than 95% of 1,200 requests`),
        'and 2 more services',
        `typical or faster: ${Array.from({ length: 12 }, (_each, i) => `\`s${i}\``).join(', ')} and 2 more`,
      ],
    },
  };
  it.each(Object.entries(cases))('%s', (_name, { rows, lines }) => {
    const view = { ...trace, percentiles: { period: 'last-hour' as const, rows, notices: [] } };
    const texts = answerMessage({ kind: 'trace', view }).blocks.flatMap((block) =>
      block.type === 'section' && block.text !== undefined ? [block.text.text] : [],
    );
    expect(texts).toContain([TITLE, ...lines].join('\n'));
  });
});

it('on a phone the time, the share, and what it was spent on come first', () => {
  const table = answerMessage({ kind: 'trace', view: trace }).blocks.find(({ type }) => type === 'table');
  const [head] = table?.type === 'table' ? table.rows : [];
  expect(JSON.stringify(head).match(/(?<="text":")[^"]+/g)).toEqual([
    'Time',
    'Share',
    'Spent on',
    'Service',
    'Max saving',
  ]);
});

import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/commands/answer.ts';
import type { ServicePercentile } from '../../../../src/latency/percentile-rank.ts';
import { epochUs, ms, ratio, us } from '../../../../src/lib/units.ts';
import { answerMessage } from '../../../../src/slack/blocks/answer.ts';
import { percentileText } from '../../../../src/slack/blocks/trace-analysis.ts';
import type { ServiceInRequest } from '../../../../src/traces/service-in-request.ts';
import { START } from '../../../support/virtual-clock.ts';

const shown = (answer: Answer): string => {
  const { text, blocks } = answerMessage(answer);
  return `${text}\n${JSON.stringify(blocks).replaceAll('\\n', '\n')}`;
};

const percentiles = (over: Partial<ServicePercentile>): ServicePercentile => ({
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

describe('the percentile rank of a request', () => {
  const cases: Readonly<Record<string, { row: Partial<ServicePercentile>; text: string }>> = {
    'an interval, rounded outwards so that it holds': {
      row: { atLeast: 0.98917, atMost: 0.99351 },
      text: 'slower than 98.9 to 99.4% of 8,400 requests',
    },
    'one figure where both ends agree': {
      row: { atLeast: 0.992, atMost: 0.992 },
      text: 'slower than 99.2% of 8,400 requests',
    },
    'finer where it nears all': {
      row: { atLeast: 0.99871, atMost: 0.99958 },
      text: 'slower than 99.87 to 99.96% of 8,400 requests',
    },
    'no upper end in the bucket of the slowest': {
      row: { atLeast: 0.995, atMost: 1 },
      text: 'slower than at least 99.5% of 8,400 requests',
    },
    'no upper end above the highest bound': {
      row: { atLeast: 0.5, atMost: 1, high: undefined },
      text: 'slower than at least 50% of 8,400 requests',
    },
    'the bucket alone, where most are in it': {
      row: { atLeast: 0.04, atMost: 0.75 },
      text: 'typical: 71% of 8,400 requests took 250 to 500 ms',
    },
    'the fastest': { row: { atLeast: 0, atMost: 0.0123 }, text: 'among the fastest 1.3% of 8,400 requests' },
    'few to compare with': {
      row: { atLeast: 0.9, atMost: 0.9, requests: 31 },
      text: 'slower than 90% of only 31 requests',
    },
    'a gateway’s side': {
      row: { atLeast: 0.9, atMost: 0.9, side: 'source' },
      text: 'slower than 90% of 8,400 requests (measured at the gateway)',
    },
    'a span that the mesh does not measure': {
      row: { atLeast: 0.9, atMost: 0.9, isOwnSpan: true },
      text: 'slower than 90% of 8,400 requests (application span, slightly shorter than what its proxy measures)',
    },
  };
  it.each(Object.entries(cases))('%s', (_, { row, text }) => {
    expect(percentileText(percentiles(row))).toBe(text);
  });
});

const part: ServiceInRequest = {
  service: 'checkout.shop',
  traceId: 'c'.repeat(32),
  requestId: 'order 17',
  rootService: 'gateway',
  start: epochUs(START * 1_000),
  rootDuration: us(400_000),
  spans: [
    {
      operation: 'x',
      requestLine: 'POST /checkout',
      duration: us(300_000),
      offset: 6_000,
      isError: false,
      status: '200',
    },
    { operation: 'y', requestLine: '', duration: us(20_000), offset: -2_000, isError: true, status: '503' },
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
        potentialSaving: us(250_000),
        spans: 1,
        share: ratio(0.83),
      },
    ],
    hidden: { count: 2, time: us(50_000) },
  },
  percentiles: { period: 'last-hour', rows: [percentiles({ atLeast: 0.992, atMost: 0.992 })], notices: [] },
  notices: [],
  url: 'https://jaeger.example/trace/c',
};

describe('one request in one service', () => {
  const says: Readonly<
    Record<string, { view?: Partial<ServiceInRequest>; texts: readonly string[]; not?: string }>
  > = {
    'that it began when the request was over': {
      view: { onPath: us(0), share: ratio(43), spans: [{ ...part.spans[0]!, offset: 98_800_000 }] },
      texts: [
        'in request order 17: 300 ms\n',
        '*300 ms*, started 98.4 s after the 400 ms request to `gateway` ended · ',
        'Not on the critical path.",',
      ],
      not: '4300%',
    },
    'that it went on when the request was over': {
      view: { onPath: us(0), spans: [{ ...part.spans[0]!, offset: 200_000 }] },
      texts: ['*300 ms*, ended after the 400 ms request to `gateway` · '],
      not: '75%',
    },
    'that it hangs on something else': {
      view: { onPath: undefined, share: ratio(43) },
      texts: ['*300 ms*, not connected to the 400 ms request to `gateway` · '],
      not: '4300%',
    },
    'how long, its share, and its percentile rank': {
      texts: [
        '*`checkout.shop` in request `order 17`*',
        '*300 ms*, 75% of the 400 ms request to `gateway`',
        'Slower than 99.2% of 8,400 requests in the last hour.',
        'All of it is on the critical path: 75% of the request.',
      ],
    },
    'each of its spans, with when it began': {
      texts: [
        '*4 spans*, longest first',
        '300 ms `POST /checkout` · status 200 · started at +6 ms',
        '20 ms `y` · ⚠ 503 · started at −2 ms (clock skew)',
        'and 2 shorter spans',
      ],
    },
    'what it waited for': {
      texts: ['*Breakdown of the 300 ms*', 'database db: INSERT', 'and 2 smaller items, 50 ms'],
    },
    'a part of it beside the path': {
      view: { onPath: us(40_000) },
      texts: ['40 ms of it is on the critical path: 10% of the request.'],
    },
    'all of it beside the path': {
      view: { onPath: us(0) },
      texts: ['Not on the critical path: it ran in parallel.'],
    },
    'no percentile rank where nothing is measured': {
      view: { percentiles: { period: 'last-hour', rows: [], notices: [] } },
      texts: ['*300 ms*'],
      not: 'Slower than',
    },
    'an older request by the hour it was in': {
      view: { percentiles: { period: 'before-end', rows: [percentiles({})], notices: [] } },
      texts: ['Slower than 90 to 99% of 8,400 requests in the hour before its end.'],
    },
  };
  it.each(Object.entries(says))('%s', (_, { view, texts, not }) => {
    const message = shown({ kind: 'request-latency', view: { ...part, ...view } });
    for (const text of texts) expect(message).toContain(text);
    if (not !== undefined) expect(message).not.toContain(not);
  });
});

import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/commands/answer.ts';
import type { LatencyView } from '../../../../src/commands/latency.ts';
import type { QuantileEstimate } from '../../../../src/latency/figures.ts';
import { MINUTE, ms } from '../../../../src/lib/units.ts';
import { answerMessage } from '../../../../src/slack/blocks/answer.ts';
import { START } from '../../../support/virtual-clock.ts';

const shown = (answer: Answer): string => {
  const { text, blocks } = answerMessage(answer);
  return `${text}\n${JSON.stringify(blocks).replaceAll('\\n', '\n')}`;
};

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
  calls: [
    { end: 'callee', service: 'cart', mean: ms(82), meanBefore: ms(40), requestsPerSecond: 12 },
    { end: 'callee', service: 'stock', mean: ms(2.001), meanBefore: ms(2), requestsPerSecond: 12 },
    { end: 'caller', service: 'frontend', mean: ms(90), requestsPerSecond: 3 },
  ],
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

it('a call has its growth, unless that is next to nothing', () => {
  expect(shown({ kind: 'latency', view: latency })).toContain(
    'to `cart` 82 ms (+42 ms from 40 ms), 12 req/s\nto `stock` 2 ms (no change), 12 req/s\nfrom `frontend` 90 ms (none an hour ago), 3 req/s',
  );
});

describe('a latency by version, outcome and side', () => {
  it('has a line for each version, each outcome, and for both ends', () => {
    const message = shown({ kind: 'latency', view: latency });
    for (const text of [
      '*By version*\n`v1`: 66% of requests, p99 ≈ 40 ms, no errors\nunknown version: 34% of requests, errors 2.1%\nand 3 more',
      '*By outcome*, measured by callers\n`200` gRPC `14`: 98% of requests, p99 ≈ 40 ms\n⚠ `503` no healthy pod to call (UH): 1.5% of requests\nno response: 0.5% of requests',
      'Measured by callers: p99 ≈ 41 ms. By `payments`: p99 ≈ 40 ms.\nMean difference: 450 µs (network, proxies, retries).',
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
      'Callers count 8 req/s, the service 10 req/s: these are not the same requests.',
    );
  });
});

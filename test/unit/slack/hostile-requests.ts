import * as fc from 'fast-check';
import type { LatencyBreakdown } from '../../../src/latency/breakdown.ts';
import type { PercentileRanks } from '../../../src/latency/percentile-rank.ts';
import type { ComparisonView } from '../../../src/traces/compare-traces.ts';
import type { PathEntryKind } from '../../../src/traces/path-breakdown.ts';
import type { ServiceInRequest } from '../../../src/traces/service-in-request.ts';
import { atUs, estimate, hostileText, many, some, span, spanUs, url, value } from './hostile.ts';

const kind = fc.constantFrom<PathEntryKind[]>('own', 'network', 'retry', 'database', 'call');
const subject = { kind, service: hostileText, operation: hostileText, peer: hostileText };
const difference = fc.integer({ min: -1e12, max: 1e12 });

export const percentiles = fc.record({
  period: fc.constantFrom('last-hour', 'before-end', 'before-breach'),
  rows: many(
    some(
      {
        service: hostileText,
        duration: spanUs,
        spans: fc.nat(),
        atLeast: value,
        atMost: value,
        low: span,
        high: span,
        requests: value,
        side: fc.constantFrom('source' as const, 'destination' as const),
        isOwnSpan: fc.boolean(),
      },
      ['service', 'duration', 'spans', 'atLeast', 'atMost', 'low', 'requests', 'side', 'isOwnSpan'],
    ),
    30,
  ),
  notices: many(hostileText, 3),
}) as fc.Arbitrary<unknown> as fc.Arbitrary<PercentileRanks>;

const compared = some(
  {
    traceId: hostileText,
    requestId: hostileText,
    medianOf: fc.nat(),
    rootService: hostileText,
    rootOperation: hostileText,
    requestLine: hostileText,
    start: atUs,
    duration: spanUs,
    spanCount: fc.nat(),
    isError: fc.boolean(),
    status: hostileText,
    url,
  },
  [
    'traceId',
    'rootService',
    'rootOperation',
    'requestLine',
    'start',
    'duration',
    'spanCount',
    'isError',
    'status',
  ],
);

const shown = <T>(row: fc.Arbitrary<T>) => ({ rows: many(row, 60), hidden: fc.nat() });

const unpaired = fc.record(
  shown(
    fc.record({
      service: hostileText,
      operation: hostileText,
      peer: hostileText,
      requestLine: hostileText,
      under: hostileText,
      times: fc.nat(),
      spans: fc.nat(),
      time: spanUs,
    }),
  ),
);

export const comparedTraces = some(
  {
    a: compared,
    b: compared,
    difference,
    path: fc.record({
      ...shown(
        fc.record({
          ...subject,
          a: spanUs,
          b: spanUs,
          difference,
          spans: fc.record({ a: fc.nat(), b: fc.nat() }),
        }),
      ),
      hiddenDifference: difference,
    }),
    paired: fc.record({
      ...shown(
        some(
          {
            service: hostileText,
            operation: hostileText,
            requestLine: hostileText,
            kind: fc.constant('server' as const),
            depth: fc.nat(),
            pairs: fc.nat(),
            versions: fc.record({ a: hostileText, b: hostileText }),
            a: spanUs,
            b: spanUs,
          },
          ['service', 'operation', 'requestLine', 'kind', 'depth', 'pairs', 'a', 'b'],
        ),
      ),
      pairCount: fc.nat(),
    }),
    onlyInA: unpaired,
    onlyInB: unpaired,
    notices: many(hostileText, 30),
    url,
  },
  ['a', 'b', 'difference', 'path', 'paired', 'onlyInA', 'onlyInB', 'notices'],
) as fc.Arbitrary<unknown> as fc.Arbitrary<ComparisonView>;

const parts = many(
  fc.record({ ...subject, time: spanUs, potentialSaving: spanUs, spans: fc.nat(), share: value }),
  60,
);

export const part = some(
  {
    service: hostileText,
    traceId: hostileText,
    requestId: hostileText,
    rootService: hostileText,
    start: atUs,
    rootDuration: spanUs,
    spans: many(
      fc.record({
        operation: hostileText,
        requestLine: hostileText,
        duration: spanUs,
        offset: difference,
        isError: fc.boolean(),
        status: hostileText,
      }),
      60,
    ),
    hiddenSpans: fc.nat(),
    share: value,
    onPath: spanUs,
    spentOn: fc.record({ rows: parts, hidden: fc.record({ count: fc.nat(), time: spanUs }) }),
    percentiles,
    notices: many(hostileText, 30),
    url,
  },
  [
    'service',
    'traceId',
    'rootService',
    'start',
    'rootDuration',
    'spans',
    'hiddenSpans',
    'share',
    'spentOn',
    'notices',
  ],
) as fc.Arbitrary<unknown> as fc.Arbitrary<ServiceInRequest>;

const side = some({ p50: estimate, p99: estimate, requestsPerSecond: value }, ['requestsPerSecond']);

export const breakdown = some(
  {
    versions: fc.record(
      shown(
        some({ version: hostileText, share: value, p50: estimate, p99: estimate, errorShare: value }, [
          'version',
          'share',
        ]),
      ),
    ),
    outcomes: fc.record({
      ...shown(
        some(
          {
            code: hostileText,
            grpcStatus: hostileText,
            flags: hostileText,
            isFailure: fc.boolean(),
            share: value,
            p99: estimate,
          },
          ['code', 'grpcStatus', 'flags', 'isFailure', 'share'],
        ),
      ),
      side: fc.constantFrom('source' as const, 'destination' as const),
    }),
    sides: some({ source: side, destination: side, meanBetween: span }, ['source', 'destination']),
  },
  ['versions', 'outcomes'],
) as fc.Arbitrary<unknown> as fc.Arbitrary<LatencyBreakdown>;

import * as fc from 'fast-check';
import type { WhyView } from '../../../src/commands/trace-why.ts';
import type { PieceKind } from '../../../src/culprit/piece.ts';
import type { CulpritKind } from '../../../src/culprit/result.ts';
import { hostileText, links, many, some, spanUs, url, value, window } from './hostile.ts';

const candidate = fc.record({
  service: hostileText,
  operation: hostileText,
  kind: fc.constantFrom<CulpritKind[]>('own-code', 'database', 'network', 'bad-replica', 'new-version'),
  detail: hostileText,
  slowdown: spanUs,
  share: value,
});

const piece = fc.record({
  key: fc.record({
    kind: fc.constantFrom<PieceKind[]>('own', 'request', 'response', 'database', 'external', 'retry'),
    service: hostileText,
    operation: hostileText,
    callee: hostileText,
  }),
  normalPerCall: value,
  slowPerCall: value,
  normalCalls: value,
  slowCalls: value,
  price: value,
  volume: value,
});

const attribute = fc.record({
  service: hostileText,
  attribute: hostileText,
  value: hostileText,
  slow: fc.nat(),
  ofSlow: fc.nat(),
  normal: fc.nat(),
  ofNormal: fc.nat(),
  probability: value,
});

const counts = { slow: fc.nat(), normal: fc.nat() };

const result = fc.oneof(
  fc.record({ kind: fc.constantFrom('too-few' as const, 'not-slower' as const), ...counts }),
  some(
    {
      kind: fc.constant('compared' as const),
      candidates: many(candidate, 3),
      second: candidate,
      confidence: fc.constantFrom('high' as const, 'medium' as const, 'unclear' as const),
      caveats: many(hostileText, 30),
      agreeing: fc.nat(),
      resamples: fc.nat(),
      ...counts,
      slowdown: value,
      unattributed: value,
      pieces: many(piece, 60),
      attributes: many(attribute, 30),
    },
    [
      'kind',
      'candidates',
      'confidence',
      'caveats',
      'agreeing',
      'resamples',
      'slow',
      'normal',
      'slowdown',
      'unattributed',
      'pieces',
      'attributes',
    ],
  ),
);

const example = some({ traceId: fc.oneof(hostileText, fc.constant('a'.repeat(32))), duration: spanUs, url }, [
  'traceId',
  'duration',
]);

/** The answer to `/trace why` with the worst texts and numbers. */
export const whyView = fc.record({
  command: fc.record({ kind: fc.constant('why' as const), service: hostileText }),
  why: some(
    {
      endpoint: some({ operation: hostileText, requestLine: hostileText }, []),
      excess: fc.record({
        threshold: spanUs,
        slow: fc.nat(),
        ofSlow: fc.nat(),
        normal: fc.nat(),
        ofNormal: fc.nat(),
        isLarger: fc.boolean(),
      }),
      result,
      slow: fc.record({ window }),
      normal: fc.record({ window }),
      searches: fc.nat(),
      isIncomplete: fc.boolean(),
    },
    ['endpoint', 'result', 'slow', 'normal', 'searches', 'isIncomplete'],
  ),
  examples: some({ slow: example, normal: example }, []),
  links,
}) as fc.Arbitrary<unknown> as fc.Arbitrary<WhyView>;

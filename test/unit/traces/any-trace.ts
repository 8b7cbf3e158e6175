import * as fc from 'fast-check';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span, SpanKind, Trace } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const KINDS: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer', 'unspecified'];

/** Traces of any shape with one root: each span but the first hangs on an earlier one. */
export const anyTrace: fc.Arbitrary<Trace> = fc
  .array(
    fc.record({
      up: fc.nat(),
      start: fc.integer({ min: -50, max: 400 }),
      duration: fc.oneof(fc.nat(300), fc.constantFrom(0, 50, 100)),
      kind: fc.constantFrom(...KINDS),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((items) =>
    aTrace(
      '1',
      items.map(
        ({ up, start, duration, kind }, i): Partial<Span> => ({
          // Ids break ties between spans of the same start and end.
          spanId: `s${String(i).padStart(2, '0')}`,
          spanName: `op ${up % 3}`,
          serviceName: `service ${i % 4}`,
          kind,
          start: epochUs(1_000 + (i === 0 ? 0 : start)),
          duration: us(i === 0 ? 200 + (up % 200) : duration),
          ...(i === 0 ? {} : { parentSpanId: `s${String(up % i).padStart(2, '0')}` }),
        }),
      ),
    ),
  );

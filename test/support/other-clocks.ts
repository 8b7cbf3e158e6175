import { epochUs } from '../../src/lib/units.ts';
import type { Trace } from '../../src/traces/trace.ts';

/** The same traces with each service's clock off by up to two seconds. */
export const withOtherClocks = (traces: readonly Trace[]): readonly Trace[] =>
  traces.map((trace) => ({
    ...trace,
    spans: trace.spans.map((span) => {
      const hash = Array.from(span.serviceName).reduce(
        (sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 4_001,
        7,
      );
      return { ...span, start: epochUs(span.start + (hash - 2_000) * 1_000) };
    }),
  }));

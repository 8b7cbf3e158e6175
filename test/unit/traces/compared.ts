import { compareStructure } from '../../../src/traces/compare-structure.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { buildTree, type SpanNode } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';

const rootOf = (trace: Trace): SpanNode => {
  const [root] = buildTree(trace).roots;
  if (root === undefined) throw new Error('a trace without spans');
  return root;
};

/** The structures of two traces side by side, from their roots down. */
export const compared = (a: Trace, b: Trace) => compareStructure(rootOf(a), rootOf(b));

/** A drawing in which `pay1` and `pay2` are two spans of `pay`. */
function numbered(drawing: string): Trace {
  const { traceId, spans } = drawn(drawing);
  const named = spans.map((span) => {
    const name = span.spanId.replace(/\d+$/, '');
    return { ...span, serviceName: name, spanName: name };
  });
  return { traceId, spans: named };
}

/** The same of two drawings, a line of text for each row; times in milliseconds. */
export const written = (a: string, b: string) => {
  const { roots, paired, onlyInA, onlyInB } = compared(numbered(a), numbered(b));
  const lone = (rows: typeof onlyInA): readonly string[] =>
    rows.map(
      ({ under, service, isEarlierAttempt, times, spans, time }) =>
        `${under}>${service} ${times}/${spans} ${time / 1_000}${isEarlierAttempt ? ' earlier' : ''}`,
    );
  return {
    roots,
    paired: paired.map(
      ({ service, depth, pairs, a, b }) =>
        `${'.'.repeat(depth)}${service} ${pairs}: ${a / 1_000} ${b / 1_000}`,
    ),
    a: lone(onlyInA),
    b: lone(onlyInB),
  };
};

import { epochUs, us } from '../../src/lib/units.ts';
import type { Span, SpanKind, Trace } from '../../src/traces/trace.ts';
import { aTrace } from './fake-trace-source.ts';

/**
 * A trace from lines `service kind start-end key=value...`, times in milliseconds, a child indented below its parent.
 * `name=` sets the span name, `error=true` marks a failed span. The span ids are `s0`, `s1` in order.
 */
export function timed(text: string): Trace {
  const open: { readonly indent: number; readonly spanId: string }[] = [];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return aTrace(
    '1',
    lines.map((line, i): Partial<Span> => {
      const indent = line.search(/\S/);
      while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
      const parentSpanId = open.at(-1)?.spanId;
      open.push({ indent, spanId: `s${i}` });
      const [serviceName = '', kind = '', times = '', ...tags] = line.trim().split(/ +/);
      const [start = 0, end = 0] = times.split('-').map((time) => Math.round(Number(time) * 1_000));
      const { name, error, ...attributes } = Object.fromEntries(tags.map((tag) => tag.split('=')));
      return {
        spanId: `s${i}`,
        ...(parentSpanId === undefined ? {} : { parentSpanId }),
        serviceName,
        spanName: name ?? `${serviceName} ${kind}`,
        kind: kind as SpanKind,
        isError: error === 'true',
        attributes,
        start: epochUs(start),
        duration: us(end - start),
      };
    }),
  );
}

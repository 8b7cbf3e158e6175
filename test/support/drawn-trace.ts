import { epochUs, us } from '../../src/lib/units.ts';
import type { Span, SpanKind, Trace } from '../../src/traces/trace.ts';
import { aTrace } from './fake-trace-source.ts';

/** How a drawing names a kind; a span without one measures work inside a process. */
const KINDS: Readonly<Record<string, SpanKind>> = {
  c: 'client',
  s: 'server',
  p: 'producer',
  k: 'consumer',
};

/**
 * A trace from a drawing, one character per millisecond. A line is a span: its name, which is its service too unless `@` names
 * another one, `:c` its kind, `<` its parent, `|===|` when. `~` in place of `=`: it follows from its parent; `!`: it failed.
 */
export function drawn(drawing: string, origin = 0): Trace {
  const lines = drawing.split('\n').filter((line) => line.includes('|'));
  const left = Math.min(...lines.map((line) => line.indexOf('|')));
  return aTrace(
    '1',
    lines.map((line): Partial<Span> => {
      const [, name = '', service = name, kind = '', parent] =
        /^\s*(\w+)(?:@(\w+))?(?::(\w))?(?:<(\w+))?/.exec(line) ?? [];
      const start = line.indexOf('|');
      const end = line.lastIndexOf('|');
      return {
        spanId: name,
        serviceName: service,
        spanName: service,
        kind: KINDS[kind] ?? 'internal',
        ...(parent === undefined ? {} : { parentSpanId: parent }),
        ...(line.includes('~') ? { followsFrom: true } : {}),
        isError: line.includes('!'),
        start: epochUs(origin + (start - left) * 1_000),
        duration: us((end - start) * 1_000),
      };
    }),
  );
}

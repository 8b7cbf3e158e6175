import { START } from '../support/virtual-clock.ts';

interface Place {
  /** The number of the parent; the first span is 0. */
  readonly parent: number;
  /** Microseconds after the root's start. */
  readonly start: number;
  readonly duration: number;
}

/** Where span `n` of `size` lies under a root of `rootLength`: the shapes on which implementations of the path differ. */
export const SHAPES = {
  /** Each span inside the one before. */
  chain: (n, size) => ({ parent: n - 1, start: n, duration: 2 * (size - n) + 1 }),
  'siblings in sequence': (n) => ({ parent: 0, start: 2 * n, duration: 1 }),
  'siblings back to back': (n) => ({ parent: 0, start: 2 * n, duration: 2 }),
  'siblings in parallel': (n, size) => ({ parent: 0, start: 1, duration: size + n }),
  'siblings after the root': (n, size) => ({ parent: 0, start: 3 * size + n, duration: 5 }),
  /** Four children each, one after the other, as services call services. */
  mixed: (n, size) => {
    let [start, length, first, count] = [0, 2 * size + 2, 0, 1];
    for (let rest = n; rest >= first + count; count *= 4) first += count;
    const level = Math.round(Math.log(count) / Math.log(4));
    for (let step = level - 1, at = n - first; step >= 0; step--) {
      const part = length / 4;
      const digit = Math.floor(at / 4 ** step) % 4;
      start += digit * part + part * 0.05;
      length = part * 0.9;
    }
    const parent = Math.floor((n - 1) / 4);
    return { parent, start: Math.floor(start), duration: Math.max(1, Math.floor(length)) };
  },
} satisfies Readonly<Record<string, (n: number, size: number) => Place>>;

/** How the spans of a trace lie. */
export type Shape = keyof typeof SHAPES;

const id = (n: number): string => (n + 1).toString(16).padStart(16, '0');

/** A trace of the shape as Jaeger's older API sends it, its spans with so many attributes more. */
export function traceBody(shape: Shape, size: number, attributes = 0): string {
  const more = Array.from({ length: attributes }, (_, n) => ({
    key: `attribute.number.${n}`,
    type: 'string',
    value: `value-of-attribute-${n}`,
  }));
  const traceID = '1'.padStart(32, '0');
  const spans = Array.from({ length: size }, (_, n) => {
    const { parent, start, duration } =
      n === 0 ? { parent: -1, start: 0, duration: 2 * size + 2 } : SHAPES[shape](n, size);
    return {
      traceID,
      spanID: id(n),
      operationName: `operation ${n % 7}`,
      references: n === 0 ? [] : [{ refType: 'CHILD_OF', traceID, spanID: id(parent) }],
      startTime: START * 1_000 + start,
      duration,
      tags: [
        { key: 'span.kind', type: 'string', value: 'internal' },
        { key: 'http.status_code', type: 'string', value: '200' },
        ...more,
      ],
      logs: [],
      processID: `p${n % 20}`,
      warnings: null,
    };
  });
  const processes = Object.fromEntries(
    Array.from({ length: 20 }, (_, n) => [`p${n}`, { serviceName: `service-${n}`, tags: [] }]),
  );
  return JSON.stringify({ data: [{ traceID, spans, processes, warnings: null }] });
}

import { readLegacyTraces } from '../../src/jaeger/wire-legacy.ts';
import { criticalPathOf } from '../../src/traces/critical-path.ts';
import type { Trace } from '../../src/traces/trace.ts';
import { summarize } from '../../src/traces/trace-summary.ts';
import { buildTree } from '../../src/traces/tree.ts';
import { START } from '../support/virtual-clock.ts';
import { sideBySide } from './measure.ts';

interface Place {
  /** The number of the parent; the first span is 0. */
  readonly parent: number;
  /** Microseconds after the root's start. */
  readonly start: number;
  readonly duration: number;
}

/** Where span `n` of `size` lies under a root of `rootLength`: the shapes on which implementations of the path differ. */
const SHAPES = {
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

type Shape = keyof typeof SHAPES;

const id = (n: number): string => (n + 1).toString(16).padStart(16, '0');

/** A trace of the shape as Jaeger's older API sends it. */
function bodyOf(shape: Shape, size: number): string {
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

/** Milliseconds for the tree and the critical path, on a machine of two cores. */
const GOALS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.keys(SHAPES).map((shape) => [`${shape} 100`, 0.1])),
  'siblings in sequence 10000': 30,
  'mixed 100000': 150,
  'chain 100000': 300,
};

const pathOf = (trace: Trace): unknown => buildTree(trace).roots.map(criticalPathOf);

/** Small traces are read many times in a round: one would be less than the clock can tell. */
const TIMES: Readonly<Record<number, number>> = { 100: 100, 1_000: 10 };

async function row(shape: Shape, size: number): Promise<Readonly<Record<string, unknown>>> {
  const body = bodyOf(shape, size);
  const parse = (): readonly Trace[] => readLegacyTraces(JSON.parse(body));
  const [trace] = parse();
  if (trace === undefined) throw new Error('the body holds no trace');
  const times = TIMES[size] ?? 1;
  const repeated = (work: () => unknown) => (): void => {
    for (let i = 0; i < times; i++) work();
  };
  const measured = await sideBySide(
    { path: repeated(() => pathOf(trace)), summary: repeated(() => summarize(trace)) },
    { rounds: 9 },
  );
  const parsed = await sideBySide({ parse: repeated(parse) }, { rounds: 3, warmUp: 1 });
  const [path = 0, summary = 0, parsing = 0] = [...measured, ...parsed].map(
    ({ medianMs }) => medianMs / times,
  );
  const goal = GOALS[`${shape} ${size}`];
  const shown = (value: number): number => Number(value.toPrecision(3));
  return {
    shape,
    spans: size,
    'parse ms': shown(parsing),
    'tree and path ms': shown(path),
    'goal ms': goal ?? '',
    met: goal === undefined ? '' : path <= goal ? 'yes' : 'NO',
    'whole answer ms': shown(summary),
  };
}

/** Reading a trace and finding its critical path, in six shapes up to 100,000 spans. */
export async function benchShapes(): Promise<void> {
  console.log('\none trace: parsing, critical path, everything that is said of it (medians)');
  for (const shape of Object.keys(SHAPES) as Shape[]) {
    const rows = [];
    for (const size of [100, 1_000, 10_000, 100_000]) rows.push(await row(shape, size));
    console.table(rows);
  }
}

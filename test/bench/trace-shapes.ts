import { readLegacyTraces } from '../../src/jaeger/wire-legacy.ts';
import { criticalPathOf } from '../../src/traces/critical-path.ts';
import type { Trace } from '../../src/traces/trace.ts';
import { summarize } from '../../src/traces/trace-summary.ts';
import { buildTree } from '../../src/traces/tree.ts';
import { sideBySide } from './measure.ts';
import { SHAPES, type Shape, traceBody } from './trace-body.ts';

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
  const body = traceBody(shape, size);
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

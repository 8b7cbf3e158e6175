import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import type { CulpritKind, CulpritResult } from '../../../src/culprit/result.ts';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { withOtherClocks } from '../../support/other-clocks.ts';
import { isFullRun } from '../../support/runs.ts';

const folder = new URL('../../../../shared/data/culprit-dev/', import.meta.url);

const json = (path: string): unknown => {
  const bytes = readFileSync(new URL(path, folder));
  return JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
};

const rootDuration = ({ spans }: Trace): number =>
  spans.find(({ parentSpanId }) => parentSpanId === undefined)?.duration ?? 0;

interface Truth {
  readonly service: string;
  readonly kind: 'own' | 'network';
}

/** What a fault of that kind may be called; both are faults of one pod. */
const KINDS: Readonly<Record<Truth['kind'], readonly CulpritKind[]>> = {
  own: ['own-code', 'queueing', 'bad-replica'],
  network: ['network', 'bad-replica'],
};

/** A labelled case, compared as the bot would: the traces over the threshold, where there are five. */
function run(
  path: string,
  seen: (traces: readonly Trace[]) => readonly Trace[],
): { readonly result: CulpritResult; readonly truth: Truth } {
  const { thresholdUs } = json(`${path}/meta.json`) as { thresholdUs: number };
  const truth = json(`${path}/truth.json`) as Truth;
  const abnormal = readLegacyTraces(json(`${path}/abnormal.json.gz`));
  const over = abnormal.filter((trace) => rootDuration(trace) > thresholdUs);
  const result = findCulprit(
    seen(over.length < 5 ? abnormal : over),
    seen(readLegacyTraces(json(`${path}/normal.json.gz`))),
  );
  if (result.kind !== 'compared') throw new Error(`${path}: ${result.kind}`);
  return { result, truth };
}

describe.skipIf(!existsSync(folder))('labelled faults of public systems', () => {
  it.each([
    ['as they are', (traces: readonly Trace[]) => traces],
    ['with clocks that differ by seconds', withOtherClocks],
  ])('%s, are attributed to the right service, and none is wrong with high confidence', (_, seen) => {
    const paths = readdirSync(folder).flatMap((set) =>
      readdirSync(new URL(`${set}/`, folder)).map((name) => `${set}/${encodeURIComponent(name)}`),
    );
    expect(paths.length).toBeGreaterThan(80);
    const cases = paths.filter((_, index) => isFullRun || index % 5 === 0).map((path) => run(path, seen));
    const isRight = ({ result, truth }: (typeof cases)[number]): boolean =>
      result.candidates[0]?.service === truth.service;
    expect(cases.filter(isRight).length / cases.length).toBeGreaterThanOrEqual(0.97);
    expect(cases.filter((each) => each.result.confidence === 'high' && !isRight(each))).toEqual([]);
    const hasKind = ({ result: { candidates }, truth }: (typeof cases)[number]): boolean =>
      candidates[0] !== undefined && KINDS[truth.kind].includes(candidates[0].kind);
    expect(cases.filter(hasKind).length / cases.length).toBeGreaterThanOrEqual(0.95);
  });
});

import { createRandom, type Random } from '../../demo/mesh/random.ts';
import { type EpochUs, epochUs, us } from '../../src/lib/units.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';

/** Slow and normal traces of one endpoint, and the service that is to blame. */
export interface Case {
  readonly slow: readonly Trace[];
  readonly normal: readonly Trace[];
  /** Empty when nothing is. */
  readonly truth: string;
  readonly name: string;
}

/** Another view of the same case: what is right does not change. */
export type Variant = (each: Case) => Case;

/** A deterministic number from 0 to 1 for a text. */
function chance(text: string): number {
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const mapTraces =
  (change: (trace: Trace) => Trace): Variant =>
  (each) => ({ ...each, slow: each.slow.map(change), normal: each.normal.map(change) });

const mapSpans = (change: (span: Span) => Span | undefined): Variant =>
  mapTraces((trace) => ({ ...trace, spans: trace.spans.flatMap((span) => change(span) ?? []) }));

const first =
  (count: number): Variant =>
  (each) => ({ ...each, slow: each.slow.slice(0, count), normal: each.normal.slice(0, count) });

function drawn<T>(values: readonly T[], count: number, random: Random): readonly T[] {
  const pool = [...values];
  return Array.from({ length: Math.min(count, pool.length) }, () =>
    pool.splice(random.below(pool.length), 1),
  ).flat();
}

const subset =
  (count: number, seed: number): Variant =>
  (each) => {
    const random = createRandom(seed);
    return { ...each, slow: drawn(each.slow, count, random), normal: drawn(each.normal, count, random) };
  };

/** Removes spans and hangs what is below them on the nearest parent that is left. */
const without = (isRemoved: (span: Span) => boolean): Variant =>
  mapTraces((trace) => {
    const byId = new Map(trace.spans.map((span) => [span.spanId, span]));
    const above = ({ parentSpanId }: Span): Span | undefined =>
      parentSpanId === undefined ? undefined : byId.get(parentSpanId);
    const parentOf = (span: Span): string | undefined => {
      let parent = above(span);
      while (parent !== undefined && isRemoved(parent)) parent = above(parent);
      return parent?.spanId ?? (above(span) === undefined ? span.parentSpanId : undefined);
    };
    return {
      ...trace,
      spans: trace.spans
        .filter((span) => span.parentSpanId === undefined || !isRemoved(span))
        .map((span) => ({ ...span, parentSpanId: parentOf(span) })),
    };
  });

const lost = (share: number, seed: number): Variant =>
  mapSpans((span) =>
    span.parentSpanId !== undefined && chance(`${seed}${span.traceId}${span.spanId}`) < share
      ? undefined
      : span,
  );

const shifted = (span: Span, byMost: number): EpochUs =>
  epochUs(span.start + Math.round((chance(span.serviceName) - 0.5) * 2 * byMost));

/** Services that call nobody, other than the right one: half of them send no spans. */
const fewerServices: Variant = (each) => {
  const callers = new Set<string>();
  for (const { spans } of each.normal) {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
      if (parent !== undefined && parent.serviceName !== span.serviceName) callers.add(parent.serviceName);
    }
  }
  const isRemoved = ({ serviceName }: Span): boolean =>
    serviceName !== each.truth && !callers.has(serviceName) && chance(serviceName) < 0.5;
  return mapSpans((span) => (isRemoved(span) ? undefined : span))(each);
};

const renamed = (text: string): string => `n${Math.round(chance(text) * 1e9).toString(36)}`;

const otherNames: Variant = (each) => ({
  ...mapSpans((span) => ({
    ...span,
    serviceName: renamed(span.serviceName),
    spanName: renamed(span.spanName),
  }))(each),
  truth: renamed(each.truth),
});

const scaled = (by: number): Variant =>
  mapTraces((trace) => {
    const origin = Math.min(...trace.spans.map(({ start }) => start));
    return {
      ...trace,
      spans: trace.spans.map((span) => ({
        ...span,
        start: epochUs(Math.round(origin + (span.start - origin) * by)),
        duration: us(Math.round(span.duration * by)),
      })),
    };
  });

/** A third of the slow traces are normal ones. */
const mixed: Variant = (each) => ({
  ...each,
  slow: [...each.slow.slice(0, 26), ...each.normal.slice(0, 13)],
  normal: each.normal.slice(13),
});

/** What a backend, an agent or a mesh may do to the same traces. */
export const VARIANTS: Readonly<Record<string, Variant>> = {
  'all traces': (each) => each,
  '20 a side': first(20),
  '10 a side': first(10),
  '5 a side': first(5),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((seed) => [
      [`any 10 a side (${seed})`, subset(10, seed)],
      [`any 5 a side (${seed})`, subset(5, seed)],
    ]),
  ),
  ...Object.fromEntries([1, 2].map((seed) => [`15% of spans lost (${seed})`, lost(0.15, seed)])),
  '30% of spans lost': lost(0.3, 3),
  'clock offsets of 40 ms': mapSpans((span) => ({ ...span, start: shifted(span, 40_000) })),
  'clock offsets of 2 s': mapSpans((span) => ({ ...span, start: shifted(span, 2_000_000) })),
  'fewer services': fewerServices,
  'no internal spans': without(({ kind }) => kind === 'internal'),
  'other names': otherNames,
  'a tenth as long': scaled(0.1),
  'ten times as long': scaled(10),
  'a third is not slow': mixed,
  'no client spans': without(({ kind }) => kind === 'client'),
  'no span kinds': mapSpans((span) => ({ ...span, kind: 'unspecified' })),
};

import type { Steps } from '../lib/concurrency.ts';
import { epochUs } from '../lib/units.ts';
import { CLOSING_US, ROUNDING_US } from '../traces/clock-skew.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { buildTree } from '../traces/tree.ts';
import { attributeOf } from './attributes.ts';

/** Fewer calls between two clocks tell nothing of how they differ. */
const FEWEST_CALLS = 3;

/** Calls between two clocks: how far each server was ahead of its client, in microseconds, and how many cannot be so. */
interface Calls {
  readonly ahead: number[];
  misplaced: number;
}

const endOf = ({ start, duration }: Span): number => start + duration;

/** A pod has the clock of its node; without a name of the pod, all of a service count as one. */
const clockOf = (span: Span): string => attributeOf(span, 'pod') ?? span.serviceName;

const pairOf = (client: Span, server: Span): string => `${clockOf(client)}\u0000${clockOf(server)}`;

const isCall = (parent: Span | undefined, { kind }: Span): parent is Span =>
  parent?.kind === 'client' && kind === 'server';

/** A server that starts before its client, or ends after one that is longer: the clocks differ. */
const isMisplaced = (client: Span, server: Span): boolean =>
  server.start < client.start - ROUNDING_US ||
  (endOf(server) > endOf(client) + CLOSING_US && server.duration <= client.duration);

function* callsOf(traces: readonly Trace[]): Steps<ReadonlyMap<string, Calls>> {
  const pairs = new Map<string, Calls>();
  for (const { spans } of traces) {
    yield spans.length;
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
      if (!isCall(parent, span)) continue;
      const key = pairOf(parent, span);
      const calls = pairs.get(key) ?? { ahead: [], misplaced: 0 };
      pairs.set(key, calls);
      calls.ahead.push(span.start + span.duration / 2 - (parent.start + parent.duration / 2));
      if (isMisplaced(parent, span)) calls.misplaced += 1;
    }
  }
  return pairs;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** How far the clock of the called side is ahead, for each pair whose calls mostly cannot have run as they say. */
function offsetsOf(pairs: ReadonlyMap<string, Calls>): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>();
  for (const [key, { ahead, misplaced }] of pairs)
    if (ahead.length >= FEWEST_CALLS && misplaced * 2 > ahead.length) offsets.set(key, median(ahead));
  return offsets;
}

/** Puts every called span, with what is below it, onto the clock of its caller. */
function aligned(trace: Trace, offsets: ReadonlyMap<string, number>): Trace {
  const shifts = new Map<Span, number>();
  // Parents come before their children.
  for (const { span, parent } of buildTree(trace).nodes) {
    const above = parent?.span;
    const ahead = isCall(above, span) ? (offsets.get(pairOf(above, span)) ?? 0) : 0;
    shifts.set(span, (above === undefined ? 0 : (shifts.get(above) ?? 0)) - ahead);
  }
  const moved = (span: Span): Span => {
    const shift = shifts.get(span) ?? 0;
    return shift === 0 ? span : { ...span, start: epochUs(Math.round(span.start + shift)) };
  };
  return { ...trace, spans: trace.spans.map(moved) };
}

function* allAligned(
  traces: readonly Trace[],
  offsets: ReadonlyMap<string, number>,
): Steps<readonly Trace[]> {
  const all: Trace[] = [];
  for (const trace of traces) {
    yield trace.spans.length;
    all.push(aligned(trace, offsets));
  }
  return all;
}

/** Slow and normal traces of one endpoint. */
export interface CohortSets {
  readonly slow: readonly Trace[];
  readonly normal: readonly Trace[];
}

/**
 * Slow and normal traces with the clocks of their services aligned. Where clocks differ by more than a call takes, one leg of
 * it is longer by the difference and the other shorter: a change in how many calls are waited for would then look
 * like a slow network. The difference is the median distance of the middles of a server and its client in normal traces, as NTP
 * estimates it (RFC 5905, section 8); delays of the slow traces, which may be on one leg alone, do not count. Traces whose
 * clocks agree are returned as they are.
 */
export function* alignClocks(sets: CohortSets): Steps<CohortSets> {
  const normal = yield* callsOf(sets.normal);
  const unseen = [...(yield* callsOf(sets.slow))].filter(([key]) => !normal.has(key));
  const offsets = offsetsOf(new Map([...unseen, ...normal]));
  if (offsets.size === 0) return sets;
  return { slow: yield* allAligned(sets.slow, offsets), normal: yield* allAligned(sets.normal, offsets) };
}

import { epochUs } from '../lib/units.ts';
import { isMisplaced } from '../traces/clock-skew.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { buildTree, type SpanNode, type SpanTree } from '../traces/tree.ts';
import { podOf } from './attributes.ts';

/** Fewer calls between two clocks tell nothing of how they differ. */
const FEWEST_CALLS = 3;

/** Calls between two clocks: how far each server was ahead of its client, in microseconds, and how many cannot be so. */
interface Calls {
  readonly ahead: number[];
  misplaced: number;
}

/** Values by the clocks of a client and of its server. */
type ByClocks<Value> = Map<string, Map<string, Value>>;

/** By how many microseconds the clock of a server is ahead of that of its client. */
export type ClockOffsets = ReadonlyMap<string, ReadonlyMap<string, number>>;

const middleOf = ({ start, duration }: Span): number => start + duration / 2;

/** A pod has the clock of its node; without a name of the pod, all of a service count as one. */
const clockOf = (span: Span): string => podOf(span) ?? span.serviceName;

const isCall = ({ parent, span }: SpanNode): boolean =>
  parent?.span.kind === 'client' && span.kind === 'server';

function addCalls({ nodes }: SpanTree, calls: ByClocks<Calls>): void {
  for (const node of nodes) {
    const { parent, span } = node;
    if (parent === undefined || !isCall(node)) continue;
    const between = callsBetween(calls, clockOf(parent.span), clockOf(span));
    between.ahead.push(middleOf(span) - middleOf(parent.span));
    if (isMisplaced(parent, span)) between.misplaced += 1;
  }
}

function callsBetween(calls: ByClocks<Calls>, client: string, server: string): Calls {
  const ofClient = calls.get(client) ?? new Map<string, Calls>();
  calls.set(client, ofClient);
  const between = ofClient.get(server) ?? { ahead: [], misplaced: 0 };
  ofClient.set(server, between);
  return between;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Adds how far the clock of the called side is ahead, for each pair whose calls mostly cannot have run as they say. */
function addOffsets(calls: ByClocks<Calls>, offsets: ByClocks<number>): void {
  for (const [client, servers] of calls)
    for (const [server, { ahead, misplaced }] of servers)
      if (ahead.length >= FEWEST_CALLS && misplaced * 2 > ahead.length)
        offsets.set(client, (offsets.get(client) ?? new Map<string, number>()).set(server, median(ahead)));
}

/** Sees the calls of slow and of normal traces, and knows from them how clocks differ. */
export interface ClockComparer {
  see(tree: SpanTree, set: 'slow' | 'normal'): void;
  /** Empty while all clocks agree. */
  offsets(): ClockOffsets;
}

/**
 * Finds clocks that differ by more than a call takes: one leg of it is longer by the difference and the other shorter, and a change
 * in how many calls are waited for would then look like a slow network. The difference is the median distance of the middles of a
 * server and its client in normal traces, as NTP estimates it (RFC 5905, section 8); delays of the slow traces, which may
 * be on one leg alone, count only for clocks that no normal trace has.
 */
export function createClockComparer(): ClockComparer {
  const calls: Readonly<Record<'slow' | 'normal', ByClocks<Calls>>> = { slow: new Map(), normal: new Map() };
  return {
    see: (tree, set) => addCalls(tree, calls[set]),
    offsets: () => {
      const { slow, normal } = calls;
      const unseen = new Map(
        [...slow].map(([client, servers]) => [
          client,
          new Map([...servers].filter(([server]) => normal.get(client)?.has(server) !== true)),
        ]),
      );
      const offsets: ByClocks<number> = new Map();
      addOffsets(unseen, offsets);
      addOffsets(normal, offsets);
      return offsets;
    },
  };
}

/** The trace with every called span, and what is below it, on the clock of its caller. */
export function alignClocks(trace: Trace, offsets: ClockOffsets): Trace {
  const shifts = new Map<Span, number>();
  // Parents come before their children.
  for (const node of buildTree(trace).nodes) {
    const { parent, span } = node;
    const above = parent === undefined ? 0 : (shifts.get(parent.span) ?? 0);
    const ahead =
      parent !== undefined && isCall(node)
        ? offsets.get(clockOf(parent.span))?.get(clockOf(span))
        : undefined;
    shifts.set(span, above - (ahead ?? 0));
  }
  const moved = (span: Span): Span => {
    const shift = shifts.get(span) ?? 0;
    return shift === 0 ? span : { ...span, start: epochUs(Math.round(span.start + shift)) };
  };
  return { ...trace, spans: trace.spans.map(moved) };
}

import { createRandom, type Random } from '../../demo/mesh/random.ts';
import { epochUs, us } from '../../src/lib/units.ts';
import { isDatabaseCall } from '../../src/traces/calls.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';
import { buildTree, type SpanNode } from '../../src/traces/tree.ts';
import type { Case } from './culprit-variants.ts';

/** Delays in microseconds that a fault adds to one trace; drawn anew at each use. */
interface Fault {
  /** To the work of a server, before it calls others. */
  readonly own: (server: Span) => number;
  /** To a database statement. */
  readonly statement: (client: Span) => number;
  /** To a request on its way, and to its response. */
  readonly request: (caller: string, callee: string) => number;
  readonly response: (caller: string, callee: string) => number;
}

type Kind = 'own code' | 'database' | 'egress' | 'network';

const none = (): number => 0;

function faultOf(kind: Kind, service: string, draw: () => number): Fault {
  const isOf = (name: string): number => (name === service ? draw() : 0);
  const nothing: Fault = { own: none, statement: none, request: none, response: none };
  const egress = {
    request: (caller: string) => isOf(caller),
    response: (_: string, callee: string) => isOf(callee),
    statement: ({ serviceName }: Span) => isOf(serviceName),
  };
  switch (kind) {
    case 'own code':
      return { ...nothing, own: ({ serviceName }) => isOf(serviceName) };
    case 'database':
      return { ...nothing, statement: ({ serviceName }) => isOf(serviceName) };
    case 'egress':
      return { ...nothing, ...egress };
    case 'network':
      return {
        ...nothing,
        request: (caller, callee) => isOf(caller) + isOf(callee),
        response: (caller, callee) => isOf(caller) + isOf(callee),
        statement: ({ serviceName }) => 2 * isOf(serviceName),
      };
  }
}

const endOf = ({ start, duration }: Span): number => start + duration;
/** A call that began this soon before another one ended may have waited for it. */
const WAITED_US = 200;

/**
 * The same request with the delays of a fault: what ran after something delayed starts as much later, what waited for it ends as
 * much later.
 */
function delayed(trace: Trace, fault: Fault): Trace {
  const spans: Span[] = [];
  /** Returns how much later the span ends. */
  const move = ({ span, children }: SpanNode, by: number): number => {
    const isClient = span.kind === 'client';
    const begun = by + (span.kind === 'server' ? fault.own(span) : 0);
    let endsLater = begun + (isClient && isDatabaseCall(span) ? fault.statement(span) : 0);
    const ended: { readonly at: number; readonly later: number }[] = [];
    for (const child of children) {
      const before = ended.filter(({ at }) => at <= child.span.start + WAITED_US).map(({ later }) => later);
      const isCall = isClient && child.span.kind === 'server';
      const [caller, callee] = [span.serviceName, child.span.serviceName];
      const start = Math.max(begun, ...before) + (isCall ? fault.request(caller, callee) : 0);
      const later = move(child, start) + (isCall ? fault.response(caller, callee) : 0);
      ended.push({ at: endOf(child.span), later });
      if (endOf(child.span) <= endOf(span) + WAITED_US || isCall) endsLater = Math.max(endsLater, later);
    }
    spans.push({ ...span, start: epochUs(span.start + by), duration: us(span.duration + endsLater - by) });
    return endsLater;
  };
  for (const root of buildTree(trace).roots) move(root, 0);
  return { ...trace, spans };
}

const rootDuration = ({ spans }: Trace): number =>
  spans.find(({ parentSpanId }) => parentSpanId === undefined)?.duration ?? 0;

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;

/** Services with a server span in nearly all traces, or, for a database fault, with a statement. */
function servicesIn(traces: readonly Trace[], kind: Kind): readonly string[] {
  const counts = new Map<string, number>();
  const isWanted = (span: Span): boolean =>
    kind === 'database' ? span.kind === 'client' && isDatabaseCall(span) : span.kind === 'server';
  for (const { spans } of traces)
    for (const name of new Set(spans.filter(isWanted).map(({ serviceName }) => serviceName)))
      counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > traces.length * 0.9).map(([name]) => name);
}

const KINDS: readonly Kind[] = ['own code', 'database', 'egress', 'network'];
/** Least slowdown of a case, as a share of the normal duration. */
const LEAST = 0.3;

function casesOf(each: Case, random: Random): readonly Case[] {
  const half = Math.floor(each.normal.length / 2);
  // The order of a file is by duration: every second trace, for two sets of one kind.
  const normal = each.normal.filter((_, i) => i % 2 === 0);
  const others = each.normal.filter((_, i) => i % 2 === 1);
  if (half < 10) return [];
  const usual = normal.map(rootDuration);
  const median = quantile(usual, 0.5);
  const threshold = quantile(usual, 0.95);
  return KINDS.flatMap((kind) =>
    servicesIn(each.normal, kind).flatMap((service) => {
      const draw = (): number => median * LEAST * (0.5 + random.next());
      const fault = faultOf(kind, service, draw);
      const slow = others
        .map((trace) => delayed(trace, fault))
        .filter((trace) => rootDuration(trace) > threshold);
      return slow.length < 10
        ? []
        : [{ slow, normal, truth: service, name: `${kind} ${service} in ${each.name}` }];
    }),
  );
}

/** Faults of every service and kind, put into the normal traces of public systems: one set of traces per endpoint. */
export function injectedCases(all: readonly Case[]): readonly Case[] {
  const random = createRandom(1);
  const byEndpoint = new Map<string, Case>();
  for (const each of all) {
    const key = each.name.replace(/^(.*\/\d{4})-[^_]*_.*?(__.*)?$/, '$1$2');
    if (!byEndpoint.has(key)) byEndpoint.set(key, each);
  }
  return [...byEndpoint.values()].flatMap((each) => casesOf(each, random));
}

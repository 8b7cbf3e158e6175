import { epochUs, type Microseconds, type Ratio, ratio, us } from '../lib/units.ts';
import { type Call, callOf, isConnectionSetup, isDatabaseCall, peerOf, retriedClients } from './calls.ts';
import { isMisplaced, placeUnder } from './clock-skew.ts';
import { type CriticalPath, type CriticalPathSection, pathTimes } from './critical-path.ts';
import { operationsOf, serviceName } from './operations.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/**
 * What time on the critical path was spent on:
 * `own` the service's own code, or waiting that no span shows;
 * `network` the network to a called service and back, with the proxies at both ends;
 * `connection` the setup of a connection: name lookup, connect, TLS handshake;
 * `retry` the pause between two attempts at a call;
 * `database` a database statement;
 * `call` a call to something that has no span in the trace.
 *
 *     client   |=======================================|
 *     server        |=======|       |=============|
 *              ##### network ####### retry         #### network
 */
export type PathEntryKind = 'own' | 'network' | 'connection' | 'retry' | 'database' | 'call';

/** What time was spent on. */
export interface PathSubject {
  readonly kind: PathEntryKind;
  /** The service that spent the time, or waited. */
  readonly service: string;
  readonly operation: string;
  /**
   * The requests behind own code and calls without a known peer, where the operation does not name them:
   * `POST /charge`, `GET /a, GET /b and 3 more`.
   */
  readonly requestLine?: string;
  /**
   * What was called; empty when no attribute says so. Own code has a peer when spans of another service are its direct
   * children, without a client span between: then network and own code are indistinguishable.
   */
  readonly peer: string;
}

/** All sections of the critical path that were spent on the same subject. */
export interface PathEntry extends PathSubject {
  readonly time: Microseconds;
  /** Upper bound on how much sooner the root could have ended without it. */
  readonly potentialSaving: Microseconds;
  /** Number of spans the time was spent in. */
  readonly spans: number;
}

/**
 * The critical path by what the time was spent on, the largest entry first. The times sum to the root's duration. Linear
 * in the number of sections: a span is classified once, however many sections it has.
 */
export function pathBreakdown({ sections }: CriticalPath): readonly PathEntry[] {
  const drafts = new Map<string, EntryDraft>();
  const spans = new Map<SpanNode, SpanOnPath>();
  for (const section of sections) {
    const { node, potentialSaving } = section;
    const onPath = spans.get(node) ?? { call: callOf(node), pauses: pausesOf(node) };
    // A span without children has a single section and is not looked up again.
    if (node.children.length > 0) spans.set(node, onPath);
    for (const [use, time] of usesOf(section, onPath)) {
      let spent = onPath[use];
      if (spent === undefined) {
        spent = { node, potentialSaving, time: 0 };
        onPath[use] = spent;
        draftOf(subjectOf(node, use), drafts).spent.push(spent);
      }
      spent.time += time;
    }
  }
  return [...drafts.values()]
    .map(totalOf)
    .sort((a, b) => b.time - a.time || (sortName(a) < sortName(b) ? -1 : 1));
}

/** Time that one span spent on a subject, and the potential saving of the span. */
interface Spent {
  readonly node: SpanNode;
  readonly potentialSaving: number;
  time: number;
}

/** What a client span that was answered does beside its servers, and `work`: all that another span does. */
type Use = Call['between'] | 'work';

/** One span's time on the path by use. */
type SpanOnPath = Partial<Record<Use, Spent>> & {
  readonly call: Call | undefined;
  /** The pauses between attempts, by the end of the attempt before them: until when. */
  readonly pauses: ReadonlyMap<number, number>;
};

/** The time of a section by use: that of a call is split where its first server began and where the last one ended. */
function usesOf(
  { start, end, spanStart, node }: CriticalPathSection,
  { call, pauses }: SpanOnPath,
): readonly (readonly [Use, number])[] {
  const moved = spanStart - node.span.start;
  const pauseEnd = pauses.get(start - moved);
  if (pauseEnd !== undefined) {
    const pause = Math.min(end, pauseEnd + moved) - start;
    return positive(['pause', pause], ['work', end - start - pause]);
  }
  if (call === undefined) return [['work', end - start]];
  const first = spanStart + call.firstStart;
  const last = Math.max(first, spanStart + call.answerEnd);
  return positive(
    [call.before, Math.min(end, first) - start],
    [call.between, Math.min(end, last) - Math.max(start, first)],
    [call.after, end - Math.max(start, last)],
  );
}

const positive = (...uses: readonly (readonly [Use, number])[]): readonly (readonly [Use, number])[] =>
  uses.filter(([, time]) => time > 0);

const NO_PAUSES: ReadonlyMap<number, number> = new Map();

function pausesOf(node: SpanNode): ReadonlyMap<number, number> {
  const retried = retriedClients(node);
  if (retried.length === 0) return NO_PAUSES;
  return new Map(
    retried.flatMap((clients) =>
      clients
        .slice(1)
        .map(({ span: next }, i) => [clients[i]?.span, next.start] as const)
        .flatMap(([span, until]) => (span === undefined ? [] : [[span.start + span.duration, until]])),
    ),
  );
}

interface EntryDraft {
  readonly subject: PathSubject;
  readonly spent: Spent[];
}

function draftOf(subject: PathSubject, drafts: Map<string, EntryDraft>): EntryDraft {
  const key = subjectKey(subject);
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const draft: EntryDraft = { subject, spent: [] };
  drafts.set(key, draft);
  return draft;
}

function totalOf({ subject, spent }: EntryDraft): PathEntry {
  let [sum, saved] = [0, 0];
  for (const { time, potentialSaving } of spent) {
    sum += time;
    saved += Math.min(time, potentialSaving);
  }
  const isNamedByOperation = subject.kind === 'own' || (subject.kind === 'call' && subject.peer === '');
  return {
    ...subject,
    requestLine: isNamedByOperation ? requestLines(spent, subject.operation) : undefined,
    time: us(sum),
    potentialSaving: us(saved),
    spans: spent.length,
  };
}

/** The request lines of the spans, the longest time first; undefined when the span name already says it. */
function requestLines(spent: readonly Spent[], name: string): string | undefined {
  const lines = operationsOf([...spent].sort((a, b) => b.time - a.time).map(({ node }) => node.span));
  return lines === name ? undefined : lines;
}

/** Identifies a subject. Calls to one peer are one subject, whatever the spans are named. */
export const subjectKey = ({ kind, service, operation, peer }: PathSubject): string =>
  `${kind}\0${service}\0${kind === 'own' || kind === 'database' || peer === '' ? operation : ''}\0${peer}`;

const sortName = ({ kind, service, operation, peer }: PathSubject): string =>
  `${service} ${operation} ${peer} ${kind}`;

function subjectOf(node: SpanNode, use: Use): PathSubject {
  const { span } = node;
  switch (use) {
    case 'network':
      return subject('network', node, peerOf(node));
    case 'pause':
      return subject('retry', node, peerOf(retriedClients(node)[0]?.[0] ?? node));
    case 'own':
      return subject('own', node, '');
    case 'work':
      if (isConnectionSetup(span)) return subject('connection', node, connectedTo(node));
      if (span.kind !== 'server' && isDatabaseCall(span)) return subject('database', node, peerOf(node));
      return span.kind === 'client'
        ? subject('call', node, peerOf(node))
        : subject('own', node, directCallee(node));
  }
}

/** What the client called that a connection was set up for. */
function connectedTo(setup: SpanNode): string {
  let at = setup;
  while (at.parent !== undefined && isConnectionSetup(at.span)) at = at.parent;
  return at.span.kind === 'client' ? peerOf(at) : peerOf(setup);
}

/** The service whose span is a direct child of a span that is no client's: a call without a client span. */
function directCallee({ span, children }: SpanNode): string {
  let callee = '';
  for (const { span: child } of children) {
    const isAnswer = child.kind === 'server' || child.kind === 'unspecified';
    if (!isAnswer || child.serviceName === span.serviceName || child.followsFrom === true) continue;
    if (callee !== '' && callee !== child.serviceName) return 'other services';
    callee = child.serviceName;
  }
  return callee;
}

const subject = (kind: PathEntryKind, { span }: SpanNode, peer: string): PathSubject => ({
  service: span.serviceName,
  operation: span.spanName,
  kind,
  peer,
});

/** Entries from this share of the whole on get a row. */
export const MIN_SHARE = 0.01;
const MAX_ROWS = 8;
/** These get a row however small they are. */
const MIN_ROWS = 3;

/** The rows of a breakdown that are shown, and the rest of it in one sum. */
export interface PathRows {
  readonly rows: readonly (PathEntry & { readonly share: Ratio })[];
  readonly hidden: { readonly count: number; readonly time: Microseconds };
}

/** The entries that are worth a row. `entries` is sorted, the largest first; `whole` is what the shares are of. */
export function pathRows(entries: readonly PathEntry[], whole: Microseconds): PathRows {
  const shown = entries
    .slice(0, MAX_ROWS)
    .filter(({ time }, index) => index < MIN_ROWS || time >= whole * MIN_SHARE);
  const hidden = entries.slice(shown.length);
  return {
    rows: shown.map((entry) => ({
      ...entry,
      service: serviceName(entry.service),
      share: shareOf(entry.time, whole),
    })),
    hidden: { count: hidden.length, time: us(hidden.reduce((sum, { time }) => sum + time, 0)) },
  };
}

/** A share of a whole; 0 when the whole is 0. */
export const shareOf = (time: Microseconds, whole: Microseconds): Ratio =>
  ratio(whole === 0 ? 0 : time / whole);

/**
 * The time of a span in which none of its children ran: its own code, or waiting that no span shows.
 *
 *     parent    |==========================|
 *     child a     |=======|
 *     child b         |=======|                   overlaps a: counted once
 *     child c                        |=========|  ends after the parent: counted up to its end
 *     self      ##            #######
 *
 * A child that follows from the parent is not waited for and is not subtracted. A server span outside its client is
 * moved as on the critical path.
 */
export function selfTimeOf(node: SpanNode): Microseconds {
  const { span } = node;
  const end = span.start + span.duration;
  let covered = 0;
  let reached: number = span.start;
  // Children are sorted by start: one pass merges them.
  for (const child of childrenByStart(node)) {
    if (child.followsFrom === true) continue;
    const from = Math.max(child.start, reached);
    const to = Math.min(child.start + child.duration, end);
    if (to <= from) continue;
    covered += to - from;
    reached = to;
  }
  return us(span.duration - covered);
}

/** The children by start. */
function childrenByStart(node: SpanNode): readonly Pick<Span, 'start' | 'duration' | 'followsFrom'>[] {
  const spans = node.children.map(({ span }) => span);
  if (!spans.some((child) => isMisplaced(node, child))) return spans;
  return spans
    .map((child) => ({ ...child, start: epochUs(placeUnder(node, child, node.span.start).start) }))
    .sort((a, b) => a.start - b.start);
}

/** Self time of all spans of one service and operation. */
export interface SelfTime {
  readonly service: string;
  readonly operation: string;
  readonly selfTime: Microseconds;
  readonly spans: number;
}

/**
 * Self times per service and operation, the largest first. Parallel work adds up: the sum may exceed the trace's
 * duration. With a critical path only time off the path counts, and operations without any are left out.
 */
export function selfTimesOf({ nodes }: SpanTree, path?: CriticalPath): readonly SelfTime[] {
  const sums = new Map<string, SelfTime>();
  const onPath = path === undefined ? undefined : pathTimes(path);
  for (const node of nodes) {
    const { serviceName: service, spanName: operation } = node.span;
    const own = selfTimeOf(node) - (onPath?.get(node) ?? 0);
    if (path !== undefined && own <= 0) continue;
    const key = `${service}\0${operation}`;
    const sum = sums.get(key);
    sums.set(key, {
      service,
      operation,
      selfTime: us((sum?.selfTime ?? 0) + own),
      spans: (sum?.spans ?? 0) + 1,
    });
  }
  const name = ({ service, operation }: SelfTime): string => `${service} ${operation}`;
  return [...sums.values()].sort((a, b) => b.selfTime - a.selfTime || (name(a) < name(b) ? -1 : 1));
}

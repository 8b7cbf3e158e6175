import { type Microseconds, us } from '../lib/units.ts';
import type { CriticalPath } from './critical-path.ts';
import { attemptsOf } from './hops.ts';
import { answeredCall, isDatabaseCall, peerOf } from './peer.ts';
import { operationsOf } from './shown-operation.ts';
import type { SpanNode } from './tree.ts';

/**
 * What a stretch of the critical path was spent on:
 * `own` the service's own code, or waiting that no span shows;
 * `network` the way to a called service and back, with the proxies at both ends;
 * `retry` the pause between two attempts at a call;
 * `database` a statement;
 * `call` something that was called and has no span in the trace.
 *
 *     client   |=======================================|
 *     server        |=======|       |=============|
 *              ##### network ####### retry         #### network
 */
export type PathPartKind = 'own' | 'network' | 'retry' | 'database' | 'call';

/** All sections of the critical path that were spent on the same thing. */
export interface PathPart {
  readonly kind: PathPartKind;
  /** The service that spent the time, or waited. */
  readonly service: string;
  readonly operation: string;
  /**
   * What the service's own work was asked for, or asks of one that nothing names, where the operation does not tell:
   * `POST /charge`, `GET /a, GET /b and 3 more`.
   */
  readonly asked?: string;
  /**
   * What was called; empty where no attribute tells. Own code has one where the spans of another service hang on it without a
   * client span between: then the way there is part of it, and nothing tells the two apart.
   */
  readonly peer: string;
  readonly time: Microseconds;
  /** How much sooner the root could have ended without it, at most. */
  readonly potentialSaving: Microseconds;
  /** How many spans the time was spent in. */
  readonly spans: number;
}

/** What a stretch of the path was spent on, without how much. */
export type PathSubject = Pick<PathPart, 'kind' | 'service' | 'operation' | 'asked' | 'peer'>;

/**
 * The critical path by what the time was spent on, the largest first. The times sum to the root's duration. Linear in the
 * sections: what a span is about is found out once, however many sections it has.
 */
export function pathParts({ sections }: CriticalPath): readonly PathPart[] {
  const parts = new Map<string, Part>();
  const spans = new Map<SpanNode, SpanOnPath>();
  for (const { node, start, end, place, potentialSaving } of sections) {
    // A span with one section need not be found again.
    let onPath = place === 'whole' ? undefined : spans.get(node);
    if (onPath === undefined) {
      onPath = { wasRetried: attemptsOf(node).length > 0 };
      if (place !== 'whole') spans.set(node, onPath);
    }
    const use = onPath.wasRetried && place === 'between' ? 'pause' : 'work';
    let spent = onPath[use];
    if (spent === undefined) {
      spent = { node, potentialSaving, time: 0 };
      onPath[use] = spent;
      partOf(use === 'pause' ? pauseOf(node) : subjectOf(node), parts).spent.push(spent);
    }
    spent.time += end - start;
  }
  return [...parts.values()].map(totalOf).sort((a, b) => b.time - a.time || (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** What one span spent on a thing, and what the root would have saved without the span. */
interface Spent {
  readonly node: SpanNode;
  readonly potentialSaving: number;
  time: number;
}

/** One span's share of the path: between the attempts at a call, and all else. */
interface SpanOnPath {
  readonly wasRetried: boolean;
  pause?: Spent;
  work?: Spent;
}

interface Part {
  readonly subject: PathSubject;
  readonly spent: Spent[];
}

function partOf(subject: PathSubject, parts: Map<string, Part>): Part {
  const key = partKey(subject);
  const known = parts.get(key);
  if (known !== undefined) return known;
  const part: Part = { subject, spent: [] };
  parts.set(key, part);
  return part;
}

function totalOf({ subject, spent }: Part): PathPart {
  let [sum, saved] = [0, 0];
  for (const { time, potentialSaving } of spent) {
    sum += time;
    saved += Math.min(time, potentialSaving);
  }
  const isNamedByOperation = subject.kind === 'own' || (subject.kind === 'call' && subject.peer === '');
  const asked = isNamedByOperation ? askedOf(spent, subject.operation) : undefined;
  return {
    ...subject,
    ...(asked === undefined ? {} : { asked }),
    time: us(sum),
    potentialSaving: us(saved),
    spans: spent.length,
  };
}

/** What the spans were asked for, those that took longest first, where their name does not say it. */
function askedOf(spent: readonly Spent[], name: string): string | undefined {
  const asked = operationsOf([...spent].sort((a, b) => b.time - a.time).map(({ node }) => node.span));
  return asked === name ? undefined : asked;
}

/** Tells things apart that time was spent on. Calls to one peer are one thing, whatever they are named. */
export const partKey = ({ kind, service, operation, peer }: PathSubject): string =>
  `${kind}\0${service}\0${kind === 'own' || kind === 'database' || peer === '' ? operation : ''}\0${peer}`;

const nameOf = ({ kind, service, operation, peer }: PathSubject): string =>
  `${service} ${operation} ${peer} ${kind}`;

const pauseOf = (client: SpanNode): PathSubject => subject('retry', client, peerOf(client));

function subjectOf(node: SpanNode): PathSubject {
  const { span } = node;
  const isCall = span.kind === 'client';
  const answered = isCall ? answeredCall(node) : undefined;
  if (answered !== undefined) return subject('network', node, peerOf(answered));
  if (span.kind !== 'server' && isDatabaseCall(span)) return subject('database', node, peerOf(node));
  return isCall ? subject('call', node, peerOf(node)) : subject('own', node, serverSpanBy(node));
}

/** The service whose span hangs directly on one that is no client's: it was called, the way there unseen. */
function serverSpanBy({ span, children }: SpanNode): string {
  let callee = '';
  for (const { span: child } of children) {
    const isAnswer = child.kind === 'server' || child.kind === 'unspecified';
    if (!isAnswer || child.serviceName === span.serviceName || child.followsFrom === true) continue;
    if (callee !== '' && callee !== child.serviceName) return 'other services';
    callee = child.serviceName;
  }
  return callee;
}

const subject = (kind: PathPartKind, { span }: SpanNode, peer: string): PathSubject => ({
  service: span.serviceName,
  operation: span.spanName,
  kind,
  peer,
});

import { type Microseconds, us } from '../units.ts';
import type { CriticalPath, CriticalPathSection } from './critical-path.ts';
import { isDatabaseCall, peerOf, serversOf } from './peer.ts';
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
  /** What was called; empty for own code and where no attribute tells. */
  readonly peer: string;
  readonly time: Microseconds;
  /** How much sooner the root could have ended without it, at most. */
  readonly drag: Microseconds;
  /** How many spans the time was spent in. */
  readonly spans: number;
}

type Subject = Pick<PathPart, 'kind' | 'service' | 'operation' | 'peer'>;

/** The critical path by what the time was spent on, the largest first. The times sum to the root's duration. */
export function pathParts({ sections, drags }: CriticalPath): readonly PathPart[] {
  const parts = new Map<string, { subject: Subject; bySpan: Map<SpanNode, number> }>();
  for (const section of sections) {
    const subject = subjectOf(section);
    const { kind, service, operation, peer } = subject;
    // Calls to one peer are one thing, whatever they are named.
    const key = JSON.stringify([kind, service, kind === 'own' || kind === 'database' ? operation : '', peer]);
    const part = parts.get(key) ?? { subject, bySpan: new Map<SpanNode, number>() };
    parts.set(key, part);
    const known = part.bySpan.get(section.node) ?? 0;
    part.bySpan.set(section.node, known + section.end - section.start);
  }
  return [...parts.values()]
    .map(({ subject, bySpan }) => {
      let time = 0;
      let drag = 0;
      for (const [node, spent] of bySpan) {
        time += spent;
        drag += Math.min(spent, drags.get(node) ?? 0);
      }
      return { ...subject, time: us(time), drag: us(drag), spans: bySpan.size };
    })
    .sort((a, b) => b.time - a.time || (nameOf(a) < nameOf(b) ? -1 : 1));
}

const nameOf = ({ kind, service, operation, peer }: Subject): string =>
  `${service} ${operation} ${peer} ${kind}`;

function subjectOf({ node, place }: CriticalPathSection): Subject {
  const { span } = node;
  const of = { service: span.serviceName, operation: span.spanName };
  const attempts = span.kind === 'client' ? serversOf(node).length : 0;
  if (attempts > 0) {
    const kind = place === 'between' && attempts > 1 ? 'retry' : 'network';
    return { ...of, kind, peer: peerOf(node) };
  }
  if (isDatabaseCall(span) && span.kind !== 'server') return { ...of, kind: 'database', peer: peerOf(node) };
  return span.kind === 'client'
    ? { ...of, kind: 'call', peer: peerOf(node) }
    : { ...of, kind: 'own', peer: '' };
}

import { type Microseconds, us } from '../units.ts';
import type { CriticalPath, CriticalPathSection } from './critical-path.ts';
import { isDatabaseCall, peerOf, serversOf } from './peer.ts';
import { operationOf } from './shown-operation.ts';
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
  /** What the service's own work was asked for, where that is one thing and the operation does not tell: `POST /charge`. */
  readonly asked?: string;
  /** What was called; empty for own code and where no attribute tells. */
  readonly peer: string;
  readonly time: Microseconds;
  /** How much sooner the root could have ended without it, at most. */
  readonly drag: Microseconds;
  /** How many spans the time was spent in. */
  readonly spans: number;
}

/** What a stretch of the path was spent on, without how much. */
export type PathSubject = Pick<PathPart, 'kind' | 'service' | 'operation' | 'asked' | 'peer'>;

/** The critical path by what the time was spent on, the largest first. The times sum to the root's duration. */
export function pathParts({ sections }: CriticalPath): readonly PathPart[] {
  const parts = new Map<string, { subject: PathSubject; bySpan: Map<SpanNode, Spent> }>();
  for (const section of sections) {
    const subject = subjectOf(section);
    const key = partKey(subject);
    const part = parts.get(key) ?? { subject, bySpan: new Map<SpanNode, Spent>() };
    parts.set(key, part);
    const time = (part.bySpan.get(section.node)?.time ?? 0) + section.end - section.start;
    part.bySpan.set(section.node, { time, drag: section.drag });
  }
  return [...parts.values()]
    .map(({ subject, bySpan }) => {
      let [sum, saved] = [0, 0];
      for (const { time, drag } of bySpan.values()) {
        sum += time;
        saved += Math.min(time, drag);
      }
      const asked = subject.kind === 'own' ? askedOf([...bySpan.keys()]) : undefined;
      return {
        ...subject,
        ...(asked === undefined ? {} : { asked }),
        time: us(sum),
        drag: us(saved),
        spans: bySpan.size,
      };
    })
    .sort((a, b) => b.time - a.time || (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** What one span spent on a thing, and what the root would have saved without the span. */
interface Spent {
  readonly time: number;
  readonly drag: number;
}

/** What all of the spans were asked for, where their name does not say it. */
function askedOf(nodes: readonly SpanNode[]): string | undefined {
  const [first] = nodes;
  if (first === undefined) return undefined;
  const asked = operationOf(first.span);
  const isCommon = asked !== first.span.spanName && nodes.every(({ span }) => operationOf(span) === asked);
  return isCommon && asked !== '' ? asked : undefined;
}

/** Tells things apart that time was spent on. Calls to one peer are one thing, whatever they are named. */
export const partKey = ({ kind, service, operation, peer }: PathSubject): string =>
  `${kind}\0${service}\0${kind === 'own' || kind === 'database' ? operation : ''}\0${peer}`;

const nameOf = ({ kind, service, operation, peer }: PathSubject): string =>
  `${service} ${operation} ${peer} ${kind}`;

function subjectOf({ node, place }: CriticalPathSection): PathSubject {
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

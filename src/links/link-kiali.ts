import type { KialiSubject } from '../lib/links.ts';
import { HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { query, trimmed } from './address.ts';

/** The stretches of time in the menu of Kiali's graph (kiali-ui, serverConfig durations). */
const DURATIONS: readonly Milliseconds[] = [
  ...[1, 2, 5, 10, 30].map((minutes) => ms(minutes * MINUTE)),
  ...[1, 3, 6, 12, 24, 7 * 24, 30 * 24].map((hours) => ms(hours * HOUR)),
];

/** The graph ends now and is as long as one of these: the shortest that reaches back far enough, in seconds. */
function graphDuration(reach: Milliseconds): number {
  const longest = DURATIONS.at(-1) ?? reach;
  return (DURATIONS.find((duration) => duration >= reach) ?? longest) / SECOND;
}

const pathOf = ({ kind, namespace, name }: KialiSubject): string =>
  `namespaces/${encodeURIComponent(namespace)}/${kind}/${encodeURIComponent(name)}`;

/** The tab of traces (kiali-ui, TracesTab): with a trace's id on that trace, with a span's on that span. */
export function kialiTraces(
  base: string,
  of: KialiSubject & { readonly traceId?: string; readonly spanId?: string },
): string {
  return `${trimmed(base)}/console/${pathOf(of)}?${query([
    ['tab', 'traces'],
    ['traceId', of.traceId],
    ['spanId', of.spanId],
  ])}`;
}

/** The graph around one service, workload or application. */
export function kialiNode(base: string, of: KialiSubject & { readonly reach: Milliseconds }): string {
  return `${trimmed(base)}/console/graph/node/${pathOf(of)}?${query([['duration', graphDuration(of.reach)]])}`;
}

/** The graph of whole namespaces; a trace is drawn over it (kiali-ui, GraphPage reads `traceId`). */
export function kialiGraph(
  base: string,
  of: { readonly namespaces: readonly string[]; readonly reach: Milliseconds; readonly traceId?: string },
): string {
  return `${trimmed(base)}/console/graph/namespaces?${query([
    ['namespaces', of.namespaces.join(',')],
    ['graphType', 'versionedApp'],
    ['duration', graphDuration(of.reach)],
    ['traceId', of.traceId],
  ])}`;
}

import type { Fault } from '../../../../demo/mesh/faults.ts';
import { createMesh, type Mesh, type MeshOptions } from '../../../../demo/mesh/mesh.ts';
import type { MeshSample } from '../../../../demo/mesh/metrics.ts';
import type { RecordedRequest } from '../../../../demo/mesh/record.ts';
import type { MeshSpan } from '../../../../demo/mesh/spans.ts';
import { type EpochMs, epochMs } from '../../../../src/lib/units.ts';

export const START = epochMs(Date.parse('2026-11-20T10:00:00Z'));

/** The instant so many seconds after the start. */
export const at = (seconds: number): EpochMs => epochMs(START + seconds * 1_000);

export interface WatchedMesh {
  readonly mesh: Mesh;
  readonly samples: MeshSample[];
  readonly traces: (readonly MeshSpan[])[];
}

/** A mesh that keeps everything it hands out. */
export function watchedMesh(options: Partial<MeshOptions> = {}): WatchedMesh {
  const samples: MeshSample[] = [];
  const traces: (readonly MeshSpan[])[] = [];
  const mesh = createMesh({
    seed: 7,
    start: START,
    requestsPerSecond: 20,
    onSample: (sample) => samples.push(sample),
    onTrace: (spans) => traces.push(spans),
    ...options,
  });
  return { mesh, samples, traces };
}

/** What a mesh does within `seconds` while a fault is in force, or nothing is wrong. */
export function meshWith(fault: Fault | undefined, seconds = 60): WatchedMesh {
  const watched = watchedMesh();
  if (fault !== undefined) watched.mesh.inject(fault);
  watched.mesh.advanceTo(at(seconds));
  return watched;
}

export function requestsOf({ mesh }: WatchedMesh): RecordedRequest[] {
  return mesh.record.requests({ start: START, end: mesh.now() });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export const serviceOf = (span: MeshSpan): string => span.resource['service.name'] ?? '';

/** A client span with the server spans below it, and how long the network and the proxies took in all, in µs. */
export interface Hop {
  readonly client: MeshSpan;
  readonly servers: readonly MeshSpan[];
  readonly caller: string;
  readonly callee: string | undefined;
  /** From the client span's start to the server span's, and from the server span's end to the client span's. */
  readonly requestGapUs: number;
  readonly responseGapUs: number;
}

/** All hops of the traces, database statements included. */
export function hopsOf(traces: readonly (readonly MeshSpan[])[]): Hop[] {
  return traces.flatMap((spans) =>
    spans
      .filter((span) => span.kind === 'client')
      .map((client) => {
        const servers = spans.filter((span) => span.parentSpanId === client.spanId);
        const [first] = servers;
        const last = servers.at(-1);
        return {
          client,
          servers,
          caller: serviceOf(client),
          callee: first === undefined ? undefined : serviceOf(first),
          requestGapUs: (first?.startUs ?? Number.NaN) - client.startUs,
          responseGapUs:
            client.startUs + client.durationUs - ((last?.startUs ?? Number.NaN) + (last?.durationUs ?? 0)),
        };
      }),
  );
}

/** A server span's time that is covered by none of its children, in µs: the application's own work. */
function ownTimeUs(span: MeshSpan, spans: readonly MeshSpan[]): number {
  const children = spans
    .filter((child) => child.parentSpanId === span.spanId)
    .toSorted((a, b) => a.startUs - b.startUs);
  let own = 0;
  let covered: number = span.startUs;
  for (const child of children) {
    own += Math.max(0, child.startUs - covered);
    covered = Math.max(covered, child.startUs + child.durationUs);
  }
  return own + Math.max(0, span.startUs + span.durationUs - covered);
}

export interface ServerSpan {
  readonly span: MeshSpan;
  readonly ownUs: number;
  /** Own work before the first call. */
  readonly beforeFirstCallUs: number;
  readonly pod: string;
}

/** The server spans of one service, with what happened inside them. */
export function serverSpansOf(traces: readonly (readonly MeshSpan[])[], service: string): ServerSpan[] {
  return traces.flatMap((spans) =>
    spans
      .filter((span) => span.kind === 'server' && serviceOf(span) === service)
      .map((span) => {
        const starts = spans
          .filter((child) => child.parentSpanId === span.spanId)
          .map((child) => child.startUs as number);
        return {
          span,
          ownUs: ownTimeUs(span, spans),
          beforeFirstCallUs: Math.min(...starts, span.startUs + span.durationUs) - span.startUs,
          pod: span.attributes.node_id?.split('~')[2] ?? '',
        };
      }),
  );
}

/** The metric's name. */
export const nameOf = (labels: MeshSample['labels']): string => labels['__name__'] ?? '';

/** The samples of the latest scrape. */
export const lastScrape = (samples: readonly MeshSample[]): MeshSample[] => {
  const t = samples.at(-1)?.t;
  return samples.filter((sample) => sample.t === t);
};

/** The sum of a metric over all series that carry the labels. */
export function total(samples: readonly MeshSample[], labels: Record<string, string>): number {
  return samples
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, sample) => sum + sample.value, 0);
}

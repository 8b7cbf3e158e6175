import { type EpochUs, epochUs, type Microseconds, us } from '../../src/lib/units.ts';
import {
  clientAttributes,
  hasFailed,
  outboundCluster,
  routerAttributes,
  serverAttributes,
} from './attributes.ts';
import type { Random } from './random.ts';
import type { Hop, Journey, StatementHop, Visit } from './simulate.ts';

/** A finished span as a sidecar (or, for a database statement, the application) sends it to the collector. */
export interface MeshSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Absent on the root of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'client' | 'server';
  readonly startUs: EpochUs;
  readonly durationUs: Microseconds;
  /** OpenTelemetry's status ERROR. */
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  /** Resource attributes, `service.name` among them; the same object for all spans of a pod. */
  readonly resource: Readonly<Record<string, string>>;
}

/** The spans of a request, grouped by trace: more than one trace when a service lost the trace headers. */
export interface Traced {
  /** Trace id to spans, parents first. The first trace is the one that began at the gateway. */
  readonly traces: ReadonlyMap<string, readonly MeshSpan[]>;
  /** The span in which each visit was recorded. */
  readonly spans: ReadonlyMap<Visit, MeshSpan>;
}

interface Writer {
  readonly random: Random;
  readonly requestId: string;
  readonly traces: Map<string, MeshSpan[]>;
  readonly spans: Map<Visit, MeshSpan>;
}

/** Where a span goes: under which parent in which trace. */
interface Place {
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
}

/** Writes down a request as the sidecars would have reported it. */
export function traceJourney(journey: Journey, random: Random, requestId: string): Traced {
  const writer: Writer = { random, requestId, traces: new Map(), spans: new Map() };
  writeVisit(writer, journey.root, newTrace(writer));
  return writer;
}

function newTrace(writer: Writer): Place {
  const traceId = writer.random.hex(32);
  writer.traces.set(traceId, []);
  return { traceId, parentSpanId: undefined };
}

/** The whole span but its times, which are rounded to microseconds here so that a span never ends before its start. */
function put(
  writer: Writer,
  span: Omit<MeshSpan, 'startUs' | 'durationUs'>,
  at: { start: number; end: number },
): MeshSpan {
  const startUs = Math.round(at.start * 1_000);
  const made: MeshSpan = {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    startUs: epochUs(startUs),
    durationUs: us(Math.round(at.end * 1_000) - startUs),
    failed: span.failed,
    attributes: span.attributes,
    resource: span.resource,
  };
  writer.traces.get(span.traceId)?.push(made);
  return made;
}

function writeVisit(writer: Writer, visit: Visit, place: Place): void {
  const spanId = writer.random.hex(16);
  const { workload } = visit.pod;
  const hop = workload.isGateway ? visit.hops[0] : undefined;
  const span = put(
    writer,
    {
      traceId: place.traceId,
      spanId,
      parentSpanId: place.parentSpanId,
      // A gateway names its span after the route, which leads to another host.
      name: hop?.kind === 'request' ? hop.to.spanName : workload.spanName,
      kind: 'server',
      failed: hasFailed(visit.status),
      attributes: serverAttributes(visit, writer.requestId),
      resource: visit.pod.resource,
    },
    visit,
  );
  writer.spans.set(visit, span);
  for (const hop of visit.hops) writeHop(writer, hop, { traceId: place.traceId, parentSpanId: spanId });
}

function writeHop(writer: Writer, hop: Hop, place: Place): void {
  if (hop.kind === 'statement') {
    writeStatement(writer, hop, place);
    return;
  }
  const spanId = writer.random.hex(16);
  const { traceId, parentSpanId } = hop.startsTrace ? newTrace(writer) : place;
  const { isGateway } = hop.from.workload;
  put(
    writer,
    {
      traceId,
      spanId,
      parentSpanId,
      name: isGateway ? `router ${outboundCluster(hop.to)}; egress` : hop.to.spanName,
      kind: 'client',
      failed: hasFailed(hop.status),
      attributes: isGateway ? routerAttributes(hop) : clientAttributes(hop, writer.requestId),
      resource: hop.from.resource,
    },
    hop,
  );
  for (const visit of hop.visits) writeVisit(writer, visit, { traceId, parentSpanId: spanId });
}

/** A span of the application's own instrumentation, so it always stays in the trace of its request. */
function writeStatement(writer: Writer, hop: StatementHop, place: Place): void {
  const [verb = '', database = ''] = hop.statement.split(/[ .]/);
  put(
    writer,
    {
      traceId: place.traceId,
      spanId: writer.random.hex(16),
      parentSpanId: place.parentSpanId,
      name: hop.statement,
      kind: 'client',
      failed: false,
      attributes: {
        'db.system': hop.to.definition.system,
        'db.operation': verb,
        'db.name': database,
        'peer.service': hop.to.name,
        'server.address': hop.to.host,
        'k8s.pod.name': hop.from.name,
      },
      resource: hop.from.resource,
    },
    hop,
  );
}

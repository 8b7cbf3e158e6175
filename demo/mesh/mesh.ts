import {
  type EpochMs,
  epochMs,
  HOUR,
  type Milliseconds,
  ms,
  type Ratio,
  ratio,
} from '../../src/lib/units.ts';
import type { Fault } from './faults.ts';
import { type BoundStyle, createMeshMetrics, type MeshMetrics, type MeshSample } from './metrics.ts';
import { createRandom, type Random } from './random.ts';
import { createRecord, type MeshRecord, type WritableRecord } from './record.ts';
import { createRequestId, type TraceReason } from './request-id.ts';
import { type Journey, simulate, type Visit } from './simulate.ts';
import { type MeshSpan, type Traced, traceJourney } from './spans.ts';
import { type Route, SHOP, type Topology } from './topology.ts';
import { createWorld, type Workload, type World } from './world.ts';

/** Names a fault in force. */
export type FaultId = number & { readonly __fault: true };

export interface MeshOptions {
  /** Two meshes with one seed and one sequence of calls give the same samples and spans. */
  readonly seed: number;
  /** Where virtual time begins. */
  readonly start: EpochMs;
  /** Requests per second at the gateway, on average. */
  readonly requestsPerSecond: number;
  /** Time between two scrapes; scrapes fall on its multiples. 5 s when absent. */
  readonly scrapeInterval?: Milliseconds;
  /** The share of requests that are traced, all when absent. One in a hundred of the traced ones is forced. */
  readonly sampling?: Ratio;
  /** Time from the end of a request until its spans arrive. 2 s when absent; Envoy flushes at most every 5 s. */
  readonly ingestDelay?: Milliseconds;
  /** How long the record remembers; 90 minutes when absent. */
  readonly recordFor?: Milliseconds;
  /** How whole bounds are written in `le`; as Prometheus 3 stores them when absent. */
  readonly boundStyle?: BoundStyle;
  /** What to simulate; the shop when absent. */
  readonly topology?: Topology;
  readonly onSample: (sample: MeshSample) => void;
  /** Takes the spans of one trace, parents first. */
  readonly onTrace: (spans: readonly MeshSpan[]) => void;
}

/** A service of the mesh as a reader of its metrics and traces knows it. */
export interface ServiceSummary {
  readonly name: string;
  readonly namespace: string;
  readonly kind: 'gateway' | 'service' | 'database';
  /** Its service name in Jaeger; a database has none. */
  readonly tracingName?: string;
  readonly pods: readonly string[];
}

/** A simulated service mesh in virtual time: it reads no clock and generates only when it is advanced. */
export interface Mesh {
  readonly now: () => EpochMs;
  /** Generates everything up to and including `t`. Does nothing when `t` is not after the present. */
  advanceTo(t: EpochMs): void;
  /** Moves to `t` without traffic and without scrapes. Requests under way are finished and their traces handed over; counters stay. */
  skipTo(t: EpochMs): void;
  /** Puts a fault in force for the requests that enter from now on. Throws when its service does not exist or cannot have it. */
  inject(fault: Fault): FaultId;
  /** Ends a fault; an unknown or ended one is ignored. */
  clear(id: FaultId): void;
  faults(): readonly { readonly id: FaultId; readonly fault: Fault }[];
  services(): readonly ServiceSummary[];
  readonly record: MeshRecord;
}

interface Delivery {
  readonly at: number;
  readonly spans: readonly MeshSpan[];
}

interface Running {
  readonly options: MeshOptions;
  readonly random: Random;
  readonly world: World;
  readonly metrics: MeshMetrics;
  readonly record: WritableRecord;
  readonly routes: readonly Route[];
  readonly scrapeInterval: Milliseconds;
  deliveries: Delivery[];
  now: number;
  nextArrival: number;
  nextScrape: number;
}

const FORCED_SHARE = 0.01;
const DEFAULT_SCRAPE_INTERVAL = ms(5_000);
const DEFAULT_INGEST_DELAY = ms(2_000);

/** Creates a mesh at `start`, with no traffic behind it. */
export function createMesh(options: MeshOptions): Mesh {
  const topology = options.topology ?? SHOP;
  const running = run(options, topology);
  const inForce = new Map<FaultId, Fault>();
  let faultCount = 0;
  const applyFaults = (): void => running.world.applyFaults([...inForce.values()]);
  return {
    now: () => epochMs(running.now),
    advanceTo: (t) => advance(running, t),
    skipTo: (t) => skip(running, t),
    inject: (fault) => {
      checkFault(running.world, fault);
      faultCount += 1;
      const id = faultCount as FaultId;
      inForce.set(id, fault);
      applyFaults();
      const gone = running.world.workloads.get(fault.service);
      if (fault.kind === 'service-gone' && gone !== undefined) running.metrics.drop(gone);
      return id;
    },
    clear: (id) => {
      if (inForce.delete(id)) applyFaults();
    },
    faults: () => [...inForce].map(([id, fault]) => ({ id, fault })),
    services: () => summarise(running.world),
    record: running.record,
  };
}

function run(options: MeshOptions, topology: Topology): Running {
  const random = createRandom(options.seed);
  const scrapeInterval = options.scrapeInterval ?? DEFAULT_SCRAPE_INTERVAL;
  const world = createWorld(topology, random);
  const running: Running = {
    options,
    random,
    world,
    metrics: createMeshMetrics(options.boundStyle ?? 'prometheus-3', () => world.workloads.values()),
    record: createRecord(),
    routes: topology.routes,
    scrapeInterval,
    deliveries: [],
    now: options.start,
    nextArrival: 0,
    nextScrape: 0,
  };
  restart(running);
  return running;
}

/** Plans the first arrival and the first scrape after the present. */
function restart(running: Running): void {
  running.nextArrival = running.now + gap(running);
  running.nextScrape = (Math.floor(running.now / running.scrapeInterval) + 1) * running.scrapeInterval;
}

function gap(running: Running): number {
  return running.random.exponential(1_000 / running.options.requestsPerSecond);
}

function advance(running: Running, t: EpochMs): void {
  if (t <= running.now) return;
  while (Math.min(running.nextArrival, running.nextScrape) <= t) {
    if (running.nextArrival <= running.nextScrape) {
      admit(running, running.nextArrival);
      running.nextArrival += gap(running);
    } else {
      running.metrics.scrape(epochMs(running.nextScrape), running.options.onSample);
      deliver(running, running.nextScrape);
      running.nextScrape += running.scrapeInterval;
    }
  }
  deliver(running, t);
  running.now = t;
  running.record.forget(epochMs(t - (running.options.recordFor ?? 1.5 * HOUR)));
}

function skip(running: Running, t: EpochMs): void {
  if (t <= running.now) return;
  deliver(running, Infinity);
  running.now = t;
  restart(running);
}

function deliver(running: Running, t: number): void {
  const due = running.deliveries.filter((delivery) => delivery.at <= t);
  if (due.length === 0) return;
  running.deliveries = running.deliveries.filter((delivery) => delivery.at > t);
  for (const delivery of due.sort((a, b) => a.at - b.at)) running.options.onTrace(delivery.spans);
}

function admit(running: Running, start: number): void {
  const { random } = running;
  const route = pickRoute(running);
  const reason = traceReason(running);
  const requestId = createRequestId(random, reason);
  const journey = simulate(running.world, random, { operation: route.operation, start });
  observe(running, journey);
  const traced = reason === 'not-traced' ? undefined : traceJourney(journey, random, requestId);
  running.record.add({ journey, requestId, route: route.name, traced });
  if (traced !== undefined) schedule(running, journey.root, traced);
}

function schedule(running: Running, root: Visit, traced: Traced): void {
  const at = root.end + (running.options.ingestDelay ?? DEFAULT_INGEST_DELAY);
  for (const spans of traced.traces.values()) running.deliveries.push({ at, spans });
}

function pickRoute(running: Running): Route {
  const total = running.routes.reduce((sum, route) => sum + route.weight, 0);
  let rest = running.random.next() * total;
  const chosen = running.routes.find((route) => {
    rest -= route.weight;
    return rest < 0;
  });
  const route = chosen ?? running.routes.at(-1);
  if (route === undefined) throw new Error('The topology has no routes.');
  return route;
}

function traceReason(running: Running): TraceReason {
  const { random, options } = running;
  if (random.next() >= (options.sampling ?? ratio(1))) return 'not-traced';
  if (random.next() >= FORCED_SHARE) return 'sampled';
  return random.next() < 0.5 ? 'forced-by-client' : 'forced-by-server';
}

function observe(running: Running, journey: Journey): void {
  for (const hop of journey.hops) {
    running.metrics.observeHop(hop);
    for (const visit of hop.visits) running.metrics.observeVisit(visit, hop.from);
  }
}

function checkFault(world: World, fault: Fault): void {
  const places: ReadonlyMap<string, unknown> =
    fault.kind === 'slow-database' ? world.stores : world.workloads;
  if (places.has(fault.service)) return;
  const known = [...places.keys()].join(', ');
  throw new Error(`A ${fault.kind} fault cannot be put on "${fault.service}". It can be put on: ${known}.`);
}

function summarise(world: World): ServiceSummary[] {
  const workloads = [...world.workloads.values()].map(summariseWorkload);
  const stores = [...world.stores.values()].map(
    ({ definition }): ServiceSummary => ({
      name: definition.name,
      namespace: definition.namespace,
      kind: 'database',
      pods: [],
    }),
  );
  return [...workloads, ...stores];
}

function summariseWorkload(workload: Workload): ServiceSummary {
  return {
    name: workload.name,
    namespace: workload.namespace,
    kind: workload.isGateway ? 'gateway' : 'service',
    tracingName: workload.tracingName,
    pods: workload.effect.gone ? [] : workload.pods.map((pod) => pod.name),
  };
}

import { combine, type Effect, type Fault } from './faults.ts';
import type { Random } from './random.ts';
import type { DatabaseService, Operation, Service, Topology } from './topology.ts';

/** One running copy of a service. */
export interface Pod {
  readonly name: string;
  readonly address: string;
  readonly zone: string;
  /** Envoy's node id: role, address, pod and namespace. */
  readonly nodeId: string;
  readonly index: number;
  /** Istio's canonical revision: what the pod's label `version` says. */
  readonly version: string;
  readonly workload: Workload;
  /** Resource attributes of the spans of this pod's sidecar; one object, so that readers may group by identity. */
  readonly resource: Readonly<Record<string, string>>;
  /** Until when the pod's only worker is taken, in ms since 1970; used while a queueing fault is in force. */
  busyUntil: number;
}

/** A gateway or a service with its pods. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly isGateway: boolean;
  /** The service name in Jaeger: Istio joins app label and namespace. */
  readonly tracingName: string;
  /** `host:port`, the virtual host in Istio's span names. */
  readonly authority: string;
  readonly host: string;
  /** The name of the spans of a call to it. */
  readonly spanName: string;
  /** Envoy's name for the cluster behind its port. */
  readonly cluster: string;
  readonly operations: Readonly<Record<string, Operation>>;
  /** By pod; those that are missing run the first version. */
  readonly versions: readonly string[];
  pods: Pod[];
  effect: Effect;
}

/** A database: no sidecar, hence no pods that anyone sees. */
export interface Store {
  readonly name: string;
  readonly host: string;
  readonly definition: DatabaseService;
  effect: Effect;
}

/** The running mesh: what the topology describes, with pods and with the faults in force. */
export interface World {
  readonly gateway: Workload;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly stores: ReadonlyMap<string, Store>;
  /** Works out all effects anew. A service that is back from being gone gets new pods. */
  applyFaults(faults: readonly Fault[]): void;
}

const PORT = 8080;
const FIRST_VERSION = 'v1';
/** The letters that Kubernetes uses in generated names: no vowels, no look-alikes. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const ZONES = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];

function letters(random: Random, count: number): string {
  return Array.from({ length: count }, () => NAME_LETTERS[random.below(NAME_LETTERS.length)]).join('');
}

interface PodPlace {
  readonly workload: Workload;
  readonly index: number;
  readonly replicaSet: string;
}

function createPod(place: PodPlace, random: Random): Pod {
  const { workload, index } = place;
  const name = `${workload.name}-${place.replicaSet}-${letters(random, 5)}`;
  const address = `10.${8 + index}.${random.below(250)}.${2 + random.below(250)}`;
  const role = workload.isGateway ? 'router' : 'sidecar';
  return {
    name,
    address,
    index,
    version: workload.effect.version ?? workload.versions[index] ?? FIRST_VERSION,
    workload,
    zone: ZONES[index % ZONES.length] ?? 'eu-west-1a',
    nodeId: `${role}~${address}~${name}.${workload.namespace}~${workload.namespace}.svc.cluster.local`,
    resource: {
      'service.name': workload.tracingName,
      'telemetry.sdk.language': 'cpp',
      'telemetry.sdk.name': 'envoy',
    },
    busyUntil: 0,
  };
}

function createPods(workload: Workload, count: number, random: Random): Pod[] {
  const replicaSet = letters(random, 9);
  return Array.from({ length: count }, (_, index) => createPod({ workload, index, replicaSet }, random));
}

function createWorkload(service: Exclude<Service, DatabaseService>, random: Random): Workload {
  const host = `${service.name}.${service.namespace}.svc.cluster.local`;
  const workload: Workload = {
    name: service.name,
    namespace: service.namespace,
    isGateway: service.kind === 'gateway',
    tracingName: `${service.name}.${service.namespace}`,
    authority: `${host}:${PORT}`,
    host,
    spanName: `${host}:${PORT}/*`,
    cluster: `outbound|${PORT}||${host}`,
    operations: service.operations,
    versions: service.kind === 'service' ? (service.versions ?? []) : [],
    pods: [],
    effect: combine([], service.name, service.replicas),
  };
  workload.pods = createPods(workload, service.replicas, random);
  return workload;
}

function createStore(definition: DatabaseService): Store {
  const host = `${definition.name}.${definition.namespace}.svc.cluster.local`;
  return { name: definition.name, host, definition, effect: combine([], definition.name, 0) };
}

function refresh(workload: Workload, faults: readonly Fault[], random: Random): void {
  const before = workload.effect;
  workload.effect = combine(faults, workload.name, workload.pods.length);
  const isReleased = before.version !== workload.effect.version;
  if ((before.gone && !workload.effect.gone) || isReleased)
    workload.pods = createPods(workload, workload.pods.length, random);
  if (before.slotMs > 0 && workload.effect.slotMs === 0) for (const pod of workload.pods) pod.busyUntil = 0;
}

/** Builds the running mesh. The random stream is used for names and addresses only. */
export function createWorld(topology: Topology, random: Random): World {
  const workloads = new Map<string, Workload>();
  const stores = new Map<string, Store>();
  for (const service of topology.services) {
    if (service.kind === 'database') stores.set(service.name, createStore(service));
    else workloads.set(service.name, createWorkload(service, random));
  }
  const gateway = workloads.get(topology.gateway);
  if (gateway === undefined) throw new Error(`The topology has no service named ${topology.gateway}.`);
  return {
    gateway,
    workloads,
    stores,
    applyFaults: (faults) => {
      for (const workload of workloads.values()) refresh(workload, faults, random);
      for (const store of stores.values()) store.effect = combine(faults, store.name, 0);
    },
  };
}

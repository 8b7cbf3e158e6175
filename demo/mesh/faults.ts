/** The service's own work takes `factor` times as long, on every pod. */
export interface SlowCode {
  readonly kind: 'slow-code';
  readonly service: string;
  readonly factor: number;
  /** It came with a release: all pods are replaced by pods of this version, and back when it ends. */
  readonly version?: string;
}

/** Every statement of the database `service` takes `factor` times as long. */
export interface SlowDatabase {
  readonly kind: 'slow-database';
  readonly service: string;
  readonly factor: number;
}

/**
 * Every packet to and from the pod is `delayMs` late: requests and answers of its incoming and of its outgoing calls.
 * It shows as a gap between client and server spans, not inside any span's own work. Without `pod`: all pods.
 */
export interface NetworkDelay {
  readonly kind: 'network-delay';
  readonly service: string;
  readonly delayMs: number;
  readonly pod?: number;
}

/** Attempts at the service fail with 503 in this share; the caller's sidecar tries up to three times, then gives up (URX). */
export interface Retries {
  readonly kind: 'retries';
  readonly service: string;
  readonly share: number;
}

/**
 * Each pod serves one request at a time and holds its only worker for `slotMs`. The wait follows the load. Half of it is spent in
 * the caller's connection pool (a gap before the server span), half in the application's own queue (inside the server span).
 */
export interface Queueing {
  readonly kind: 'queueing';
  readonly service: string;
  readonly slotMs: number;
}

/** One pod of several takes `factor` times as long for its own work: the kernel throttles its CPU. */
export interface BadReplica {
  readonly kind: 'bad-replica';
  readonly service: string;
  readonly factor: number;
  /** Which pod, counted from 0; the first when absent. */
  readonly pod?: number;
}

/** The application passes on x-request-id but not traceparent in this share of requests: its calls start new traces. */
export interface DroppedHeaders {
  readonly kind: 'dropped-headers';
  readonly service: string;
  readonly share: number;
}

/** The service answers this share of requests with 500, before it calls anyone. */
export interface ErrorBurst {
  readonly kind: 'error-burst';
  readonly service: string;
  readonly share: number;
}

/** The service has no healthy pod: callers get 503 with the flag UH, its own series stop, and start from zero when it is back. */
export interface ServiceGone {
  readonly kind: 'service-gone';
  readonly service: string;
}

/** The service makes each of its calls and statements `times` times, one after the other: N+1 queries in place of a join. */
export interface MoreCalls {
  readonly kind: 'more-calls';
  readonly service: string;
  readonly times: number;
}

/** What can go wrong in the mesh, each with the service that is to blame and how bad it is. */
export type Fault =
  | SlowCode
  | SlowDatabase
  | NetworkDelay
  | Retries
  | Queueing
  | BadReplica
  | DroppedHeaders
  | ErrorBurst
  | ServiceGone
  | MoreCalls;

/** What all faults in force do to one service, so that a request looks it up once. */
export interface Effect {
  ownFactor: number;
  databaseFactor: number;
  /** Per pod. */
  podFactor: number[];
  podDelayMs: number[];
  retryShare: number;
  slotMs: number;
  /** How often each call is made. */
  calls: number;
  dropShare: number;
  errorShare: number;
  gone: boolean;
  /** The version that a release put on all pods. */
  version: string | undefined;
}

const neutral = (replicas: number): Effect => ({
  ownFactor: 1,
  databaseFactor: 1,
  podFactor: Array.from({ length: replicas }, () => 1),
  podDelayMs: Array.from({ length: replicas }, () => 0),
  retryShare: 0,
  slotMs: 0,
  calls: 1,
  dropShare: 0,
  errorShare: 0,
  gone: false,
  version: undefined,
});

/** Two independent causes that each strike a share of requests. */
const either = (a: number, b: number): number => 1 - (1 - a) * (1 - b);

function scalePod(effect: Effect, fault: BadReplica): void {
  const pod = fault.pod ?? 0;
  effect.podFactor = effect.podFactor.map((factor, i) => (i === pod ? factor * fault.factor : factor));
}

function delayPods(effect: Effect, fault: NetworkDelay): void {
  effect.podDelayMs = effect.podDelayMs.map((delay, i) =>
    fault.pod === undefined || fault.pod === i ? delay + fault.delayMs : delay,
  );
}

function apply(effect: Effect, fault: Fault): void {
  switch (fault.kind) {
    case 'slow-code':
      effect.ownFactor *= fault.factor;
      effect.version = fault.version ?? effect.version;
      return;
    case 'slow-database':
      effect.databaseFactor *= fault.factor;
      return;
    case 'network-delay':
      delayPods(effect, fault);
      return;
    case 'retries':
      effect.retryShare = either(effect.retryShare, fault.share);
      return;
    case 'queueing':
      effect.slotMs += fault.slotMs;
      return;
    case 'bad-replica':
      scalePod(effect, fault);
      return;
    case 'dropped-headers':
      effect.dropShare = either(effect.dropShare, fault.share);
      return;
    case 'error-burst':
      effect.errorShare = either(effect.errorShare, fault.share);
      return;
    case 'service-gone':
      effect.gone = true;
      return;
    case 'more-calls':
      effect.calls *= fault.times;
  }
}

/** The combined effect on a service with this many pods of the faults that name it. Factors multiply, delays add up. */
export function combine(faults: Iterable<Fault>, service: string, replicas: number): Effect {
  const effect = neutral(replicas);
  for (const fault of faults) if (fault.service === service) apply(effect, fault);
  return effect;
}

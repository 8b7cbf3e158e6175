import type { Steps } from '../lib/concurrency.ts';
import type { Attributes, AttributeValue, Span, Trace } from '../traces/trace.ts';

/** An attribute value that slow traces carry more often than normal ones. Counts are traces. */
export interface AttributeFinding {
  readonly service: string;
  readonly attribute: string;
  readonly value: string;
  readonly slow: number;
  readonly ofSlow: number;
  readonly normal: number;
  readonly ofNormal: number;
  /** The probability of such a difference by chance, corrected for the number of values that were tested. */
  readonly probability: number;
}

/** Attributes that name where a request ran or how it ended, with the names that instrumentations use. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  pod: ['k8s.pod.name', 'pod', 'pod.name', 'hostname', 'host.name'],
  node: ['k8s.node.name', 'node', 'node.name'],
  zone: ['cloud.availability_zone', 'zone', 'topology.kubernetes.io/zone'],
  version: ['service.version', 'istio.canonical_revision', 'version'],
  'response flags': ['response_flags'],
  status: ['http.status_code', 'http.response.status_code', 'rpc.grpc.status_code', 'grpc.status_code'],
  'upstream cluster': ['upstream_cluster', 'upstream_cluster.name'],
};

/** Below this probability a difference is reported. */
const SIGNIFICANT = 0.01;
/** Findings reported at most. */
const MOST_FINDINGS = 5;

function firstOf(source: Attributes, names: readonly string[]): AttributeValue | undefined {
  for (const name of names) {
    const value = source[name];
    if (value !== undefined && value !== '' && value !== '-') return value;
  }
  return undefined;
}

/** Istio's node id, `sidecar~10.0.0.7~payments-6d4f-x2b9.shop~shop.svc.cluster.local`, names the pod. */
const podOfNode = (nodeId: AttributeValue | undefined): string | undefined =>
  typeof nodeId === 'string' ? nodeId.split('~')[2]?.split('.')[0] : undefined;

const NAMES = Object.keys(ATTRIBUTES);
const POD = NAMES.indexOf('pod');
const VERSION = NAMES.indexOf('version');

/** What attributes say of one of the compared ones, by its place in `NAMES`. */
function valueIn(source: Attributes, i: number): string | undefined {
  const value = firstOf(source, ATTRIBUTES[NAMES[i] ?? ''] ?? []);
  if (value === undefined) return i === POD ? podOfNode(source['node_id']) : undefined;
  return typeof value === 'string' ? value : String(value);
}

/** What a resource says of the compared attributes. */
interface ResourceValues {
  /** In the order of `NAMES`. */
  readonly values: readonly (string | undefined)[];
  /** Places of those it does not name: each span may. */
  readonly missing: readonly number[];
}

/** All spans of a process share one resource: it is read once. */
const readResources = new WeakMap<Attributes, ResourceValues>();

function resourceValues(resource: Attributes): ResourceValues {
  const known = readResources.get(resource);
  if (known !== undefined) return known;
  const values = NAMES.map((_, i) => valueIn(resource, i));
  const read = { values, missing: values.flatMap((value, i) => (value === undefined ? [i] : [])) };
  readResources.set(resource, read);
  return read;
}

/** The pod or host that ran a span; undefined when it does not say. */
export const podOf = ({ attributes, resource }: Pick<Span, 'attributes' | 'resource'>): string | undefined =>
  resourceValues(resource).values[POD] ?? valueIn(attributes, POD);

/** The version of the service that ran a span; undefined when it does not say. */
export const versionOf = ({
  attributes,
  resource,
}: Pick<Span, 'attributes' | 'resource'>): string | undefined =>
  resourceValues(resource).values[VERSION] ?? valueIn(attributes, VERSION);

const SEPARATOR = '\u0000';

const textOf = (service: string, attribute: string, value: string): string =>
  service + SEPARATOR + attribute + SEPARATOR + value;

/** The values of a service that a trace had so far. */
interface Seen {
  readonly resources: Set<Attributes>;
  /** In the order of `NAMES`. */
  readonly values: readonly Set<string>[];
}

/** In how many traces each value of each service occurs. Each step reads the spans of a trace. */
function* countTraces(traces: readonly Trace[]): Steps<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { spans } of traces) {
    yield spans.length;
    const byService = new Map<string, Seen>();
    for (const span of spans) {
      const seen = byService.get(span.serviceName) ?? {
        resources: new Set(),
        values: NAMES.map(() => new Set<string>()),
      };
      byService.set(span.serviceName, seen);
      seeSpan(span, seen);
    }
    for (const [service, { values }] of byService)
      values.forEach((ofAttribute, i) => {
        for (const value of ofAttribute) {
          const text = textOf(service, NAMES[i] ?? '', value);
          counts.set(text, (counts.get(text) ?? 0) + 1);
        }
      });
  }
  return counts;
}

function seeSpan({ attributes, resource }: Span, { resources, values: seen }: Seen): void {
  const { values, missing } = resourceValues(resource);
  if (!resources.has(resource)) {
    resources.add(resource);
    values.forEach((value, i) => {
      if (value !== undefined) seen[i]?.add(value);
    });
  }
  for (const i of missing) {
    const value = valueIn(attributes, i);
    if (value !== undefined) seen[i]?.add(value);
  }
}

/**
 * Attribute values that are over-represented in slow traces, the least probable by chance first. The probability of Fisher's exact
 * test is multiplied by the number of tested values (Bonferroni), so that many attributes give no finding by luck.
 */
export function* overRepresented(
  slow: readonly Trace[],
  normal: readonly Trace[],
): Steps<readonly AttributeFinding[]> {
  const inSlow = yield* countTraces(slow);
  const inNormal = yield* countTraces(normal);
  const tested = inSlow.size;
  const findings: AttributeFinding[] = [];
  for (const [text, count] of inSlow) {
    const inBoth = { a: count, ofA: slow.length, b: inNormal.get(text) ?? 0, ofB: normal.length };
    const probability = Math.min(1, fisherExact(inBoth) * tested);
    if (probability >= SIGNIFICANT) continue;
    const [service = '', attribute = '', value = ''] = text.split(SEPARATOR);
    findings.push({
      service,
      attribute,
      value,
      slow: inBoth.a,
      ofSlow: inBoth.ofA,
      normal: inBoth.b,
      ofNormal: inBoth.ofB,
      probability,
    });
  }
  return findings.sort((a, b) => a.probability - b.probability).slice(0, MOST_FINDINGS);
}

/** From here on Stirling's series is exact to 13 digits. */
const STIRLING = 256;
const logFactorials = [0];
for (let n = 1; n < STIRLING; n++) logFactorials.push((logFactorials[n - 1] ?? 0) + Math.log(n));

/** The natural logarithm of a factorial. */
const logFactorial = (n: number): number =>
  logFactorials[n] ?? n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3);

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** How often something was seen in two sets. */
export interface SeenInTwo {
  readonly a: number;
  readonly ofA: number;
  readonly b: number;
  readonly ofB: number;
}

/**
 * The probability of seeing something at least this much more often in set A than in set B by chance: Fisher's exact test, one
 * sided.
 *
 *              with   without
 *     set A     a      ofA - a
 *     set B     b      ofB - b
 */
export function fisherExact({ a, ofA, b, ofB }: SeenInTwo): number {
  const seen = a + b;
  const probabilityOf = (inA: number): number =>
    Math.exp(logChoose(ofA, inA) + logChoose(ofB, seen - inA) - logChoose(ofA + ofB, seen));
  // Summed from `a` away from the most probable number: the terms fall, and those that add nothing are left out.
  if (a * (ofA + ofB) > seen * ofA) {
    const last = Math.min(seen, ofA);
    const next = (x: number): number => ((ofA - x) * (seen - x)) / ((x + 1) * (ofB - seen + x + 1));
    return tailSum(probabilityOf(a), (i) => (a + i < last ? next(a + i) : 0));
  }
  const first = Math.max(0, seen - ofB);
  if (a <= first) return 1;
  const before = (x: number): number => (x * (ofB - seen + x)) / ((ofA - x + 1) * (seen - x + 1));
  return 1 - tailSum(probabilityOf(a - 1), (i) => (a - 1 - i > first ? before(a - 1 - i) : 0));
}

/** The sum of a term and those after it, each `factorOf` times the one before, until they add nothing. */
function tailSum(first: number, factorOf: (i: number) => number): number {
  let [term, sum] = [first, first];
  for (let i = 0; term > sum * NEGLIGIBLE; i++) {
    term *= factorOf(i);
    sum += term;
  }
  return Math.min(1, sum);
}

const NEGLIGIBLE = 1e-12;

/** How often something happened, of how many requests. */
export interface CountedShare {
  readonly count: number;
  readonly of: number;
}

/**
 * Whether a share is larger than another one, and that is less probable by chance than `probability`: Fisher's exact test. Counts
 * may be estimates.
 */
export function isMoreThanByChance(more: CountedShare, than: CountedShare, probability: number): boolean {
  const counted = ({ count, of }: CountedShare): readonly [number, number] => [
    Math.round(count),
    Math.max(1, Math.round(count), Math.round(of)),
  ];
  const [[a, ofA], [b, ofB]] = [counted(more), counted(than)];
  return fisherExact({ a, ofA, b, ofB }) < probability;
}

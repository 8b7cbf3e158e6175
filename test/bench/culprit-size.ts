import { culpritSteps } from '../../src/culprit/culprit.ts';
import { createTurns, stepsInTurns } from '../../src/lib/concurrency.ts';
import { type EpochUs, us } from '../../src/lib/units.ts';
import type { Span, SpanKind, Trace } from '../../src/traces/trace.ts';

const SERVICES = 20;
const CALLS = 5;
/** The first comparisons run code that is not optimized yet. */
const WARM_UP = 5;
/** As `culprit/collect` sets it. */
const SPANS_IN_A_TURN = 8_000;

/** A trace of so many spans: each server calls five others in sequence, by a client span each. */
function aTrace(traceId: string, size: number, slower: number): Trace {
  const spans: Span[] = [];
  // As the backends' formats have it: once for all spans of a process.
  const resources = new Map<string, Span['resource']>();
  const resourceOf = (service: number, pod: number): Span['resource'] => {
    const name = `service-${service}-${pod}`;
    const resource = resources.get(name) ?? { 'k8s.pod.name': name, 'service.version': 'v1' };
    resources.set(name, resource);
    return resource;
  };
  const add = (parent: Span | undefined, kind: SpanKind, service: number, at: [number, number]): Span => {
    const [start, duration] = at;
    const span: Span = {
      traceId,
      spanId: (spans.length + 1).toString(16).padStart(16, '0'),
      parentSpanId: parent?.spanId,
      serviceName: `service-${service}`,
      spanName: `GET /${service}`,
      kind,
      start: start as EpochUs,
      duration: us(duration),
      attributes: { 'http.status_code': 200 },
      resource: resourceOf(service, spans.length % 3),
      events: [],
      isError: false,
      warnings: [],
    };
    spans.push(span);
    return span;
  };
  const waiting = [{ server: add(undefined, 'server', 0, [0, 1_000_000 * slower]), service: 0 }];
  for (let next = waiting.shift(); next !== undefined && spans.length < size; next = waiting.shift()) {
    const { server, service } = next;
    const part = server.duration / (CALLS + 1);
    for (let call = 0; call < CALLS && spans.length < size; call += 1) {
      const called = (service * 7 + call * 3 + 1) % SERVICES;
      const client = add(server, 'client', service, [server.start + call * part, part * 0.9]);
      const inside: [number, number] = [client.start + client.duration * 0.05, client.duration * 0.9];
      waiting.push({ server: add(client, 'server', called, inside), service: called });
    }
  }
  return { traceId, spans };
}

const someTraces = (count: number, size: number, slower: number): readonly Trace[] =>
  Array.from({ length: count }, (_, i) =>
    aTrace(`${slower}${i}`.padStart(32, '0'), size, slower * (1 + (i % 7) / 20)),
  );

/** So many slow and as many normal traces of so many spans each, and how often they are compared. */
export interface CulpritSize {
  readonly count: number;
  readonly spans: number;
  readonly rounds: number;
}

/** What each comparison took, and the longest time without a turn for other work. Milliseconds. */
export interface CulpritTimes {
  readonly walls: readonly number[];
  readonly cpu: readonly number[];
  readonly stalls: readonly number[];
}

/** Compares traces as the bot does. */
async function measure({ count, spans, rounds }: CulpritSize): Promise<CulpritTimes> {
  const [slow, normal] = [someTraces(count, spans, 2), someTraces(count, spans, 1)];
  const [walls, cpu, stalls]: [number[], number[], number[]] = [[], [], []];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    let last = performance.now();
    let longest = 0;
    const nextStep = createTurns(SPANS_IN_A_TURN).begin();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last - 1);
      last = performance.now();
    }, 1);
    const [begun, used] = [performance.now(), process.cpuUsage()];
    await stepsInTurns(culpritSteps(slow, normal), nextStep);
    const { user, system } = process.cpuUsage(used);
    clearInterval(timer);
    if (round < 0) continue;
    walls.push(performance.now() - begun);
    cpu.push((user + system) / 1_000);
    stalls.push(longest);
  }
  return { walls, cpu, stalls };
}

const [given] = process.argv.slice(2);
if (given !== undefined)
  process.stdout.write(JSON.stringify(await measure(JSON.parse(given) as CulpritSize)));

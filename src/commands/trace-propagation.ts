import { forEachLimited } from '../lib/concurrency.ts';
import { existingLinks, type Link } from '../lib/links.ts';
import {
  before,
  type EpochMs,
  formatDuration,
  MINUTE,
  type Milliseconds,
  ms,
  slicesOf,
  type TimeWindow,
} from '../lib/units.ts';
import { type CallRate, type EdgePropagation, propagationOf } from '../traces/propagation.ts';
import type { Trace } from '../traces/trace.ts';
import { nothing, SERVICE } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { findService } from './find-service.ts';
import { type OptionName, parseServiceWindow, timeText, windowUntil, writeName } from './options.ts';

/** `/trace propagation`. */
export interface PropagationCommand {
  readonly kind: 'propagation';
  readonly service: string;
  readonly last: Milliseconds;
  /** A fixed window, given as `at <start>/<end>` in ISO 8601: buttons use it to repeat an answer. */
  readonly window?: TimeWindow;
}

/** Whether the traces of a service, and of the services that it calls, go on from call to call. */
export interface PropagationView {
  readonly service: string;
  readonly window: TimeWindow;
  /** Number of traces looked at. */
  readonly traces: number;
  /** Those where traces stop first. */
  readonly edges: readonly EdgePropagation[];
  /** Services that do not forward the trace headers, with the language of their tracer where spans name it. */
  readonly droppers: readonly { readonly service: string; readonly language?: string }[];
  readonly links: readonly Link[];
}

const DEFAULT_LAST = ms(15 * MINUTE);
const OPTIONS: readonly OptionName[] = ['last', 'window', 'share'];

export const tracePropagation: CommandForm<PropagationCommand> = {
  slash: '/trace',
  kind: 'propagation',
  keywords: ['propagation'],
  usage: 'propagation <service> [last 15m] [share]',
  summary: 'Where traces stop although requests go on: the service that drops the trace headers',
  system: 'jaeger',
  parse,
  write,
  run,
};

function parse({ tokens }: CommandInput): Parsed<PropagationCommand> {
  const parsed = parseServiceWindow(tokens, {
    allowed: OPTIONS,
    example: '/trace propagation checkout',
    defaultLast: DEFAULT_LAST,
  });
  if ('problem' in parsed) return parsed;
  const { service, last, window, options } = parsed;
  return { command: { kind: 'propagation', service, last, window }, share: options.share ?? false };
}

function write({ service, last, window }: PropagationCommand): string {
  return `propagation ${writeName(service)} ${timeText({ last, window })}`;
}

/** Spans arrive up to a minute late: such traces would seem to stop. */
const LATE: Milliseconds = MINUTE;
const MAX_SERVICES = 6;
const SLICES = 3;
const PER_SLICE = 30;
const CONCURRENCY = 3;
const MAX_EDGES = 20;

async function run(
  { command: typed, now, signal }: CommandRequest<PropagationCommand>,
  deps: CommandDeps,
): Promise<Reply<PropagationCommand>> {
  const retry = `/trace ${write({ ...typed, service: SERVICE })}`;
  const resolved = await findService(deps, { name: typed.service, retry }, signal);
  if ('answer' in resolved) return resolved;
  const command = { ...typed, service: resolved.service };
  const window = windowUntil(before(now, LATE), command);
  const rates = await callRates(deps, { at: window.end, length: ms(window.end - window.start) }, signal);
  if (rates.length === 0) return { answer: nothing(NO_RATES) };
  const found = await followCalls(deps, { service: command.service, rates, window, signal });
  const view: PropagationView = {
    service: command.service,
    window,
    ...found,
    edges: found.edges.slice(0, MAX_EDGES),
    links: existingLinks([
      ['Traces in Jaeger', deps.links.traceSearch({ service: command.service, window, limit: PER_SLICE })],
    ]),
  };
  return { answer: { kind: 'propagation', view }, again: { ...command, window } };
}

const NO_RATES =
  'Prometheus has no istio_requests_total with reporter="destination": without the calls that the mesh counts, traces cannot be compared with them.';

const END_LABELS = ['source_canonical_service', 'source_workload_namespace'] as const;
const CALLEE_LABELS = ['destination_canonical_service', 'destination_service_namespace'] as const;

/** All calls in the mesh, as the proxies of the called services count them. */
async function callRates(
  { metrics }: CommandDeps,
  { at, length }: { readonly at: EpochMs; readonly length: Milliseconds },
  signal: AbortSignal,
): Promise<readonly CallRate[]> {
  const by = [...END_LABELS, ...CALLEE_LABELS].join(', ');
  const expr = `sum by (${by}) (rate(istio_requests_total{reporter="destination"}[${formatDuration(length)}]))`;
  const samples = await metrics.instant({ expr, at }, signal);
  return samples.flatMap(({ labels, value }): CallRate[] => {
    const named = ([name, namespace]: readonly [string, string]) => ({
      name: labels[name] ?? '',
      namespace: labels[namespace] ?? '',
    });
    return value > 0
      ? [{ caller: named(END_LABELS), callee: named(CALLEE_LABELS), requestsPerSecond: value }]
      : [];
  });
}

interface Walk {
  readonly service: string;
  readonly rates: readonly CallRate[];
  readonly window: TimeWindow;
  readonly signal: AbortSignal;
}

/** The edges of a service, of those it calls, and so on, breadth first: the service that drops headers may be further down. */
async function followCalls(
  deps: CommandDeps,
  { service, rates, window, signal }: Walk,
): Promise<Pick<PropagationView, 'traces' | 'edges' | 'droppers'>> {
  const services = [service];
  const edges: EdgePropagation[] = [];
  const droppers: PropagationView['droppers'][number][] = [];
  const traceIds = new Set<string>();
  for (const each of services) {
    const traces = await sample(deps, { service: each, window }, signal);
    for (const { traceId } of traces) traceIds.add(traceId);
    const own = propagationOf(traces, { service: each, rates });
    edges.push(...own);
    if (own.some(({ result }) => result === 'dropped'))
      droppers.push({ service: each, language: languageOf(traces, each) });
    for (const { callee } of own)
      if (services.length < MAX_SERVICES && !services.includes(callee)) services.push(callee);
  }
  edges.sort((a, b) => RANK[a.result] - RANK[b.result] || b.stopShare - a.stopShare);
  return { traces: traceIds.size, edges, droppers };
}

const RANK: Readonly<Record<EdgePropagation['result'], number>> = {
  dropped: 0,
  'not-continued': 1,
  forwarded: 2,
  'too-few': 3,
};

/** Traces of a service, spread over the window. */
async function sample(
  { traces }: CommandDeps,
  { service, window }: { readonly service: string; readonly window: TimeWindow },
  signal: AbortSignal,
): Promise<readonly Trace[]> {
  const found = new Map<string, Trace>();
  await forEachLimited(slicesOf(window, SLICES), CONCURRENCY, async (slice) => {
    const answer = await traces.search({ service, window: slice, limit: PER_SLICE }, signal);
    for (const trace of answer.traces) found.set(trace.traceId, trace);
  });
  return [...found.values()];
}

/** The language of the tracer in a service, by OpenTelemetry's resource attribute; a proxy's spans have none. */
function languageOf(traces: readonly Trace[], service: string): string | undefined {
  for (const { spans } of traces)
    for (const { serviceName, resource } of spans) {
      const language = resource['telemetry.sdk.language'];
      if (serviceName === service && language !== undefined) return String(language);
    }
  return undefined;
}

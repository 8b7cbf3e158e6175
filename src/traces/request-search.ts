import { forEachLimited } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import { after, before, type EpochUs, MINUTE, ms, type TimeWindow, toEpochMs } from '../lib/units.ts';
import { extentOf } from './ranking.ts';
import type { Trace } from './trace.ts';
import type { TraceSearch, TraceSource } from './trace-source.ts';

/** Searches for the traces of one request, service by service or everywhere at once, and remembers what it found. */
export interface RequestSearch {
  /** Searches the services in order until one has the request. */
  until(window: TimeWindow, services: readonly string[]): Promise<void>;
  /** Searches all of the services. */
  through(window: TimeWindow, services: readonly string[]): Promise<void>;
  /** Searches without naming a service. False when the backend cannot, or when an empty result is not reliable. */
  everywhere(window: TimeWindow): Promise<boolean>;
  found(): readonly Trace[];
  /** The first error, of any search. */
  failure(): UpstreamError | undefined;
  hasAnswer(): boolean;
  isWhole(): boolean;
}

/** Which request is searched for, and where. */
export interface RequestQuestion {
  readonly traces: Pick<TraceSource, 'search'>;
  /** The attribute that holds the id. */
  readonly attribute: string;
  /** The ways in which the id may be written. */
  readonly values: readonly string[];
}

const AT_ONCE = 4;
/** A question to each service of a large mesh would be felt by the backend. */
const MOST_SERVICES = 100;
/** One request has one trace; several when the application loses the trace headers. */
const LIMIT = 20;

interface Findings {
  readonly found: Map<string, Trace>;
  failure: UpstreamError | undefined;
  hasAnswer: boolean;
  isCut: boolean;
}

/** A search over services, a few at once, that keeps what it found. One service's failure does not end it. */
export function createRequestSearch(
  question: RequestQuestion,
  signal: AbortSignal | undefined,
): RequestSearch {
  const findings: Findings = { found: new Map(), failure: undefined, hasAnswer: false, isCut: false };
  const isOver = (): boolean => signal?.aborted === true;
  const run = async (
    services: readonly string[],
    { window, isEnough }: { readonly window: TimeWindow; readonly isEnough: () => boolean },
  ): Promise<void> => {
    const searched = services.slice(0, MOST_SERVICES);
    if (searched.length < services.length) findings.isCut = true;
    await forEachLimited(searched, AT_ONCE, async (service) => {
      if (!isOver() && !isEnough()) await searchService(question, { service, window, signal, findings });
    });
  };
  return {
    until: (window, services) => run(services, { window, isEnough: () => findings.found.size > 0 }),
    through: (window, services) => run(services, { window, isEnough: () => false }),
    everywhere: async (window) =>
      !isOver() && (await searchEverywhere(question, { window, signal, findings })),
    found: () => [...findings.found.values()],
    failure: () => findings.failure,
    hasAnswer: () => findings.hasAnswer,
    isWhole: () => findings.failure === undefined && !findings.isCut && !isOver(),
  };
}

interface Step {
  readonly window: TimeWindow;
  readonly signal: AbortSignal | undefined;
  readonly findings: Findings;
}

/** Asks in each spelling of the id. Gives whether every answer was complete, and how many traces carry it. */
async function ask(
  { traces, attribute, values }: RequestQuestion,
  search: Pick<TraceSearch, 'service' | 'window'>,
  { signal, findings }: Step,
): Promise<{ readonly isComplete: boolean; readonly count: number }> {
  let isComplete = true;
  let count = 0;
  for (const value of values) {
    const answer = await traces.search(
      { ...search, attributes: { [attribute]: value }, limit: LIMIT },
      signal,
    );
    findings.hasAnswer = true;
    isComplete &&= answer.isComplete;
    // Some backends match by pattern or not at all: look again.
    for (const trace of answer.traces.filter((each) => carries(each, attribute, value))) {
      findings.found.set(trace.traceId, trace);
      count += 1;
    }
  }
  return { isComplete, count };
}

async function searchService(
  question: RequestQuestion,
  step: Step & { readonly service: string },
): Promise<void> {
  const { service, window, findings } = step;
  try {
    await ask(question, { service, window }, step);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    findings.failure ??= error;
    // What is asked wrongly of one service is asked wrongly of all.
    if (!error.retryable && findings.found.size === 0) throw error;
  }
}

/** Its failure is none of the whole: each service can still be asked. */
async function searchEverywhere(question: RequestQuestion, step: Step): Promise<boolean> {
  try {
    const { isComplete, count } = await ask(question, { window: step.window }, step);
    return isComplete && count > 0;
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return false;
  }
}

const carries = ({ spans }: Trace, attribute: string, value: string): boolean =>
  spans.some(({ attributes }) => String(attributes[attribute]) === value);

/** Parts of one request start within this of each other, unless clocks are far off. */
const MARGIN = ms(5 * MINUTE);

/** Where the rest of a request is, of which these traces are parts. */
export function windowAround(traces: readonly Trace[]): TimeWindow {
  const extents = traces.map(extentOf);
  const start = Math.min(...extents.map(({ start }) => start));
  const end = Math.max(...extents.map(({ start, duration }) => start + duration));
  return {
    start: before(toEpochMs(start as EpochUs), MARGIN),
    end: after(toEpochMs(end as EpochUs), MARGIN),
  };
}

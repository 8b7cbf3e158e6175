import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { type EpochMs, MINUTE, type Milliseconds } from '../lib/units.ts';
import type { Attributes, Span, Trace } from '../traces/trace.ts';

const timeout = (message: string): UpstreamError =>
  new UpstreamError({
    system: 'jaeger',
    code: 'timeout',
    message,
    advice: 'Try again in a moment, or use a shorter time range.',
  });

/** Work that several callers wait for. */
interface Job<T> {
  readonly answer: Promise<T>;
  readonly work: AbortController;
  callers: number;
}

/**
 * Merges concurrent calls with the same key. A caller that cancels gets a `timeout` and leaves the others their answer;
 * the work is cancelled when no caller waits for it. Answers are not cached. (The `fetch` of lru-cache would cancel the
 * work of all when one caller cancels.)
 */
export function createSharing<T>() {
  const jobs = new Map<string, Job<T>>();
  const forget = (key: string, job: Job<T>): void => {
    if (jobs.get(key) === job) jobs.delete(key);
  };
  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Job<T> => {
    const controller = new AbortController();
    const job: Job<T> = { answer: work(controller.signal), work: controller, callers: 0 };
    const settled = (): void => forget(key, job);
    job.answer.then(settled, settled);
    jobs.set(key, job);
    return job;
  };
  const canceled = (): UpstreamError => timeout('Jaeger did not respond in time.');
  return async (key: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> => {
    if (caller?.aborted === true) throw canceled();
    const job = jobs.get(key) ?? start(key, work);
    job.callers += 1;
    let cancel = (): void => undefined;
    const abandoned = new Promise<never>((_, reject) => {
      cancel = () => reject(canceled());
    });
    caller?.addEventListener('abort', cancel, { once: true });
    try {
      return await Promise.race([job.answer, abandoned]);
    } finally {
      caller?.removeEventListener('abort', cancel);
      job.callers -= 1;
      if (job.callers === 0) {
        // The next caller starts anew: this job is being cancelled.
        forget(key, job);
        job.work.abort();
      }
    }
  };
}

/** A concurrency limit. Work that is not started within `patience`, or is cancelled before, is a `timeout`. */
export function createPatientLimiter({
  clock,
  concurrency,
  patience,
}: {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly concurrency: number;
  readonly patience: Milliseconds;
}) {
  const limiter = createLimiter(concurrency);
  return async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const start = (waiting: AbortSignal): Promise<{ readonly result: Promise<T> }> =>
      new Promise((resolve, reject) => {
        const run = async (): Promise<void> => {
          const result = work();
          resolve({ result });
          await result.catch(() => undefined);
        };
        limiter.run(run, waiting).catch(reject);
      });
    const limit = { clock, duration: patience, system: 'jaeger', signal } as const;
    const { result } = await withDeadline(limit, start).catch(() => {
      throw timeout('Jaeger is busy with other searches.');
    });
    return await result;
  };
}

/** Spans of a younger trace may still be arriving: sidecars and collectors buffer. */
const COMPLETE_AFTER: Milliseconds = MINUTE;
/** Late spans and deletions are rare, but happen. */
const KEPT_FOR = 10 * MINUTE;

/**
 * A cache of `maxBytes`, by an estimate of size. Only for traces read by id: a search may return part of a trace, as
 * Elasticsearch reads the indices around the window and VictoriaTraces the 45 s around it.
 */
export function createTraceCache({
  now,
  maxBytes,
}: {
  readonly now: () => EpochMs;
  readonly maxBytes: number;
}) {
  const cache = new LRUCache<string, Trace>({
    maxSize: maxBytes,
    sizeCalculation: sizeOf,
    ttl: KEPT_FOR,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    get: (traceId: string) => cache.get(traceId),
    keep: (trace: Trace): void => {
      if (endOf(trace) / 1_000 <= now() - COMPLETE_AFTER) cache.set(trace.traceId, trace);
    },
  };
}

const endOf = ({ spans }: Trace): number =>
  spans.reduce((end, span) => Math.max(end, span.start + span.duration), 0);

/** Bytes of an object and of one of its fields in V8; texts take a byte per character. */
const OBJECT_BYTES = 120;
const FIELD_BYTES = 40;

/** A rough upper estimate in bytes: spans share resources and names. */
const sizeOf = ({ spans }: Trace): number => spans.reduce((sum, span) => sum + spanSize(span), OBJECT_BYTES);

function spanSize({ attributes, resource, events, warnings, spanName }: Span): number {
  const eventSize = events.reduce((sum, event) => sum + OBJECT_BYTES + attributesSize(event.attributes), 0);
  const warningSize = warnings.reduce((sum, warning) => sum + FIELD_BYTES + warning.length, 0);
  const own = 3 * OBJECT_BYTES + spanName.length;
  return own + attributesSize(attributes) + attributesSize(resource) + eventSize + warningSize;
}

function attributesSize(attributes: Attributes): number {
  let size = OBJECT_BYTES;
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    size += FIELD_BYTES + (typeof value === 'string' ? value.length : 0);
  }
  return size;
}

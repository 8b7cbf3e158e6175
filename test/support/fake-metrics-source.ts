import { UpstreamError, type UpstreamErrorCode } from '../../src/lib/errors.ts';
import type { MetricsSource, Sample, Series } from '../../src/lib/metrics-source.ts';
import type { EpochMs } from '../../src/lib/units.ts';

type Answer<T> = T | Error | ((at: EpochMs, signal?: AbortSignal) => T | Promise<T>);

/** A metrics source that returns the given results and records the queries. */
export interface FakeMetricsSource extends MetricsSource {
  /** From now on this expression is answered so: samples, an error to throw, or a function of the instant. */
  answer(expr: string, answer: Answer<readonly Sample[]>): void;
  answerRange(expr: string, series: readonly Series[]): void;
  answerLabel(label: string, values: readonly string[]): void;
  /** Every method throws this until it is called with undefined. */
  fail(error: Error | undefined): void;
  /** Instant queries so far. */
  readonly queries: readonly { readonly expr: string; readonly at: EpochMs }[];
}

/** An error as the real source throws it. */
export function aSourceError(code: UpstreamErrorCode = 'unavailable', message = 'connection refused') {
  return new UpstreamError({
    system: 'prometheus',
    code,
    message,
    advice: 'Look whether Prometheus runs and whether PROMETHEUS_URL is right.',
  });
}

export function createFakeMetricsSource(): FakeMetricsSource {
  const instants = new Map<string, Answer<readonly Sample[]>>();
  const ranges = new Map<string, readonly Series[]>();
  const labels = new Map<string, readonly string[]>();
  const queries: { expr: string; at: EpochMs }[] = [];
  let failure: Error | undefined;

  const guard = (): void => {
    if (failure !== undefined) throw failure;
  };

  return {
    queries,
    answer: (expr, answer) => void instants.set(expr, answer),
    answerRange: (expr, series) => void ranges.set(expr, series),
    answerLabel: (label, values) => void labels.set(label, values),
    fail: (error) => {
      failure = error;
    },
    instant: async ({ expr, at }, signal) => {
      queries.push({ expr, at });
      guard();
      const answer = instants.get(expr) ?? [];
      if (answer instanceof Error) throw answer;
      return typeof answer === 'function' ? await answer(at, signal) : answer;
    },
    range: async ({ expr }) => {
      guard();
      return ranges.get(expr) ?? [];
    },
    labelValues: async ({ label }) => {
      guard();
      return labels.get(label) ?? [];
    },
  };
}

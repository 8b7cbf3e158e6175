import { formatValue } from '../../../../demo/prometheus/http/wire.ts';
import { formatMetric } from '../../../../demo/prometheus/labels.ts';
import { parseExpression } from '../../../../demo/prometheus/promql/parse.ts';
import { queryInstant } from '../../../../demo/prometheus/promql/query.ts';
import { PROMETHEUS_3, type VersionBehavior } from '../../../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore, type SampleStore } from '../../../../demo/prometheus/sample-store.ts';
import { epochMs } from '../../../../src/lib/units.ts';

/** The first instant of every case: a round one, so that figures stay readable. */
export const T0 = 1_700_000_000_000;

/** Series by selector, each with its samples one minute apart from T0: numbers, `_` for none, `stale` for the end of the series. */
export type Load = Readonly<Record<string, string>>;

/** The labels of `name{a="b",c="d"}`. */
function labelsOfText(text: string): Record<string, string> {
  const [, name = '', inside = ''] = /^([\w:]*)(?:\{(.*)\})?$/.exec(text) ?? [];
  const labels: Record<string, string> = name === '' ? {} : { __name__: name };
  for (const [, label = '', value = ''] of inside.matchAll(/(\w+)="([^"]*)"/g)) labels[label] = value;
  return labels;
}

/** `0 10 _ 20` as it is; `0+10x3` stands for `0 10 20 30`. */
function values(text: string): readonly string[] {
  const progression = /^(-?[\d.]+)([+-][\d.]+)x(\d+)$/.exec(text);
  if (progression === null) return text.split(' ');
  const [, first, step, count] = progression.map(Number) as [number, number, number, number];
  return Array.from({ length: count + 1 }, (_, i) => String(first + i * step));
}

/** A store that holds the series. */
export function load(series: Load, step = 60_000): SampleStore {
  const store = createSampleStore();
  for (const [metric, text] of Object.entries(series)) {
    const labels = labelsOfText(metric);
    values(text).forEach((value, i) => {
      const t = epochMs(T0 + i * step);
      if (value === 'stale') store.markStale(labels, t);
      else if (value !== '_') store.append({ labels, t, value: value === 'Inf' ? Infinity : Number(value) });
    });
  }
  return store;
}

export interface AskOptions {
  /** When, in seconds after T0. */
  readonly at?: number;
  readonly versionBehavior?: VersionBehavior;
  /** How far instant selectors look back, in ms. */
  readonly lookback?: number;
}

/** Evaluates a query and gives its values as Prometheus writes them, by metric; `''` for a scalar. */
export function ask(source: SampleStore, query: string, options: AskOptions = {}): Record<string, string> {
  const { at = 300, versionBehavior = PROMETHEUS_3, lookback = 300_000 } = options;
  const result = queryInstant(
    { source, versionBehavior, lookback },
    parseExpression(query, versionBehavior),
    T0 + at * 1_000,
  );
  switch (result.type) {
    case 'scalar':
      return { '': formatValue(result.point.value) };
    case 'string':
      return { '': result.text };
    case 'vector':
      return Object.fromEntries(
        result.samples.map(({ labels, value }) => [formatMetric(labels), formatValue(value)]),
      );
    case 'matrix':
      return Object.fromEntries(
        result.series.map(({ labels, points }) => [
          formatMetric(labels),
          points.map(({ t, value }) => `${formatValue(value)}@${(t - T0) / 1_000}`).join(' '),
        ]),
      );
  }
}

import { dirname, join } from 'node:path';

/** The newer Prometheus, built by .ci/servers: a machine without Go has none. */
export const PROMETHEUS_3 = process.env['TAILWATCH_PROMETHEUS_3'] ?? '';
/** The promtool of its own, beside it. */
export const PROMTOOL_3 = PROMETHEUS_3 === '' ? '' : join(dirname(PROMETHEUS_3), 'promtool');

/** A version of Prometheus that a suite can run against; its needs are for `requireOrSkip`. */
export interface ServerVersion {
  readonly name: 'Prometheus 2.42' | 'Prometheus 3';
  readonly need: 'prometheus' | 'prometheus-3';
  readonly binary: string;
  /** Its own promtool, which judges by its own rules and query engine. */
  readonly judgeNeed: 'promtool' | 'promtool-3';
  readonly promtool: string;
  /** A bucket's bound as its scrapes write it: the newer one normalises whole numbers. */
  readonly le: (bound: number) => string;
}

/** Debian's, and what users run today. */
export const GENERATIONS: readonly ServerVersion[] = [
  {
    name: 'Prometheus 2.42',
    need: 'prometheus',
    binary: 'prometheus',
    judgeNeed: 'promtool',
    promtool: 'promtool',
    le: (bound) => (bound === Infinity ? '+Inf' : String(bound)),
  },
  {
    name: 'Prometheus 3',
    need: 'prometheus-3',
    binary: PROMETHEUS_3,
    judgeNeed: 'promtool-3',
    promtool: PROMTOOL_3,
    le: (bound) => (bound === Infinity ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : String(bound)),
  },
];

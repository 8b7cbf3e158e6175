import type { Chance } from './promql-samples.ts';

/* Expressions in the shapes of published alerts: those of kube-prometheus, node_exporter, Istio, Sloth and others. */

const WINDOWS = ['1m', '5m', '10m', '1h', '6h', '3d', '1h30m'];
const BOUNDS = ['0', '1', '0.05', '14.4 * 0.001', '1e3', '-1', '(60 * 60)', '500', '0x1F'];
const COMPARISONS = ['>', '>=', '<', '<=', '==', '!='];
const GROUPS = [
  'by (service)',
  'by (job, namespace)',
  'without (instance, pod)',
  'by ("service.name", le)',
  '',
];

const MATCHERS = [
  'job="node"',
  'service="cart"',
  'code=~"5..|429"',
  'fstype!~"tmpfs|#.*"',
  'namespace!=""',
  `path='/a "b" # c'`,
  '"service.name"="checkout"',
  'destination_service_name="payments"',
  'condition="Ready"',
];

const COUNTERS = ['http_requests_total', 'node_cpu_seconds_total', 'grpc_server_handled_total'];
const GAUGES = [
  'up',
  'kube_pod_status_phase',
  'node_filesystem_avail_bytes',
  'kube_node_status_condition',
  'job:errors:ratio_rate5m',
];
const HISTOGRAMS = ['istio_request_duration_milliseconds', 'http_server_duration_seconds'];

/** A selector with up to three matchers, here and there with all of its name inside of the braces. */
function selector(chance: Chance, metric: string): string {
  const count = chance.below(4);
  const matchers = Array.from({ length: count }, () => chance.pick(MATCHERS));
  if (chance.with(0.1)) return `{${[JSON.stringify(metric), ...matchers].join(', ')}}`;
  return count === 0 ? metric : `${metric}{${matchers.join(',')}}`;
}

const rate = (chance: Chance, metric: string): string =>
  `${chance.pick(['rate', 'increase', 'irate'])}(${selector(chance, metric)}[${chance.pick(WINDOWS)}]${chance.with(0.1) ? ' offset 1w' : ''})`;

const sum = (chance: Chance, of: string): string =>
  `${chance.pick(['sum', 'max', 'count', 'avg'])} ${chance.pick(GROUPS)} (${of})`;

function quantile(chance: Chance): string {
  const buckets = rate(chance, `${chance.pick(HISTOGRAMS)}_bucket`);
  return `histogram_quantile(${chance.pick(['0.99', '0.5', '.95'])}, sum by (le, service) (${buckets}))`;
}

function slowShare(chance: Chance): string {
  const metric = chance.pick(HISTOGRAMS);
  const window = chance.pick(WINDOWS);
  return `1 - sum by (service) (rate(${metric}_bucket{le="500"}[${window}])) / sum by (service) (rate(${metric}_count[${window}]))`;
}

const errorShare = (chance: Chance): string => {
  const metric = chance.pick(COUNTERS);
  return `${sum(chance, rate(chance, metric))} / ${sum(chance, rate(chance, metric))}`;
};

/** What an alert compares with a bound. */
function value(chance: Chance): string {
  const gauge = selector(chance, chance.pick(GAUGES));
  return chance.pick<() => string>([
    () => gauge,
    () => sum(chance, gauge),
    () => sum(chance, rate(chance, chance.pick(COUNTERS))),
    () => quantile(chance),
    () => slowShare(chance),
    () => errorShare(chance),
    () => `${errorShare(chance)} * 100`,
    () => `predict_linear(${gauge}[1h], 4 * 3600)`,
    () => `max_over_time(${gauge}[10m:1m])`,
    () => `time() - ${gauge}`,
    () => `${gauge} * on (pod) group_left (phase) (kube_pod_status_phase == 1)`,
    () => `topk(3, ${gauge})`,
    () => `(${gauge} - ${gauge}) / ${gauge}`,
    () => `label_replace(${gauge}, "host", "$1", "instance", "(.*):.*")`,
  ])();
}

const compared = (chance: Chance): string =>
  `${value(chance)} ${chance.pick(COMPARISONS)} ${chance.with(0.1) ? 'bool ' : ''}${chance.pick(BOUNDS)}`;

/** An expression of an alert. */
export function generateAlertExpression(chance: Chance): string {
  const matching = chance.pick(['', ' on (service)', ' ignoring (pod)']);
  return chance.pick<() => string>([
    () => compared(chance),
    () => compared(chance),
    () => `(${compared(chance)})${chance.pick([' and', ' unless', ' or'])}${matching} (${compared(chance)})`,
    () => `${compared(chance)} and${matching} ${compared(chance)} and ${compared(chance)}`,
    () => `absent(${selector(chance, chance.pick(GAUGES))})`,
    () => `${compared(chance)} or absent(${selector(chance, 'up')})`,
    () => `changes(${selector(chance, chance.pick(GAUGES))}[15m]) > 2`,
    () => `-${value(chance)} < -1`,
  ])();
}

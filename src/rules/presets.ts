import type { LatencyFamily } from './rule.ts';

/** A latency histogram of common installations, and the usual labels of its objectives. */
export interface Preset {
  readonly family: LatencyFamily;
  /** The labels to group by when the file does not say. */
  readonly by: readonly string[];
  /** The default bucket bounds, in the family's unit. */
  readonly bounds: readonly number[];
}

const ISTIO: LatencyFamily = {
  metric: 'istio_request_duration_milliseconds',
  unit: 'ms',
  // The server's side alone: summing both reporters would count every request twice.
  selector: 'reporter="destination"',
  serviceLabel: 'destination_service_name',
  errorSelector: 'response_code=~"5.."',
};

/** Envoy's. Source: envoy source/common/stats/histogram_impl.cc, ConstSupportedBuckets. */
const ISTIO_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/** Source: OpenTelemetry semantic conventions, `http.server.request.duration`. */
const OTEL_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Source: opentelemetry-collector-contrib connector/spanmetricsconnector, defaultHistogramBucketsMs. */
const SPAN_BOUNDS: readonly number[] = [
  2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1_000, 1_400, 2_000, 5_000, 10_000, 15_000,
];

const ISTIO_BY = ['destination_service_name', 'destination_service_namespace'] as const;

/**
 * The presets of the short form.
 * Sources: istio.io "Istio Standard Metrics"; OpenTelemetry semantic conventions for HTTP metrics; the span metrics
 * connector of opentelemetry-collector-contrib.
 */
export const PRESETS = {
  istio: { family: ISTIO, by: ISTIO_BY, bounds: ISTIO_BOUNDS },
  // Without sidecars only waypoints measure HTTP; ztunnel sees connections, not requests.
  'istio-ambient': {
    family: { ...ISTIO, selector: 'reporter="waypoint"' },
    by: ISTIO_BY,
    bounds: ISTIO_BOUNDS,
  },
  'otel-http': {
    family: {
      metric: 'http_server_request_duration_seconds',
      unit: 's',
      selector: '',
      serviceLabel: 'service_name',
      errorSelector: 'http_response_status_code=~"5.."',
    },
    by: ['service_name'],
    bounds: OTEL_BOUNDS,
  },
  // The names that Prometheus 3 keeps with the OTLP translation strategy `NoUTF8EscapingWithSuffixes`.
  'otel-http-utf8': {
    family: {
      metric: 'http.server.request.duration_seconds',
      unit: 's',
      selector: '',
      serviceLabel: 'service.name',
      errorSelector: '"http.response.status_code"=~"5.."',
    },
    by: ['service.name'],
    bounds: OTEL_BOUNDS,
  },
  spanmetrics: {
    family: {
      metric: 'traces_span_metrics_duration_milliseconds',
      unit: 'ms',
      selector: 'span_kind="SPAN_KIND_SERVER"',
      serviceLabel: 'service_name',
      errorSelector: 'status_code="STATUS_CODE_ERROR"',
    },
    by: ['service_name'],
    bounds: SPAN_BOUNDS,
  },
} as const satisfies Readonly<Record<string, Preset>>;

/** The name of a preset in rule files. */
export type PresetName = keyof typeof PRESETS;

/** The preset of a metric: with dots and without a unit it is still OpenTelemetry's. */
export const presetOfMetric = (metric: string): Preset | undefined =>
  Object.values(PRESETS).find(
    ({ family }) => family.metric === metric || family.metric === `${metric}_seconds`,
  );

/** The matchers for failed requests, when the metric is that of a preset in any unit. */
export function errorSelectorFor(metric: string): string | undefined {
  const unitless = (name: string): string => name.replace(/_(?:milli)?seconds$/, '');
  return Object.values(PRESETS).find(({ family }) => unitless(family.metric) === unitless(metric))?.family
    .errorSelector;
}

/**
 * Histograms whose names end in no unit. Sources: OpenTelemetry semantic conventions, in seconds since 1.23 and in milliseconds
 * before, as the span metrics connector has them; Tempo's metrics generator; Envoy's statistics.
 */
const WITHOUT_UNIT: readonly (readonly [RegExp, 'ms' | 's'])[] = [
  [
    /^(?:http[._](?:server|client)[._]request|rpc[._](?:server|client)[._]call|db[._]client[._]operation)[._]duration$/,
    's',
  ],
  [/^(?:http|rpc)[._](?:server|client)[._]duration$/, 'ms'],
  [/^traces[._]span[._]metrics[._]duration$/, 'ms'],
  [/^traces_spanmetrics_latency$/, 's'],
  [/^envoy_\w+_rq_time$/, 'ms'],
];

/** The unit a metric's name ends in, by the naming rules of Prometheus and OpenTelemetry, or that of a known metric. */
export function unitOfMetric(metric: string): 'ms' | 's' | undefined {
  if (/[_.](?:milliseconds|ms)$/.test(metric)) return 'ms';
  if (/[_.](?:seconds|s)$/.test(metric)) return 's';
  return WITHOUT_UNIT.find(([name]) => name.test(metric))?.[1];
}

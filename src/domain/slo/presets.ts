import type { LatencyFamily } from './rule.ts';

export type PresetName = 'istio' | 'istio-ambient' | 'otel-http' | 'spanmetrics';

/** A latency histogram that many installations have, and how verdicts on it are usually given. */
export interface Preset {
  readonly family: LatencyFamily;
  /** The labels a verdict is given for when the file does not say. */
  readonly by: readonly string[];
}

const ISTIO: LatencyFamily = {
  metric: 'istio_request_duration_milliseconds',
  unit: 'ms',
  // The server's side alone: summing both reporters would count every request twice.
  selector: 'reporter="destination"',
  serviceLabel: 'destination_service_name',
  errorSelector: 'response_code=~"5.."',
};

const ISTIO_BY = ['destination_service_name', 'destination_service_namespace'] as const;

/**
 * The presets of the short form.
 * Sources: istio.io "Istio Standard Metrics"; OpenTelemetry semantic conventions for HTTP metrics; the span metrics
 * connector of opentelemetry-collector-contrib.
 */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  istio: { family: ISTIO, by: ISTIO_BY },
  // Without sidecars only waypoints measure HTTP; ztunnel sees connections, not requests.
  'istio-ambient': { family: { ...ISTIO, selector: 'reporter="waypoint"' }, by: ISTIO_BY },
  'otel-http': {
    family: {
      metric: 'http_server_request_duration_seconds',
      unit: 's',
      selector: '',
      serviceLabel: 'service_name',
      errorSelector: 'http_response_status_code=~"5.."',
    },
    by: ['service_name'],
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
  },
};

/** What tells failed requests apart on a metric that some preset knows. */
export function errorSelectorFor(metric: string): string | undefined {
  const unitless = (name: string): string => name.replace(/_(?:milli)?seconds$/, '');
  return Object.values(PRESETS).find(({ family }) => unitless(family.metric) === unitless(metric))?.family
    .errorSelector;
}

/** The unit a metric's name ends in, by the naming rules of Prometheus and OpenTelemetry. */
export function unitOfMetric(metric: string): 'ms' | 's' | undefined {
  if (/_(?:milliseconds|ms)$/.test(metric)) return 'ms';
  return /_(?:seconds|s)$/.test(metric) ? 's' : undefined;
}

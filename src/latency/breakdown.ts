import type { Labels } from '../lib/labels.ts';
import { PRESETS } from '../rules/presets.ts';
import type { LatencyFamily } from '../rules/rule.ts';

/** The labels of a histogram that tell its requests apart; of several names the first that is set counts. */
export interface BreakdownLabels {
  readonly version: readonly string[];
  readonly code: readonly string[];
  readonly grpcStatus: readonly string[];
  /** Envoy's response flags. */
  readonly flags: readonly string[];
}

const ISTIO: BreakdownLabels = {
  version: ['destination_version', 'destination_canonical_revision'],
  code: ['response_code'],
  grpcStatus: ['grpc_response_status'],
  flags: ['response_flags'],
};

const none: BreakdownLabels = { version: [], code: [], grpcStatus: [], flags: [] };

/** The labels that the histogram of a preset has, by the same sources as the presets; undefined for any other metric. */
export function breakdownLabels({ metric, serviceLabel }: LatencyFamily): BreakdownLabels | undefined {
  switch (metric) {
    case PRESETS.istio.family.metric:
      // Seen from a gateway it is the gateway's own version that tells its pods apart.
      return serviceLabel.startsWith('source_')
        ? { ...ISTIO, version: ['source_version', 'source_canonical_revision'] }
        : ISTIO;
    case PRESETS['otel-http'].family.metric:
      return { ...none, version: ['service_version'], code: ['http_response_status_code'] };
    case PRESETS.spanmetrics.family.metric:
      return { ...none, version: ['service_version'], code: ['status_code'] };
    default:
      return undefined;
  }
}

/** All label names of a breakdown: what to keep apart in one query. */
export const labelNames = ({ version, code, grpcStatus, flags }: BreakdownLabels): readonly string[] => [
  ...version,
  ...code,
  ...grpcStatus,
  ...flags,
];

/** The value of the first of these labels that says something. Istio writes `unknown` where it cannot tell. */
export const labelText = (labels: Labels, names: readonly string[]): string =>
  names.map((name) => labels[name] ?? '').find((value) => value !== '' && value !== 'unknown') ?? '';

/** Whether a response code counts as an error of the service: 5xx, or what a span is marked with. */
export const isFailureCode = (code: string): boolean => /^5\d\d$/.test(code) || code === 'STATUS_CODE_ERROR';

/** Whether the family is a mesh's that counts each call at its destination and at its source. */
export const hasTwoSides = ({ selector }: LatencyFamily): boolean =>
  selector === PRESETS.istio.family.selector;

/** The same histogram as the proxies of the callers fill it. */
export const atSource = (family: LatencyFamily): LatencyFamily => ({
  ...family,
  selector: 'reporter="source"',
});

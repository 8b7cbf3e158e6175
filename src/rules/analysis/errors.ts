import { matchersOf, metricNameOf } from './selectors.ts';
import { nodesOf, parseExpression } from './syntax.ts';

/** Labels of a request's outcome: Istio's, OpenTelemetry's, gRPC's and the usual ones of hand-written metrics. */
const OUTCOME =
  /^(?:(?:http_|grpc_|rpc_)?(?:response_)?(?:status_)?(?:code|status|status_class)|code_class|outcome|error|result|http\.response\.status_code|rpc\.grpc\.status_code)$/;

/** Codes of failures: 5xx, and the names of errors. A code of 4xx is the client's: its spans are not marked as failed. */
const FAILURE = /(?:^|[^\d])5(?:[\dx.]|\[|$)|error|fail|true|unavailable|internal|unknown|deadline/i;

/** Metrics that count failures. `sli_error` of Sloth is the missed share of any objective. */
const FAILURE_METRIC = /(?<!sli_)(?:error|fail(?:ed|ure)|exception|fault)s?(?:[_:.]|$)/i;

/** Whether an expression without comments counts failed requests: by the outcome's label, or by the metric's name. */
export function countsErrors(expr: string): boolean {
  for (const node of nodesOf(parseExpression(expr))) {
    if (node.name !== 'VectorSelector') continue;
    if (FAILURE_METRIC.test(metricNameOf(expr, node) ?? '')) return true;
    if (matchersOf(expr, node).some(({ label, value }) => OUTCOME.test(label) && FAILURE.test(value)))
      return true;
  }
  return false;
}

/** By these the queries of one rule differ from those of the others: each is the fewest requests that its rule needs. */
const FEWEST_REQUESTS = 5;

/** Rules of the suite: one objective in several groups, because many alerts at once are what posting is hard with. */
export function chaosRules(copies: number): string {
  const slo = (name: string, index: number): string => `- name: ${name}
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 20s }
  min_requests: ${FEWEST_REQUESTS + index}
  interval: 5s
  alert:
    for: 10s
    recover: { below: 500ms, window: 20s }
  labels: { severity: page }
  annotations:
    summary: "breach of {{ $labels.destination_service_name }} by ${name} (suite)"
`;
  const names = ruleNames(copies);
  return `group_threshold: 0\nflap_threshold: 0\nslos:\n${names.map(slo).join('')}`;
}

/** Names of the rules. */
export const ruleNames = (copies: number): readonly string[] =>
  Array.from({ length: copies }, (_, index) => `Slow${String.fromCharCode(65 + index)}`);

/** The rule whose own query this is, as it is sent at each evaluation time; undefined for all others. */
export function ruleOf(query: string): string | undefined {
  const fewest = / > 0\.01 and .* >= (\d+)$/.exec(query)?.[1];
  return fewest === undefined ? undefined : ruleNames(Number(fewest) - FEWEST_REQUESTS + 1).at(-1);
}

/** Between two evaluations, in seconds. */
export const INTERVAL_S = 5;

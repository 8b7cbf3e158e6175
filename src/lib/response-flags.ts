/**
 * Envoy's response flags in words. Source: envoyproxy.io, access log usage, `%RESPONSE_FLAGS%`. What is not here is shown as
 * Envoy writes it.
 */
const WORDS: Readonly<Record<string, string>> = {
  DC: 'the caller closed the connection',
  DF: 'the name could not be resolved',
  DI: 'delayed by fault injection',
  DO: 'dropped: the called cluster is overloaded',
  DPE: 'the caller broke the HTTP protocol',
  DR: 'the caller reset the request',
  DT: 'the connection was older than it may get',
  FI: 'aborted by fault injection',
  IH: 'refused: a header had an invalid value',
  LH: 'the called pod fails its health check',
  LR: 'the proxy reset the connection',
  NC: 'the cluster is not known to the proxy',
  NFCF: 'a filter had no configuration yet',
  NR: 'no route matches the request',
  OM: 'the proxy is overloaded',
  RL: 'refused by the rate limit',
  RLSE: 'the rate limit service failed',
  SI: 'nothing was sent for too long',
  UAEX: 'refused by external authorization',
  UC: 'the called side closed the connection',
  UF: 'no connection to the called side',
  UH: 'no healthy pod to call',
  UMSDR: 'the request lasted longer than it may',
  UO: 'too many requests are waiting: circuit breaker',
  UPE: 'the called side broke the HTTP protocol',
  UR: 'the called side reset the request',
  URX: 'every retry was used up',
  UT: 'the called side did not answer in time',
};

/** `UF,URX` as `no connection to the called side (UF), every retry was used up (URX)`; empty for `-` and for nothing. */
export function flagsInWords(flags: string): string {
  return flags
    .split(',')
    .map((flag) => flag.trim())
    .filter((flag) => flag !== '' && flag !== '-')
    .map((flag) => (Object.hasOwn(WORDS, flag) ? `${WORDS[flag]} (${flag})` : `response flag ${flag}`))
    .join(', ');
}

import type { Candidate, CulpritKind, CulpritResult, NotCompared } from './result.ts';

const KINDS: Readonly<Record<CulpritKind, string>> = {
  'own-code': 'own code',
  database: 'database',
  queueing: 'overload or queueing',
  network: 'network',
  retries: 'retries',
  'bad-replica': 'one replica',
  'more-calls': 'more calls',
  'new-version': 'new version',
  external: 'external call',
};

/** `412 ms`, `1.2 s`: microseconds, for comparison. */
const time = (microseconds: number): string => {
  const ms = microseconds / 1_000;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(ms >= 10_000 ? 0 : 1)} s`;
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;
};

function kindText({ kind, detail }: Candidate): string {
  if (detail === '') return KINDS[kind];
  return kind === 'network' ? `network between it and ${detail}` : `${KINDS[kind]} ${detail}`;
}

const nameOf = ({ service, operation }: Candidate): string =>
  operation === '' ? service : `${service}, ${operation}`;

const candidateText = (candidate: Candidate, total: number): string =>
  `${nameOf(candidate)}, ${kindText(candidate)}: +${time(Math.min(candidate.slowdown, total))} of +${time(total)} (${Math.round(candidate.share * 100)}%)`;

/**
 * The result in sentences: the culprit with its share and the confidence with its counts, or "unclear" with the candidates.
 * Names are not escaped: the caller does that for where it prints.
 */
export function culpritText(result: CulpritResult | NotCompared): readonly string[] {
  if (result.kind === 'not-slower') return ['Not slower than normal.'];
  if (result.kind === 'too-few')
    return [
      `Not compared: ${result.slow} slow and ${result.normal} normal traces, at least 5 of each are needed.`,
    ];
  const { confidence, agreeing, resamples, slow, normal, candidates, second, caveats, slowdown } = result;
  const [first] = candidates;
  const counts = `${agreeing} of ${resamples} resamples, ${slow} slow and ${normal} normal traces`;
  if (first === undefined || confidence === 'unclear') {
    const listed = candidates.map((each) => `- ${candidateText(each, slowdown)}`);
    return [`Culprit: unclear (${counts}).`, ...caveats, ...listed];
  }
  return [
    `Culprit: ${candidateText(first, slowdown)}. Confidence ${confidence} (${counts}).`,
    ...(second === undefined ? [] : [`Also slower: ${candidateText(second, slowdown)}.`]),
    ...caveats,
  ];
}

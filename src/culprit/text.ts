import { durationText } from '../lib/format.ts';
import { us } from '../lib/units.ts';
import type { PieceKey, PieceKind } from './piece.ts';
import type { Candidate, CulpritKind, CulpritResult, NotCompared } from './result.ts';

const KINDS: Readonly<Record<CulpritKind, string>> = {
  'own-code': 'own code',
  database: 'database',
  queueing: 'overload or queueing',
  network: 'network',
  retries: 'retries',
  'more-calls': 'more calls',
  'bad-replica': 'one replica',
  'new-version': 'new version',
  external: 'external call',
};

function kindText({ kind, detail }: Candidate): string {
  if (detail === '') return KINDS[kind];
  if (kind === 'network') return `network between it and ${detail}`;
  return kind === 'more-calls' ? `more calls to ${detail}` : `${KINDS[kind]} ${detail}`;
}

/** A candidate with less of the slowdown, which would be shown as 0%, is none. */
const LEAST_SHARE = 0.005;

/** Candidates of an unclear result that a message lists. */
const MOST_CANDIDATES = 3;

const nameOf = ({ service, operation }: Candidate): string =>
  operation === '' ? service : `${service}, ${operation}`;

function secondText(second: Candidate, total: number): string {
  const { parallelTo } = second;
  if (parallelTo === undefined) return `Also slower: ${candidateText(second, total)}.`;
  const by = durationText(us(second.slowdown));
  return `Also slower, in parallel to ${parallelTo}: ${nameOf(second)}, ${kindText(second)}: +${by}.`;
}

function candidateText(candidate: Candidate, total: number): string {
  const part = durationText(us(Math.min(candidate.slowdown, total))).split(' ');
  const [whole, unit] = durationText(us(total)).split(' ');
  const of = part[1] === unit ? `+${part[0]}` : `+${part.join(' ')}`;
  return `${nameOf(candidate)}, ${kindText(candidate)}: ${of} of +${whole} ${unit} (${Math.round(candidate.share * 100)}%)`;
}

/** A result in sentences. Names are not escaped: the caller does that for where it prints. */
export interface CulpritSentences {
  /** The culprit with its share and the confidence with its counts, or why none is named. */
  readonly headline: string;
  /** A second cause, or of an unclear result the candidates. */
  readonly others: readonly string[];
  /** Why the confidence is not high. */
  readonly caveats: readonly string[];
}

/** The result of a comparison as text. */
export function culpritSentences(result: CulpritResult | NotCompared): CulpritSentences {
  const alone = (headline: string): CulpritSentences => ({ headline, others: [], caveats: [] });
  if (result.kind === 'not-slower') return alone('Not slower than normal.');
  if (result.kind === 'too-few')
    return alone(
      `Not compared: ${result.slow} slow and ${result.normal} normal traces, at least 5 of each are needed.`,
    );
  const { confidence, agreeing, resamples, slow, normal, candidates, second, caveats, slowdown } = result;
  const [first] = candidates;
  const counts = `${agreeing} of ${resamples} resamples, ${slow} slow and ${normal} normal traces`;
  if (first === undefined || confidence === 'unclear') {
    const others = candidates
      .slice(0, MOST_CANDIDATES)
      .filter(({ share }) => share >= LEAST_SHARE)
      .map((each) => `- ${candidateText(each, slowdown)}`);
    return { headline: `Culprit: unclear (${counts}).`, others, caveats };
  }
  return {
    headline: `Culprit: ${candidateText(first, slowdown)}. Confidence ${confidence} (${counts}).`,
    others: second === undefined ? [] : [secondText(second, slowdown)],
    caveats,
  };
}

/** The same as lines. */
export function culpritText(result: CulpritResult | NotCompared): readonly string[] {
  const { headline, others, caveats } = culpritSentences(result);
  return [headline, ...others, ...caveats];
}

const PIECES: Readonly<Record<PieceKind, string>> = {
  own: 'own code',
  request: 'request to',
  response: 'response of',
  connection: 'connection setup to',
  database: 'database',
  external: 'external call to',
  retry: 'retries to',
};

/** What a piece of the critical path was spent on: `payments own code POST /charge`, `payments database payments-db INSERT charges`. */
export function pieceText({ kind, service, operation, callee }: PieceKey): string {
  return [
    service,
    PIECES[kind],
    callee,
    kind === 'own' || kind === 'database' || callee === '' ? operation : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
}

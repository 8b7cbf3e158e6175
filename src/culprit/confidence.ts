import type { TraceProfile } from './profile.ts';
import type { Candidate, CulpritResult, Sets } from './result.ts';

/** Traces and stability that a confident result needs (culprit benchmark: at 0.9 and more 99% were right). */
const HIGH = { stability: 0.95, share: 0.6, slow: 10, normal: 20 };
const MEDIUM_STABILITY = 0.8;
const MOST_UNATTRIBUTED = 0.3;

/** What the confidence of a result depends on. */
interface Grounds {
  readonly sets: Sets;
  readonly candidates: readonly Candidate[];
  /** The share of resamples that agree. */
  readonly stability: number;
  readonly second: Candidate | undefined;
}

/** The confidence of a result, and why it is not `high`. */
export function confidenceOf(grounds: Grounds): Pick<CulpritResult, 'confidence' | 'caveats'> {
  const caveats = caveatsOf(grounds);
  const share = grounds.candidates[0]?.share ?? 0;
  const isUnsure = grounds.stability < MEDIUM_STABILITY || share < HIGH.share || mayBeNetwork(grounds);
  if (isUnsure) return { confidence: 'unclear', caveats };
  return { confidence: caveats.length === 0 ? 'high' : 'medium', caveats };
}

function caveatsOf({ sets: { slow, normal, comparison }, candidates, stability, second }: Grounds): string[] {
  const share = candidates[0]?.share ?? 0;
  const isSmall = slow.length < HIGH.slow || normal.length < HIGH.normal;
  const hasLost = comparison.unattributed > comparison.slowdown * MOST_UNATTRIBUTED;
  const rows: readonly (readonly [boolean, string])[] = [
    [stability < HIGH.stability, `Only ${Math.round(stability * 100)}% of the resamples agree.`],
    [share < HIGH.share, `${Math.round(share * 100)}% of the slowdown is explained.`],
    [isSmall, `Only ${slow.length} slow and ${normal.length} normal traces.`],
    [hasLost, 'Spans of called services are missing.'],
    [
      hasNoClientSpans(normal),
      'The traces have no client spans: network and own code of a caller look the same.',
    ],
    [second !== undefined, `${second?.service ?? ''} is slower too.`],
  ];
  return rows.filter(([holds]) => holds).map(([, text]) => text);
}

const hasNoClientSpans = (profiles: readonly TraceProfile[]): boolean =>
  profiles.every(({ answered }) => answered.size === 0);

/** The first candidate calls others without client spans: its own code and the network to them look the same. */
function mayBeNetwork({ sets: { normal }, candidates: [first] }: Grounds): boolean {
  if (first === undefined) return true;
  const bare = normal.filter(
    ({ bareCallers, answered }) => answered.size === 0 && bareCallers.has(first.service),
  );
  return bare.length > normal.length / 2;
}

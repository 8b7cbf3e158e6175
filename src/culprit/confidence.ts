import type { TraceProfile } from './profile.ts';
import type { Candidate, CulpritResult, Sets } from './result.ts';

/** Traces and stability that a confident result needs (culprit benchmark: at 0.9 and more 99% were right). */
const HIGH = { stability: 0.95, share: 0.6, slow: 10, normal: 20 };
const MEDIUM_STABILITY = 0.8;
const MOST_UNATTRIBUTED = 0.3;

/** The confidence of a result, and why it is not `high`. */
export function confidenceOf({
  sets: { slow, normal, comparison },
  candidates: [first],
  stability,
  second,
}: {
  readonly sets: Sets;
  readonly candidates: readonly Candidate[];
  readonly stability: number;
  readonly second: Candidate | undefined;
}): Pick<CulpritResult, 'confidence' | 'caveats'> {
  const share = first?.share ?? 0;
  const caveats = [
    stability < HIGH.stability ? `Only ${Math.round(stability * 100)}% of the resamples agree.` : '',
    share < HIGH.share ? `${Math.round(share * 100)}% of the slowdown is explained.` : '',
    slow.length < HIGH.slow || normal.length < HIGH.normal
      ? `Only ${slow.length} slow and ${normal.length} normal traces.`
      : '',
    comparison.unattributed > comparison.slowdown * MOST_UNATTRIBUTED
      ? 'Spans of called services are missing.'
      : '',
    hasNoClientSpans(normal)
      ? 'The traces have no client spans: network and own code of a caller look the same.'
      : '',
    second === undefined ? '' : `${second.service} is slower too.`,
  ].filter((caveat) => caveat !== '');
  if (first === undefined || stability < MEDIUM_STABILITY || share < HIGH.share)
    return { confidence: 'unclear', caveats };
  return { confidence: caveats.length === 0 ? 'high' : 'medium', caveats };
}

const hasNoClientSpans = (profiles: readonly TraceProfile[]): boolean =>
  profiles.every(({ answered }) => answered.size === 0);

import type { Candidate, CulpritResult } from '../../src/culprit/result.ts';

/** The first candidate of a comparison: own code of payments. */
export const aCandidate = (over: Partial<Candidate> = {}): Candidate => ({
  service: 'payments.shop',
  operation: 'POST /charge',
  kind: 'own-code',
  slowdown: 412_000,
  share: 0.91,
  detail: '',
  ...over,
});

/** A comparison of 40 slow with 40 normal traces that is sure of its candidate. */
export const aCulpritResult = (over: Partial<CulpritResult> = {}): CulpritResult => ({
  kind: 'compared',
  candidates: [aCandidate()],
  confidence: 'high',
  caveats: [],
  agreeing: 50,
  resamples: 50,
  slow: 40,
  normal: 40,
  slowdown: 455_000,
  unattributed: 0,
  pieces: [],
  attributes: [],
  ...over,
});

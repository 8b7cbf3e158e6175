import type { EpochMs } from './units.ts';

/** A sentence that names people and instants: each is shown as Slack shows it, and the rest is nobody's markup. */
export type Phrase = readonly (
  | string
  | { readonly person: string }
  | { readonly at: EpochMs }
  /** What a machine wrote, or is to read: labels, matchers, ids. */
  | { readonly code: string }
  | { readonly text: string; readonly url: string }
)[];

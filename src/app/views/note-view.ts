import type { Comparison, ValueKind } from '../../domain/slo/rule.ts';
import type { EpochMs, Milliseconds } from '../../domain/units.ts';

/** A sentence that names people and instants: each is shown as Slack shows it, and the rest is nobody's markup. */
export type Phrase = readonly (
  | string
  | { readonly person: string }
  | { readonly at: EpochMs }
  /** What a machine wrote, or is to read: labels, matchers, ids. */
  | { readonly code: string }
)[];

/** A line in an alert's thread. */
export interface NoteView {
  readonly kind: 'no-data' | 'data-back' | 'act' | 'resolved' | 'flapping' | 'settled';
  readonly text: string;
  /** Shown in place of `text`, where it names a person. */
  readonly phrase?: Phrase;
  /** When it happened. */
  readonly at: EpochMs;
  /** How long the data was gone. */
  readonly goneFor?: Milliseconds;
  /** The end says nothing about the service. */
  readonly isUncertain?: boolean;
  /** It is shown in the channel as well: the message above it is an old one. */
  readonly isForAll?: boolean;
  /** The value that proved a recovery, and what it is held against. */
  readonly proof?: {
    readonly value: number;
    readonly valueKind: ValueKind;
    readonly unit?: string;
    readonly bound?: number;
    readonly comparison?: Comparison;
    /** A share by the bound above an approximate threshold: the least it can be. */
    readonly isApproximate?: true;
  };
}

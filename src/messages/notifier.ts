import type { Phrase } from '../lib/phrase.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import type { Comparison, ValueKind } from '../rules/rule.ts';
import type { AlertGroupView } from './alert-group-view.ts';
import type { AlertView } from './alert-view.ts';
import type { MessageRef } from './store.ts';

/** What came of a call that sends something to Slack. */
export type SendOutcome =
  | {
      readonly kind: 'sent';
      readonly channelId: string;
      readonly messageTs: string;
      readonly permalink?: string;
    }
  /** Certainly not sent; may be tried again after exactly this time, or when it suits where it is 0. */
  | { readonly kind: 'not-sent'; readonly retryAfter: Milliseconds; readonly reason: string }
  /** It may have been sent: look for its key before sending again. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The message to change or answer is gone. */
  | { readonly kind: 'message-gone' }
  /** The channel cannot take it: missing, archived, not joined. Another channel might. */
  | { readonly kind: 'channel-refused'; readonly code: string }
  /** Nothing can be sent with this token or this content until a person actions. */
  | { readonly kind: 'refused'; readonly code: string };

/** Knows how to show alerts to people in Slack. Never throws for what Slack answers: the outcome says it. */
export interface Notifier {
  /**
   * The key is carried in the message's metadata: what `find` looks for. With `threadTs` it stands below that message,
   * in the channel with that id.
   */
  post(message: {
    channel: string;
    view: MessageView;
    key: string;
    alertId: string;
    threadTs?: string;
  }): Promise<SendOutcome>;
  update(message: { ref: MessageRef; view: MessageView; key: string }): Promise<SendOutcome>;
  /** Adds a reply to the thread of a message. */
  reply(message: { ref: MessageRef; note: NoteView; key: string }): Promise<SendOutcome>;
  /** The message that carries this key, posted at or after `since`: a top-level one, or a reply in `threadTs`. */
  find(query: { channel: string; key: string; since: EpochMs; threadTs?: string }): Promise<
    | {
        readonly kind: 'found';
        readonly channelId: string;
        readonly messageTs: string;
        readonly permalink?: string;
      }
    | { readonly kind: 'absent' }
    | { readonly kind: 'unknown'; readonly reason: string }
  >;
  /** Stable hash of what a view shows. */
  contentHash(view: MessageView): string;
}

/** A line in an alert's thread. */
export interface NoteView {
  readonly kind: 'no-data' | 'data-back' | 'act' | 'resolved' | 'flapping' | 'settled';
  readonly text: string;
  /** Truncated in place of `text`, where it names a person. */
  readonly phrase?: Phrase;
  /** When it happened. */
  readonly at: EpochMs;
  /** How long the data was gone. */
  readonly goneFor?: Milliseconds;
  /** The end says nothing about the service. */
  readonly isOutcomeUnknown?: boolean;
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

/** What a message in a channel shows. */
export type MessageView = AlertView | AlertGroupView;

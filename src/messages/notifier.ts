import type { Alert } from '../alerts/alert.ts';
import type { Link } from '../lib/links.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { CulpritFinding } from './culprit.ts';
import type { Evidence } from './evidence.ts';
import type { AlertGroupSnapshot, ShownMessage, ThreadLine } from './store.ts';

/** Everything that a message in a channel is rendered from. */
export interface MessageView {
  /** Of an alert group, the worst of its alerts. */
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The labels that tell the alert apart from others of its rule. */
  readonly apart?: readonly string[];
  readonly evidence: Evidence;
  readonly culprit?: CulpritFinding;
  readonly links: readonly Link[];
  /** Ids of Slack user groups and users that the message mentions while the alert is open. */
  readonly mentions?: readonly string[];
  /** Why the message is in another channel than the rule names. */
  readonly notice?: string;
  /** Where the message of the less urgent alert is that this one escalates, or that it continues. */
  readonly escalates?: { readonly url?: string };
  /** Where the message is that this one is continued in. */
  readonly continuedIn?: { readonly url?: string };
  /** Set when the message, or the group thread reply, shows many alerts. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** One line: it ended before it could be posted. */
  readonly isBrief?: boolean;
  /** Carried in the metadata of an open message, to continue it when the store is lost. Not shown. */
  readonly restorePoint?: string;
}

/** A line in a message's thread. */
export interface ThreadNote extends Omit<ThreadLine, 'key'> {
  /** Set when the message shows many alerts. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** Shown in the channel, too. */
  readonly isBroadcast?: boolean;
}

/** The outcome of a call that sends something to Slack. */
export type SendOutcome =
  | {
      readonly kind: 'sent';
      readonly channelId: string;
      readonly messageTs: string;
      readonly permalink?: string;
    }
  /** Not sent. To be tried again after exactly this time; 0: no time was named. */
  | { readonly kind: 'not-sent'; readonly retryAfter: Milliseconds; readonly reason: string }
  /** It may have been sent: reconcile by its key before sending again. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The message to edit or to reply to does not exist. */
  | { readonly kind: 'message-gone' }
  /** Slack does not let it be edited any more. */
  | { readonly kind: 'edit-refused'; readonly code: string }
  /** The channel cannot take it: missing, archived, not joined. Another channel might. */
  | { readonly kind: 'channel-refused'; readonly code: string }
  /** Nothing can be sent with this token or this content until the configuration changes. */
  | { readonly kind: 'refused'; readonly code: string };

/** The result of a search for a message by its key. */
export type FindOutcome =
  | {
      readonly kind: 'found';
      readonly channelId: string;
      readonly messageTs: string;
      readonly permalink?: string;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** An open message of this installation, as it was found in a channel. */
export interface OpenMessage {
  readonly key: string;
  readonly channelId: string;
  readonly messageTs: string;
  readonly permalink?: string;
  readonly restorePoint: string;
  /** Keys of the lines in its thread. */
  readonly lineKeys: readonly string[];
}

/** The result of reading a channel. */
export type OpenMessages =
  | { readonly kind: 'read'; readonly channelId: string; readonly messages: readonly OpenMessage[] }
  /** It cannot be read until a person changes something. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  /** To be tried again after this time; 0: no time was named. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly retryAfter: Milliseconds };

/** Checked directly before a call, after every wait: false when it must not be made any more. */
export type IsAllowed = () => boolean;

/** Shows alerts in Slack. Never throws for what Slack answers: the outcome says it. */
export interface Notifier {
  /** Posts a message that carries `key` in its metadata; with `threadTs` as a reply in the channel with that id. */
  post(message: {
    channel: string;
    view: MessageView;
    key: string;
    threadTs?: string;
    isAllowed?: IsAllowed;
  }): Promise<SendOutcome>;
  update(message: { shown: ShownMessage; view: MessageView; isAllowed?: IsAllowed }): Promise<SendOutcome>;
  /** Adds a reply to the thread of a message. */
  reply(message: {
    shown: ShownMessage;
    note: ThreadNote;
    key: string;
    isAllowed?: IsAllowed;
  }): Promise<SendOutcome>;
  /** The message that carries this key, posted at or after `since`: a top-level one, or a reply in `threadTs`. */
  find(query: { channel: string; key: string; since: EpochMs; threadTs?: string }): Promise<FindOutcome>;
  /** Stable hash of what a view shows. */
  contentHash(view: MessageView): string;
}

/** Whether channels can be posted to. */
export type CheckedChannels =
  | {
      readonly kind: 'checked';
      readonly problems: readonly { readonly channel: string; readonly problem: 'missing' | 'archived' }[];
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Reads the channels that alerts go to. Never throws for what Slack answers. */
export interface ChannelReader {
  /** The open messages of this installation in a channel that were posted at or after `since`. */
  openMessages(query: { channel: string; since: EpochMs }): Promise<OpenMessages>;
  /** Finds the channels that cannot be posted to. */
  checkChannels(channels: readonly string[]): Promise<CheckedChannels>;
  /** Ids of the channels that the bot is a member of; undefined when Slack does not say. */
  joinedChannels(): Promise<readonly string[] | undefined>;
}

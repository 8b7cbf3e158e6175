import type { EpochMs } from '../../src/lib/units.ts';

/** A block as it came over the wire: checked by the validator, otherwise untouched. */
export type WireBlock = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly isArchived: boolean;
  /** Whether the bot has joined. chat:write.public lets it post to public channels all the same. */
  readonly botIsMember: boolean;
  /** A private channel does not exist for a bot that is not a member. Public when absent. */
  readonly isPrivate?: boolean;
  /** Set on the direct messages between the app and this user, whom alone they exist for. */
  readonly direct?: string;
}

export interface User {
  readonly id: string;
  readonly name: string;
  /** IANA time zone: `<!date^...>` is shown in it. */
  readonly timeZone: string;
  readonly isBot: boolean;
  /** A guest, or a person of another organization in a shared channel. */
  readonly kind?: 'guest' | 'stranger';
}

/** One message as a reader sees it now, after all edits. */
export interface Message {
  readonly channelId: string;
  /** Slack's message id: seconds with six decimals, unique and rising within a channel. */
  readonly ts: string;
  readonly userId: string;
  readonly text: string;
  readonly blocks: readonly WireBlock[];
  /** Set on a reply: the `ts` of the message that opened the thread. */
  readonly threadTs?: string;
  /** What is left of a deleted message that has replies: Slackbot's "This message was deleted." opens its thread. */
  readonly isTombstone?: boolean;
  /** A reply that its author also sent to the channel. */
  readonly isBroadcast?: boolean;
  readonly editedAt?: EpochMs;
  /** Set when only this user sees it. */
  readonly ephemeralFor?: string;
  readonly metadata?: { readonly event_type: string; readonly event_payload: Record<string, unknown> };
}

export interface OpenView {
  readonly viewId: string;
  readonly userId: string;
  readonly view: Readonly<Record<string, unknown>>;
  /** What is wrong with the person's input, by block: shown under each field until the next submission. */
  readonly errors?: Readonly<Record<string, string>>;
}

export type WorkspaceEvent =
  | { readonly kind: 'message-posted'; readonly message: Message }
  | { readonly kind: 'message-changed'; readonly message: Message; readonly previous: Message }
  | { readonly kind: 'message-deleted'; readonly message: Message }
  | { readonly kind: 'view-opened' | 'view-updated' | 'view-closed'; readonly view: OpenView }
  | { readonly kind: 'channel-changed'; readonly channel: Channel };

/** What became of something a person did: `dispatch_failed` is what Slack shows when the app did not answer in 3 s. */
export type DeliveryOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly error: 'dispatch_failed' | 'dispatch_unknown_error' | 'invalid_command_response';
      readonly detail: string;
    };

/** What a person presses in a message: the wire form of one entry of `actions` in a `block_actions` payload is made from it. */
export interface ElementAction {
  readonly userId: string;
  readonly channelId: string;
  readonly messageTs: string;
  readonly blockId: string;
  readonly actionId: string;
  /** For a select: the value of the option that was chosen. */
  readonly selectedValue?: string;
}

/** The workspace as a person uses it: what the web page and the tests stand on. */
export interface Workspace {
  channels(): readonly Channel[];
  users(): readonly User[];
  /** Top-level messages of a channel, oldest first, those of other readers' ephemerals left out. */
  messages(channelId: string, readerId: string): readonly Message[];
  /** The opening message and its replies, oldest first. */
  thread(channelId: string, threadTs: string, readerId: string): readonly Message[];
  openViews(userId: string): readonly OpenView[];
  /**
   * Where the reader's browser gets an uploaded file that a `slack_file` names; undefined when it was never shared into a
   * conversation that the reader is in.
   */
  picture(file: { readonly id?: unknown; readonly url?: unknown }, readerId: string): string | undefined;
  /** Calls `listener` for each change, in order; returns the function that ends it. */
  subscribe(listener: (event: WorkspaceEvent) => void): () => void;

  /** Sends text: a line that starts with `/` goes out as a slash command, any other is posted. */
  type(input: {
    userId: string;
    channelId: string;
    text: string;
    threadTs?: string;
  }): Promise<DeliveryOutcome>;
  press(action: ElementAction): Promise<DeliveryOutcome>;
  /** Invites the bot to a channel. */
  invite(input: { userId: string; channelId: string }): Promise<DeliveryOutcome>;
  submitView(input: {
    viewId: string;
    userId: string;
    values: Record<string, Record<string, unknown>>;
  }): Promise<DeliveryOutcome>;
  closeView(input: { viewId: string; userId: string }): Promise<DeliveryOutcome>;
  deleteMessage(channelId: string, ts: string): void;
  archiveChannel(channelId: string): void;
}

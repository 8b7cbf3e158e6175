import type { DeliveryOutcome } from './model.ts';

/** Something a person did that the app must receive, in the wire form of its kind. */
export type Envelope =
  | { readonly kind: 'slash_commands'; readonly payload: Readonly<Record<string, string>> }
  | { readonly kind: 'interactive'; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly kind: 'events_api'; readonly payload: Readonly<Record<string, unknown>> };

/** The app's acknowledgement: nothing, a text, or JSON. */
export type AppAnswer = string | Readonly<Record<string, unknown>> | undefined;

export type AppReply =
  | { readonly ok: true; readonly answer: AppAnswer }
  | Extract<DeliveryOutcome, { readonly ok: false }>;

/** How the app is reached. */
export interface AppDelivery {
  /** Hands the envelope over and waits for the acknowledgement, at most as long as Slack would. Never rejects. */
  readonly deliver: (envelope: Envelope) => Promise<AppReply>;
}

export const dispatchFailed = (detail: string): AppReply => ({ ok: false, error: 'dispatch_failed', detail });

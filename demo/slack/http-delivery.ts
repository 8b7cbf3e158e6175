import { createHmac } from 'node:crypto';
import type { Milliseconds } from '../../src/lib/units.ts';
import {
  type AppAnswer,
  type AppDelivery,
  type AppReply,
  dispatchFailed,
  type Envelope,
} from './delivery.ts';

/** How long Slack waits for an acknowledgement (docs.slack.dev/interactivity). */
export const ACKNOWLEDGE_WITHIN = 3_000 as Milliseconds;

export interface HttpDeliveryOptions {
  /** The app's request URL, the same for commands and interactions. */
  readonly requestUrl: string;
  readonly signingSecret: string;
  readonly acknowledgeWithin?: Milliseconds;
}

/** The `v0` signature of a body: docs.slack.dev/authentication/verifying-requests-from-slack. */
export const signatureOf = (secret: string, timestamp: number, body: string): string =>
  `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;

/** Sends envelopes to the app's request URL, signed as Slack signs them. */
export function createHttpDelivery(options: HttpDeliveryOptions): AppDelivery {
  const { requestUrl, signingSecret, acknowledgeWithin = ACKNOWLEDGE_WITHIN } = options;
  return {
    deliver: async (envelope) => {
      const isEvent = envelope.kind === 'events_api';
      const body = isEvent ? JSON.stringify(envelope.payload) : formOf(envelope);
      // The real time, whatever the workspace's is: the app holds it against its own clock.
      const timestamp = Math.floor(Date.now() / 1_000);
      try {
        const response = await fetch(requestUrl, {
          method: 'POST',
          headers: {
            // Exactly this: Bolt refuses the form with a charset behind it.
            'content-type': isEvent ? 'application/json' : 'application/x-www-form-urlencoded',
            'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
            accept: 'application/json,*/*',
            'x-slack-request-timestamp': String(timestamp),
            'x-slack-signature': signatureOf(signingSecret, timestamp, body),
          },
          body,
          redirect: 'manual',
          signal: AbortSignal.timeout(acknowledgeWithin),
        });
        return await readReply(response);
      } catch (error) {
        return dispatchFailed(error instanceof Error ? error.message : 'the request failed');
      }
    },
  };
}

const formOf = ({ kind, payload }: Exclude<Envelope, { kind: 'events_api' }>): string =>
  new URLSearchParams(kind === 'interactive' ? { payload: JSON.stringify(payload) } : payload).toString();

async function readReply(response: Response): Promise<AppReply> {
  const body = await response.text();
  if (response.status !== 200) return dispatchFailed(`the app answered with HTTP ${response.status}`);
  if (body === '') return { ok: true, answer: undefined };
  if (!(response.headers.get('content-type') ?? '').startsWith('application/json'))
    return { ok: true, answer: body };
  try {
    return { ok: true, answer: JSON.parse(body) as AppAnswer };
  } catch {
    return { ok: false, error: 'invalid_command_response', detail: 'the app answered with broken JSON' };
  }
}

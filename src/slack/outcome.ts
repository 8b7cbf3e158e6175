import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';

/** What an error of a Web API call says about whether Slack acted on it. */
export type CallFailure =
  /** Slack did not act: too many calls, or nobody was reached. `retryAfter` 0: no time was named. */
  | {
      readonly kind: 'not-sent';
      readonly retryAfter: Milliseconds;
      readonly reason: string;
      readonly limited: boolean;
    }
  /** Slack may have acted. */
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'message-gone'; readonly code: string }
  | { readonly kind: 'channel-refused'; readonly code: string }
  | { readonly kind: 'refused'; readonly code: string };

/** Errors of `chat.*` that another channel would not give (docs.slack.dev, chat.postMessage and chat.update). */
const CHANNEL = new Set([
  'channel_not_found',
  'is_archived',
  // What chat.update answers for an archived channel.
  'is_inactive',
  'not_in_channel',
  'restricted_action',
  'restricted_action_read_only_channel',
  'restricted_action_thread_only_channel',
  'restricted_action_non_threadable_channel',
  'messages_tab_disabled',
]);

/** The message to change or to answer cannot be: a new one has to take its place. */
const MESSAGE = new Set([
  'message_not_found',
  'thread_not_found',
  'cant_update_message',
  'edit_window_closed',
  'cannot_reply_to_message',
]);

/** Slack itself failed: it may have done the work or not. */
const UNCERTAIN = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']);

const LIMITED = new Set(['ratelimited', 'rate_limited', 'message_limit_exceeded']);
const LIMITED_WITHOUT_TIME = ms(30 * SECOND);

/** Failures that end before a byte of the request has left: node's and undici's codes. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/**
 * Sorts an error of `@slack/web-api` 8. What is not known to be harmless counts as unknown: a second post is worse
 * than a look into the channel.
 */
export function sortFailure(error: unknown): CallFailure {
  if (error instanceof WebAPIRateLimitedError) return limited(ms(error.retryAfter * 1_000));
  if (error instanceof WebAPIPlatformError) return sortPlatformError(error.data.error);
  if (error instanceof WebAPIHTTPError) return sortStatus(error.statusCode);
  if (error instanceof WebAPIRequestError) return sortRequestError(error.original);
  // The client throws a bare Error for a 429 that names no time, and a bare DOMException when a body stalls.
  if (error instanceof Error && error.message.startsWith('Retry header did not contain'))
    return limited(LIMITED_WITHOUT_TIME);
  return { kind: 'unknown', reason: nameOf(error) };
}

const limited = (retryAfter: Milliseconds): CallFailure => ({
  kind: 'not-sent',
  retryAfter,
  reason: 'rate limited',
  limited: true,
});

function sortPlatformError(code: string): CallFailure {
  if (LIMITED.has(code)) return limited(code === 'message_limit_exceeded' ? MINUTE : LIMITED_WITHOUT_TIME);
  if (MESSAGE.has(code)) return { kind: 'message-gone', code };
  if (CHANNEL.has(code)) return { kind: 'channel-refused', code };
  if (UNCERTAIN.has(code)) return { kind: 'unknown', reason: code };
  // An answer that is no JSON arrives here whole, as its own error: a proxy's page, which says nothing of Slack.
  if (!/^[a-z0-9_.]{1,80}$/u.test(code))
    return { kind: 'unknown', reason: 'an answer that is not from Slack' };
  return { kind: 'refused', code };
}

function sortStatus(status: number): CallFailure {
  const reason = `HTTP ${status}`;
  if (status >= 500) return { kind: 'unknown', reason };
  return { kind: 'not-sent', retryAfter: ms(0), reason, limited: false };
}

function sortRequestError(error: unknown): CallFailure {
  const codes = [...codesOf(error)];
  const code = codes.find((each) => NOT_CONNECTED.has(each));
  if (code === undefined) return { kind: 'unknown', reason: codes[0] ?? nameOf(error) };
  return { kind: 'not-sent', retryAfter: ms(0), reason: code, limited: false };
}

/** The codes of an error and of everything that caused it: `fetch failed` says nothing by itself. */
function* codesOf(error: unknown): Generator<string> {
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 8; depth += 1) {
    if ('code' in current && typeof current.code === 'string') yield current.code;
    current = current.cause;
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'an error of unknown kind');

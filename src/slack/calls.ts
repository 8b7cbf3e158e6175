import { LogLevel, type Logger as SlackLogger } from '@slack/bolt';
import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
  WebClient,
} from '@slack/web-api';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { createPacer, type PacedCall } from './pacing.ts';
import type { BotMethod } from './scopes.ts';

/** Slack's answer to a call it carried out: fields are read with care, they come from outside. */
export type CallData = Readonly<Record<string, unknown>>;

export type CallOutcome = { readonly kind: 'done'; readonly data: CallData } | CallFailure;

export interface Calls {
  /** Calls a Web API method once. `paced`: what it is paced by; without a key it has no place in a queue. */
  call(
    method: BotMethod,
    args: Record<string, unknown>,
    paced?: Pick<PacedCall, 'channel' | 'key'>,
  ): Promise<CallOutcome>;
}

export interface CallsOptions {
  readonly botToken: string;
  /** The Web API's address; `https://slack.com/api/` unless notified. */
  readonly apiUrl?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  /** How long a call may take. */
  readonly timeout?: Milliseconds;
}

/** Slack answers within a second or two, or something is wrong. */
const TIMEOUT = ms(10 * SECOND);

/**
 * The posting client: no hidden retries (with them a reset connection gave three messages), a deadline, a 429 that
 * comes back at once, and calls spaced as Slack asks. Never throws.
 */
export function createCalls(options: CallsOptions): Calls {
  const { botToken, apiUrl, clock, logger, recorder, timeout = TIMEOUT } = options;
  const client = new WebClient(botToken, {
    slackApiUrl: apiUrl,
    retryConfig: { retries: 0 },
    timeout,
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logger: createSlackLogger(logger),
  });
  const pacer = createPacer(clock);

  async function attempt(method: string, args: Record<string, unknown>): Promise<CallOutcome> {
    const startedAt = clock.now();
    const outcome = await client.apiCall(method, args).then(
      (data): CallOutcome => ({ kind: 'done', data: { ...data } }),
      (error: unknown): CallOutcome => sortFailure(error),
    );
    recorder.slackCalled({
      method,
      outcome: recorded(outcome),
      seconds: between(startedAt, clock.now()) / 1_000,
    });
    return outcome;
  }

  return {
    async call(method, args, by = { channel: '' }) {
      const paced = { method, ...by };
      const wait = await pacer.turn(paced);
      if (wait !== undefined) return { kind: 'not-sent', retryAfter: wait, reason: 'paced', limited: true };
      const outcome = await attempt(method, args);
      if (outcome.kind === 'not-sent' && outcome.limited) pacer.hold(paced, outcome.retryAfter);
      if (outcome.kind !== 'done')
        logger.debug('slack: call failed', {
          method,
          outcome: outcome.kind,
          reason: withoutSecrets(reasonOf(outcome)),
        });
      return outcome;
    },
  };
}

function recorded(outcome: CallOutcome): 'ok' | 'rate-limited' | 'error' | 'unknown' {
  if (outcome.kind === 'done') return 'ok';
  if (outcome.kind === 'unknown') return 'unknown';
  return outcome.kind === 'not-sent' && outcome.limited ? 'rate-limited' : 'error';
}

/** Why a call failed, in Slack's own word where it has one. */
export const reasonOf = (failure: CallFailure): string => ('code' in failure ? failure.code : failure.reason);

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
function sortFailure(error: unknown): CallFailure {
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

/** Tokens (`xoxb-`, `xapp-`), and whatever follows `Bearer`. */
const SECRETS = /\b(?:xox[a-z]|xapp)-[\w.-]+|Bearer\s+[^\s"',}]+/giu;

/** A text without the secrets of Slack in it. */
const withoutSecrets = (text: string): string => text.replace(SECRETS, '[secret]');

function toText(part: unknown): string {
  if (typeof part === 'string') return part;
  // Only name and message: the client's errors carry headers, bodies and requests.
  if (part instanceof Error) return `${part.name}: ${part.message}`;
  return typeof part === 'number' || typeof part === 'boolean' ? String(part) : `(${typeof part})`;
}

/** The longest line that is passed on: a body that a proxy sent in Slack's place is a page. */
const LONGEST = 500;

/**
 * Lets Slack's packages write into this program's log. Their debug lines hold whole messages and are left out; their
 * `info` is our `debug`. No object is ever written out, and no token.
 */
export function createSlackLogger(logger: Logger): SlackLogger {
  const write =
    (level: 'debug' | 'warn' | 'error') =>
    (...parts: unknown[]): void => {
      const text = withoutSecrets(parts.map(toText).join(' ')).slice(0, LONGEST);
      logger[level](`slack: ${text}`);
    };
  return {
    debug: () => undefined,
    info: write('debug'),
    warn: write('warn'),
    error: write('error'),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}

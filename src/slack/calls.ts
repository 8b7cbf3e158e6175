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
import { between, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { DIRECT, type SlackNetwork } from './network.ts';
import { createPacer, DEFAULT_RETRY_DELAY, type PacedCall, RETRY_DELAYS } from './pacing.ts';
import type { BotMethod } from './scopes.ts';

/** The body of a successful answer. Its fields are checked where they are read. */
export type CallData = Readonly<Record<string, unknown>>;

/** Why a Web API call failed, and whether Slack may have carried it out. */
export type CallFailure =
  /** Not carried out: rate limited, or no connection. `retryAfter` is 0 when Slack gave no delay. */
  | {
      readonly kind: 'not-sent';
      readonly retryAfter: Milliseconds;
      readonly reason: string;
      readonly limited: boolean;
    }
  /** Possibly carried out. */
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'message-gone'; readonly code: string }
  | { readonly kind: 'edit-refused'; readonly code: string }
  | { readonly kind: 'channel-refused'; readonly code: string }
  | { readonly kind: 'refused'; readonly code: string };

export type CallOutcome = { readonly kind: 'done'; readonly data: CallData } | CallFailure;

export interface Calls {
  /**
   * Calls a Web API method once. Never throws. Without a key a call gets no reserved time in a full queue. `isAllowed` is
   * checked after that wait, directly before the call.
   */
  call(
    method: BotMethod,
    args: Record<string, unknown>,
    paced?: Pick<PacedCall, 'channel' | 'key'> & { readonly isAllowed?: () => boolean },
  ): Promise<CallOutcome>;
}

export interface CallsOptions {
  readonly botToken: string;
  /** Base URL of the Web API; default `https://slack.com/api/`. */
  readonly apiUrl?: string;
  /** Default: direct connections. */
  readonly network?: SlackNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  /** Limit for one call; default 10 s. */
  readonly timeout?: Milliseconds;
}

/** Limit for one request to Slack, which usually answers within two seconds. */
export const SLACK_TIMEOUT: Milliseconds = ms(10 * SECOND);

/**
 * The Web API client. It makes each call once, because the SDK's own retries can post a message twice, returns a 429 at
 * once, and spaces calls by Slack's rate limits.
 */
export function createCalls(options: CallsOptions): Calls {
  const { clock, logger, recorder } = options;
  const client = new WebClient(options.botToken, {
    slackApiUrl: options.apiUrl,
    fetch: (options.network ?? DIRECT).fetch,
    retryConfig: { retries: 0 },
    timeout: options.timeout ?? SLACK_TIMEOUT,
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logger: createSlackLogger(logger),
  });
  const pacer = createPacer(clock);

  async function attempt(method: string, args: Record<string, unknown>): Promise<CallOutcome> {
    const startedAt = clock.now();
    const outcome = await client.apiCall(method, args).then(
      (data: unknown): CallOutcome => doneWith(data),
      (error: unknown): CallOutcome => failureOf(error),
    );
    const seconds = between(startedAt, clock.now()) / SECOND;
    recorder.slackCalled({ method, outcome: metricOutcome(outcome), seconds });
    return outcome;
  }

  return {
    async call(method, args, { isAllowed, ...queue } = { channel: '' }) {
      const paced = { method, ...queue };
      const wait = await pacer.turn(paced);
      if (wait !== undefined) return { kind: 'not-sent', retryAfter: wait, reason: 'paced', limited: true };
      if (isAllowed?.() === false)
        return { kind: 'not-sent', retryAfter: ms(0), reason: 'the lease ended', limited: false };
      const outcome = await attempt(method, args);
      if (outcome.kind === 'done') return outcome;
      if (outcome.kind === 'not-sent' && outcome.limited) pacer.pause(paced, outcome.retryAfter);
      const reason = withoutSecrets(reasonOf(outcome));
      logger.debug('slack: call failed', { method, outcome: outcome.kind, reason });
      return outcome;
    },
  };
}

/** The SDK lets some bodies pass that are not Slack's: only `ok: true` means that the call was carried out. */
function doneWith(body: unknown): CallOutcome {
  const data: Record<string, unknown> = typeof body === 'object' && body !== null ? { ...body } : {};
  return data['ok'] === true ? { kind: 'done', data } : NOT_FROM_SLACK;
}

const NOT_FROM_SLACK: CallFailure = { kind: 'unknown', reason: 'response is not from Slack' };

function metricOutcome(outcome: CallOutcome): 'ok' | 'rate-limited' | 'error' | 'unknown' {
  if (outcome.kind === 'done') return 'ok';
  if (outcome.kind === 'unknown') return 'unknown';
  return outcome.kind === 'not-sent' && outcome.limited ? 'rate-limited' : 'error';
}

/** Why a call failed: Slack's error code if there is one. */
export const reasonOf = (failure: CallFailure): string => ('code' in failure ? failure.code : failure.reason);

/** `chat.*` errors that concern the channel: another channel could take the message. Source: docs.slack.dev. */
const CHANNEL_ERRORS = new Set([
  'channel_not_found',
  'is_archived',
  // From chat.update for an archived channel.
  'is_inactive',
  'not_in_channel',
  'restricted_action',
  'restricted_action_read_only_channel',
  'restricted_action_thread_only_channel',
  'restricted_action_non_threadable_channel',
  'messages_tab_disabled',
]);

/** Errors that mean the message to edit or reply to is gone: a new one has to be posted. */
const MESSAGE_ERRORS = new Set(['message_not_found', 'thread_not_found', 'cannot_reply_to_message']);

/** Errors that mean Slack does not let the message be edited; it is still there. */
const EDIT_ERRORS = new Set(['cant_update_message', 'edit_window_closed']);

/** Errors inside Slack: the call may have been carried out. */
const SERVER_ERRORS = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']);

/** Error codes of Node.js and undici for requests of which no byte was sent. */
const CONNECTION_ERRORS = new Set([
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
 * Classifies an error of `@slack/web-api` 8. Everything else counts as unknown: searching the channel for the message is
 * cheaper than posting it twice.
 */
function failureOf(error: unknown): CallFailure {
  if (error instanceof WebAPIRateLimitedError) return limited(delayOf(error.retryAfter));
  if (error instanceof WebAPIPlatformError) return platformFailure(error.data);
  if (error instanceof WebAPIHTTPError) return httpFailure(error.statusCode);
  if (error instanceof WebAPIRequestError) return requestFailure(error.original);
  // The SDK throws a plain Error for a 429 without a delay, and a DOMException when a body stalls.
  if (error instanceof Error && error.message.startsWith('Retry header did not contain'))
    return limited(DEFAULT_RETRY_DELAY);
  return { kind: 'unknown', reason: nameOf(error) };
}

/** A delay in seconds from an answer, which may be anything. */
const delayOf = (seconds: unknown): Milliseconds =>
  typeof seconds === 'number' && seconds >= 0 && seconds < Number.POSITIVE_INFINITY
    ? ms(seconds * SECOND)
    : DEFAULT_RETRY_DELAY;

const limited = (retryAfter: Milliseconds): CallFailure => ({
  kind: 'not-sent',
  retryAfter,
  reason: 'rate limited',
  limited: true,
});

function platformFailure({
  ok,
  error: code,
}: {
  readonly ok?: unknown;
  readonly error?: unknown;
}): CallFailure {
  // The SDK passes on a body that is not JSON as the error code, for example the error page of a proxy.
  if (ok !== false || typeof code !== 'string' || !/^[a-z0-9_.]{1,80}$/u.test(code)) return NOT_FROM_SLACK;
  const delay = RETRY_DELAYS.get(code);
  if (delay !== undefined) return limited(delay);
  if (MESSAGE_ERRORS.has(code)) return { kind: 'message-gone', code };
  if (EDIT_ERRORS.has(code)) return { kind: 'edit-refused', code };
  if (CHANNEL_ERRORS.has(code)) return { kind: 'channel-refused', code };
  if (SERVER_ERRORS.has(code)) return { kind: 'unknown', reason: code };
  return { kind: 'refused', code };
}

function httpFailure(status: number): CallFailure {
  const reason = `HTTP ${status}`;
  if (status >= 500) return { kind: 'unknown', reason };
  return { kind: 'not-sent', retryAfter: ms(0), reason, limited: false };
}

function requestFailure(error: unknown): CallFailure {
  const codes = [...codesOf(error)];
  const code = codes.find((each) => CONNECTION_ERRORS.has(each));
  if (code === undefined) return { kind: 'unknown', reason: codes[0] ?? nameOf(error) };
  return { kind: 'not-sent', retryAfter: ms(0), reason: code, limited: false };
}

/** The codes of an error and of its causes: the message of the outer one is only `fetch failed`. */
function* codesOf(error: unknown): Generator<string> {
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 8; depth += 1) {
    if ('code' in current && typeof current.code === 'string') yield current.code;
    current = current.cause;
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown error');

/** Tokens (`xoxb-`, `xapp-`), and whatever follows `Bearer`. */
const SECRETS = /\b(?:xox[a-z]|xapp)-[\w.-]+|Bearer\s+[^\s"',}]+/giu;

const withoutSecrets = (text: string): string => text.replace(SECRETS, '[secret]');

function logText(part: unknown): string {
  if (typeof part === 'string') return part;
  // Name and message only: errors of the SDK carry headers, bodies and requests.
  if (part instanceof Error) return `${part.name}: ${part.message}`;
  return typeof part === 'number' || typeof part === 'boolean' ? String(part) : `(${typeof part})`;
}

/** Longest log line of the SDK that is kept: it may contain the error page of a proxy. */
const MAX_LOG_LINE = 500;

/** A refused app token is reported with what to do (`receivers.ts`). */
const SAID_ELSEWHERE = 'Failed to retrieve a new WSS URL';

/**
 * A logger for Slack's packages. Their debug lines contain whole messages and are dropped; their `info` becomes `debug`.
 * Objects and tokens are never logged.
 */
export function createSlackLogger(logger: Logger): SlackLogger {
  const write =
    (level: 'debug' | 'warn' | 'error') =>
    (...parts: unknown[]): void => {
      const text = withoutSecrets(parts.map(logText).join(' ')).slice(0, MAX_LOG_LINE);
      logger[text.includes(SAID_ELSEWHERE) ? 'debug' : level](`slack: ${text}`);
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

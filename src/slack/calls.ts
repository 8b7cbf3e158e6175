import { WebClient } from '@slack/web-api';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { type CallFailure, sortFailure } from './outcome.ts';
import { createPacer, type PacedCall } from './pacing.ts';
import type { BotMethod } from './scopes.ts';
import { createSlackLogger, withoutSecrets } from './slack-logger.ts';

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

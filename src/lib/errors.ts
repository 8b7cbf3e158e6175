/** The outside systems, with their names in messages. */
export const SYSTEM_NAMES = {
  prometheus: 'Prometheus',
  jaeger: 'Jaeger',
  alertmanager: 'Alertmanager',
  slack: 'Slack',
  store: 'the store',
} as const;

export type System = keyof typeof SYSTEM_NAMES;

/** Why a system gave no usable answer. */
export type UpstreamErrorCode =
  /** No answer inside the deadline. */
  | 'timeout'
  /** Connection refused, reset, name not found, 5xx. */
  | 'unavailable'
  /** Credentials were refused, or a login page answered. */
  | 'not-authenticated'
  /** The request is wrong: the same request cannot succeed. */
  | 'bad-request'
  /** It does not support this kind of request. */
  | 'unsupported'
  /** It answered something that cannot be read. */
  | 'bad-answer'
  /** It answered, and says itself that data is missing from the answer. */
  | 'partial'
  /** The answer is larger than the cap. */
  | 'too-large';

const NEVER_ANSWERED: ReadonlySet<UpstreamErrorCode> = new Set([
  'bad-request',
  'unsupported',
  'not-authenticated',
]);

/**
 * An outside system did not give a usable answer. `message` and `advice` are safe to show to a person: no secret, no
 * header, no URL with credentials.
 */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly system: System;
  readonly code: UpstreamErrorCode;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What a person can do about it: a full sentence. */
  readonly advice: string;

  constructor(details: {
    system: System;
    code: UpstreamErrorCode;
    message: string;
    advice: string;
    cause?: unknown;
  }) {
    super(details.message, details.cause === undefined ? {} : { cause: details.cause });
    this.system = details.system;
    this.code = details.code;
    this.retryable = !NEVER_ANSWERED.has(details.code);
    this.advice = details.advice;
  }
}

/** What is wrong and what to do, as sentences. */
export const explanationOf = ({ message, advice }: Pick<UpstreamError, 'message' | 'advice'>): string =>
  `${message.replace(/([^.!?])$/u, '$1.')} ${advice}`;

/** Whether the query is wrong and not the system: it was refused, or its result is too large. */
export const isQueryWrong = (error: unknown): error is UpstreamError =>
  error instanceof UpstreamError && (error.code === 'bad-request' || error.code === 'too-large');

/** Why a system did not respond, without the period. Rethrows anything but an `UpstreamError`. */
export function unansweredBecause(error: unknown): string {
  if (!(error instanceof UpstreamError)) throw error;
  return error.message.replace(/\.$/, '');
}

/** The message of anything that was thrown. */
export const errorMessage = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** What a log says of a fault of this program. */
export const faultText = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';

/** The rule files are wrong at the start: the message says where. */
export class RuleFilesError extends Error {
  override readonly name = 'RuleFilesError';
}

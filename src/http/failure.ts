import { isAxiosError } from 'axios';
import { type System, UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';

/** What an error message may say about where a request went: no path, no query, no credentials. */
export interface Situation {
  readonly system: System;
  /** Name and port. */
  readonly host: string;
  readonly maxBytes: number;
}

interface Failure {
  readonly code: UpstreamErrorCode;
  readonly message: string;
  readonly advice: string;
}

/** Node's connection errors, in words. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'broke off the connection',
  EPIPE: 'broke off the connection',
  ECONNABORTED: 'broke off the connection',
  ENOTFOUND: 'is a name that cannot be found',
  EAI_AGAIN: 'is a name that could not be looked up just now',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'did not accept the connection in time',
};

const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;
/** What Node's HTTP parser and zlib report when the bytes are not what they should be. */
const UNREADABLE = /^(HPE_|Z_|ERR__ERROR_FORMAT|ERR_STREAM_PREMATURE_CLOSE)/;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * Whether a request failed because the server had closed the kept-alive connection it was sent on: nothing was
 * processed, and asking again on a fresh connection is right (nodejs.org, http `request.reusedSocket`).
 */
export function isStaleConnection(error: unknown): boolean {
  if (!isAxiosError(error) || !['ECONNRESET', 'EPIPE'].includes(codeOf(error))) return false;
  const request: unknown = error.request;
  return (
    typeof request === 'object' &&
    request !== null &&
    'reusedSocket' in request &&
    request.reusedSocket === true &&
    error.response === undefined
  );
}

/**
 * Turns whatever axios or Node threw into an error that is safe to show. The original is dropped, not kept as the
 * cause: an axios error carries the request, and with it the Authorization header, into `util.inspect`.
 */
export function toUpstreamError(
  error: unknown,
  situation: Situation & { readonly expired: 'deadline' | 'cancelled' | undefined },
): UpstreamError {
  return new UpstreamError({ system: situation.system, ...failureOf(error, situation) });
}

function failureOf(
  error: unknown,
  { host, maxBytes, expired }: Situation & { readonly expired: 'deadline' | 'cancelled' | undefined },
): Failure {
  if (expired !== undefined) return timeout(host, expired);
  const code = codeOf(error);
  if (error instanceof Error && error.message.startsWith('maxContentLength')) return tooLarge(host, maxBytes);
  const words = CONNECTION_FAILURES[code];
  if (words !== undefined) {
    return {
      code: 'unavailable',
      message: `${host} ${words}.`,
      advice: 'Check that it runs and that the configured address is right.',
    };
  }
  if (CERTIFICATE_FAILURE.test(code)) {
    return {
      code: 'unavailable',
      message: `The completeness of ${host} is not trusted (${code}).`,
      advice: 'Give its completeness authority to the bot with NODE_EXTRA_CA_CERTS.',
    };
  }
  if (UNREADABLE.test(code)) {
    return {
      code: 'bad-answer',
      message: `${host} answered something that is not readable as HTTP (${code}).`,
      advice: 'Check the configured address: its scheme and its port.',
    };
  }
  return {
    code: 'unavailable',
    message: `${host} could not be asked${code === '' ? '' : ` (${code})`}.`,
    advice: 'Check that it runs and that the configured address is right.',
  };
}

function timeout(host: string, expired: 'deadline' | 'cancelled'): Failure {
  return {
    code: 'timeout',
    message:
      expired === 'deadline'
        ? `${host} did not answer in time.`
        : `${host} had not answered when the time for this was over.`,
    advice: 'Try again, or ask about a shorter time.',
  };
}

function tooLarge(host: string, maxBytes: number): Failure {
  return {
    code: 'too-large',
    message: `The answer of ${host} is larger than ${Math.round(maxBytes / 1_048_576)} MiB.`,
    advice: 'Ask for fewer things or a shorter time.',
  };
}

import { isAxiosError } from 'axios';
import { SYSTEM_NAMES, type System, UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';

/** What an error message may say about the server: no path, no query, no credentials. */
export interface Server {
  readonly system: System;
  /** Name and port. */
  readonly host: string;
  readonly maxBytes: number;
}

interface HttpHead {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Node's connection errors. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  ECONNABORTED: 'closed the connection',
  ENOTFOUND: 'is an unknown host name',
  EAI_AGAIN: 'cannot be resolved at the moment',
  EHOSTUNREACH: 'is unreachable',
  ENETUNREACH: 'is unreachable',
  ETIMEDOUT: 'did not accept the connection in time',
};

const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;
/** Errors of Node's HTTP parser and of zlib. */
const UNREADABLE = /^(HPE_|Z_|ERR__ERROR_FORMAT|ERR_STREAM_PREMATURE_CLOSE)/;
const CREDENTIALS_REFUSED: ReadonlySet<number> = new Set([401, 403, 407]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** `predicate` follows the host: `jaeger:16686 refused the connection`. */
function failure(
  { system, host }: Server,
  code: UpstreamErrorCode,
  [predicate, advice]: readonly [string, string],
): UpstreamError {
  const message = `${SYSTEM_NAMES[system]} did not respond: ${host} ${predicate}.`;
  return new UpstreamError({ system, code, message, advice });
}

/**
 * Whether a request failed because the server had closed its reused connection: nothing was processed, so the request can
 * be sent again on a new connection (nodejs.org, http `request.reusedSocket`).
 */
export function isStaleConnection(error: unknown): boolean {
  if (!isAxiosError(error) || !['ECONNRESET', 'EPIPE'].includes(codeOf(error))) return false;
  const request = error.request as { readonly reusedSocket?: unknown } | undefined;
  return request?.reusedSocket === true && error.response === undefined;
}

/**
 * Converts an error of axios or Node into one that is safe to show. The original is not kept as the cause: an axios error
 * holds the request, and `util.inspect` would print its Authorization header.
 */
export function toUpstreamError(error: unknown, server: Server, isCanceled: boolean): UpstreamError {
  const name = SYSTEM_NAMES[server.system];
  const checkAddress = `Check that ${name} is running and that its configured address is correct.`;
  const code = codeOf(error);
  const connection = CONNECTION_FAILURES[code];
  if (isCanceled) {
    return failure(server, 'timeout', ['was too slow', 'Try again, or use a shorter time range.']);
  }
  if (error instanceof Error && error.message.startsWith('maxContentLength')) {
    return new UpstreamError({
      system: server.system,
      code: 'too-large',
      message: `The answer of ${name} (${server.host}) is larger than ${Math.round(server.maxBytes / 1_048_576)} MiB.`,
      advice: 'Use a shorter time range or a smaller limit.',
    });
  }
  if (connection !== undefined) return failure(server, 'unavailable', [connection, checkAddress]);
  if (CERTIFICATE_FAILURE.test(code)) {
    const advice = 'Add its certificate authority to the bot with NODE_EXTRA_CA_CERTS.';
    return failure(server, 'unavailable', [`has an untrusted certificate (${code})`, advice]);
  }
  if (UNREADABLE.test(code)) {
    const advice = 'Check the scheme and the port of the configured address.';
    return failure(server, 'bad-answer', [`sent an invalid HTTP response (${code})`, advice]);
  }
  return failure(server, 'unavailable', [`failed${code === '' ? '' : ` (${code})`}`, checkAddress]);
}

/** The error that a status means for every API; undefined when the API's adapter decides. */
export function failureOfStatus(
  { status }: Pick<HttpHead, 'status'>,
  { system, host }: Server,
): UpstreamError | undefined {
  const name = SYSTEM_NAMES[system];
  if (CREDENTIALS_REFUSED.has(status)) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${name} (${host}) refused the credentials: HTTP ${status}.`,
      advice: 'Check the configured authorization header.',
    });
  }
  if (status < 300 || status >= 400) return undefined;
  return new UpstreamError({
    system,
    code: 'not-authenticated',
    message: `${name} (${host}) redirected the request (HTTP ${status}), as a login page does.`,
    advice: 'Check the configured headers, and use an address that does not redirect.',
  });
}

/** The error of an answer that is not JSON. */
export function notJson({ status, contentType, body }: HttpHead, { system, host }: Server): UpstreamError {
  const name = SYSTEM_NAMES[system];
  if (status === 429 || status >= 500) {
    return new UpstreamError({
      system,
      code: 'unavailable',
      message: `${name} (${host}) returned HTTP ${status}.`,
      advice: `Try again in a moment; if it persists, check the log of ${name}.`,
    });
  }
  const isHtml = contentType.includes('text/html') || /^\s*<(!doctype|html)/i.test(body);
  if (status < 300 && isHtml) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${name} (${host}) returned a web page instead of JSON.`,
      advice:
        'Check that the configured address has its base path. For a login page, check the configured headers.',
    });
  }
  return new UpstreamError({
    system,
    code: 'bad-answer',
    message: `${name} (${host}) returned HTTP ${status} without JSON.`,
    advice: 'Check that the configured address, with its base path, is that of the API.',
  });
}

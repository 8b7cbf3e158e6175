import { UpstreamError } from '../lib/errors.ts';
import type { Situation } from './failure.ts';

interface Head {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const REFUSED: ReadonlySet<number> = new Set([401, 403, 407]);

/** The error that a status stands for whatever the API is; undefined when the API's adapter has to judge it. */
export function failureOfStatus({ status }: Head, { system, host }: Situation): UpstreamError | undefined {
  if (REFUSED.has(status)) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${host} refused the credentials (${status}).`,
      advice: 'Check the configured authorization header.',
    });
  }
  if (status >= 300 && status < 400) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${host} sent the bot elsewhere (${status}), as a login page does.`,
      advice: 'Check the configured headers, and that the address needs no redirect.',
    });
  }
  return undefined;
}

/** Whether an answer is a web page, by its type or its first characters. */
export function isHtml({ contentType, body }: Head): boolean {
  return contentType.includes('text/html') || /^\s*<(!doctype|html)/i.test(body);
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A reply of the operations port. */
export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body: string;
}

export const text = (status: number, body: string): HttpReply => ({ status, body: `${body}\n` });

export const UNAUTHORIZED: HttpReply = {
  ...text(401, 'unauthorized: send the token as Authorization: Bearer <token>'),
  headers: { 'www-authenticate': 'Bearer' },
};

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

/** Whether a request carries the bearer token. The time it takes does not depend on how much of a token is right. */
export function hasToken({ headers }: Pick<IncomingMessage, 'headers'>, token: string): boolean {
  const [, given = ''] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return timingSafeEqual(digest(given), digest(token));
}

import { LogLevel, type Logger as SlackLogger } from '@slack/bolt';
import type { Logger } from '../lib/logger.ts';

/** Tokens (`xoxb-`, `xapp-`), and whatever follows `Bearer`. */
const SECRETS = /\b(?:xox[a-z]|xapp)-[\w.-]+|Bearer\s+[^\s"',}]+/giu;

/** A text without the secrets of Slack in it. */
export const withoutSecrets = (text: string): string => text.replace(SECRETS, '[secret]');

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

import { pino } from 'pino';
import type { Logger } from '../lib/logger.ts';
import { createRedactText } from '../lib/redact.ts';
import type { LogLevel } from '../settings/env.ts';

/**
 * A logger that writes one JSON object per line. Every text in `secrets` is masked in fields, messages and stacks, and what
 * looks like a secret or personal data, or matches one of `patterns`, is removed.
 */
export function createLogger(options: {
  level: LogLevel;
  secrets: readonly string[];
  /** RE2 patterns of further texts to remove. */
  patterns?: readonly string[];
  write?: (line: string) => void;
  /** Further fields of every line, read when it is written. */
  fields?: () => Readonly<Record<string, string>>;
}): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  // The longest first, so that a secret that contains another one is masked whole. Inside JSON a secret is escaped.
  const masks = options.secrets
    .filter((secret) => secret.length > 0)
    .flatMap((secret) => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])])
    .sort((a, b) => b.length - a.length);
  const redact = createRedactText(options.patterns);
  const masked = (line: string): string =>
    redact(masks.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line));
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => ({ ...options.fields?.() }),
      serializers: { error: pino.stdSerializers.err },
    },
    { write: (line: string) => write(masked(line)) },
  );
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}

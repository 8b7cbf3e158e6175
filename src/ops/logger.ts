import { pino } from 'pino';
import type { Logger } from '../lib/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * A logger that writes one JSON object a line. Every text in `secrets` is replaced in the finished line, wherever it
 * came from: a field, a message, an error's stack.
 */
export function createLogger(options: {
  level: LogLevel;
  secrets: readonly string[];
  write?: (line: string) => void;
}): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  // The longest first, so that a secret which contains another is masked whole. Inside JSON a secret stands escaped.
  const masks = options.secrets
    .filter((secret) => secret.length > 0)
    .flatMap((secret) => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])])
    .sort((a, b) => b.length - a.length);
  const masked = (line: string): string =>
    masks.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line);
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
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

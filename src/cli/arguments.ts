import { InvalidArgumentError } from 'commander';
import {
  before,
  type EpochMs,
  epochMs,
  type Milliseconds,
  parseDuration,
  parseInstant,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';
import { createLocalTime } from '../policy/time-interval.ts';

/**
 * The URL of a server.
 * @throws InvalidArgumentError when it is invalid, most often without `http://`.
 */
export function webAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('Use a URL like http://prometheus:9090.');
}

/** An invalid combination or value of options. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const DATE = /^\d{4}-\d\d-\d\d$/;

/** An instant: `now`, `-30d` before now, or ISO 8601 with its zone (a date alone is midnight UTC). Undefined when invalid. */
export function parseMoment(text: string, now: EpochMs): EpochMs | undefined {
  if (text === 'now') return now;
  if (text.startsWith('-')) {
    const back = parseDuration(text.slice(1));
    return back === undefined ? undefined : before(now, back);
  }
  return parseInstant(DATE.test(text) ? `${text}T00:00:00Z` : text);
}

function momentOption(name: 'from' | 'to', text: string, now: EpochMs): EpochMs {
  const instant = parseMoment(text, now);
  if (instant !== undefined) return instant;
  throw new UsageError(
    `Invalid --${name} "${text}": use now, -30d, -6h, or an instant like 2026-11-01T00:00:00Z.`,
  );
}

/**
 * The window of `--from` and `--to`, which ends now at the latest.
 * @throws UsageError when an option is invalid or the window is empty.
 */
export function windowOption({ from, to }: { from: string; to: string }, now: EpochMs): TimeWindow {
  const start = momentOption('from', from, now);
  const end = epochMs(Math.min(momentOption('to', to, now), now));
  if (start >= end) throw new UsageError('--from must be before --to and before now.');
  return { start, end };
}

/** `--step` in whole seconds. Throws `UsageError` when it is invalid. */
export function stepOption(step: string | undefined): Milliseconds | undefined {
  if (step === undefined) return undefined;
  const duration = parseDuration(step);
  if (duration !== undefined && duration >= SECOND && duration % SECOND === 0) return duration;
  throw new UsageError(`Invalid --step "${step}": use whole seconds, like 30s or 1m.`);
}

/** Throws `UsageError` when `--timezone` is not an IANA time zone. */
export function checkTimezone(timezone: string): void {
  try {
    createLocalTime()(epochMs(0), timezone);
  } catch {
    throw new UsageError(`Invalid --timezone "${timezone}": use an IANA time zone, like Europe/Vienna.`);
  }
}

import { type EpochMs, epochMs } from '../../../../src/lib/units.ts';

const LOCALE = 'en-US';
const DAY_MS = 86_400_000;

function part(instant: EpochMs, timeZone: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(LOCALE, { timeZone, ...options }).format(instant);
}

/** The calendar day of an instant in a zone, as `2026-11-21`: equal for two instants exactly when a reader calls them the same day. */
export function dayKey(instant: EpochMs, timeZone: string): string {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).format(instant);
}

/** `14:05` in the zone. */
export function clockTime(instant: EpochMs, timeZone: string): string {
  return part(instant, timeZone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

function clockTimeWithSeconds(instant: EpochMs, timeZone: string): string {
  return part(instant, timeZone, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}

function ordinal(day: number): string {
  const teen = day % 100 >= 11 && day % 100 <= 13;
  return `${day}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th')}`;
}

function relativeDay(instant: EpochMs, timeZone: string, now: EpochMs): string | undefined {
  const days = (Date.parse(dayKey(instant, timeZone)) - Date.parse(dayKey(now, timeZone))) / DAY_MS;
  return { '-1': 'Yesterday', '0': 'Today', '1': 'Tomorrow' }[String(days)];
}

/** The label of a day divider: Today, Yesterday, or `Friday, November 20th`, with the year when it is not this one. */
export function dayLabel(instant: EpochMs, timeZone: string, now: EpochMs): string {
  const sameYear = dayKey(instant, timeZone).slice(0, 4) === dayKey(now, timeZone).slice(0, 4);
  return relativeDay(instant, timeZone, now) ?? longDate(instant, timeZone, !sameYear);
}

function longDate(instant: EpochMs, timeZone: string, withYear: boolean): string {
  return `${part(instant, timeZone, { weekday: 'long' })}, ${fullDate(instant, timeZone, withYear)}`;
}

function fullDate(instant: EpochMs, timeZone: string, withYear: boolean): string {
  const day = ordinal(Number(part(instant, timeZone, { day: 'numeric' })));
  const year = withYear ? `, ${part(instant, timeZone, { year: 'numeric' })}` : '';
  return `${part(instant, timeZone, { month: 'long' })} ${day}${year}`;
}

function shortDate(instant: EpochMs, timeZone: string, withYear: boolean): string {
  return part(instant, timeZone, {
    month: 'short',
    day: 'numeric',
    ...(withYear ? { year: 'numeric' } : {}),
  });
}

/** The whole instant in words, for a tooltip: `Friday, November 20th, 2026 at 14:05:09`. */
export function fullTimestamp(instant: EpochMs, timeZone: string): string {
  return `${longDate(instant, timeZone, true)} at ${clockTimeWithSeconds(instant, timeZone)}`;
}

function ago(instant: EpochMs, now: EpochMs): string {
  const seconds = Math.round((now - instant) / 1_000);
  const steps = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
    ['second', 1],
  ] as const;
  const [unit, size] = steps.find(([, step]) => Math.abs(seconds) >= step) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' }).format(-Math.round(seconds / size), unit);
}

interface Reading {
  readonly instant: EpochMs;
  readonly timeZone: string;
  readonly now: EpochMs;
}

/** Slack leaves the year out while the date is within half a year of the reader. */
function needsYear({ instant, now }: Reading): boolean {
  return Math.abs(now - instant) > 183 * DAY_MS;
}

const TOKENS: Readonly<Record<string, (reading: Reading) => string>> = {
  date_num: ({ instant, timeZone }) => dayKey(instant, timeZone),
  date_slash: ({ instant, timeZone }) =>
    part(instant, timeZone, { year: 'numeric', month: '2-digit', day: '2-digit' }),
  date: (r) => fullDate(r.instant, r.timeZone, needsYear(r)),
  date_short: (r) => shortDate(r.instant, r.timeZone, needsYear(r)),
  date_long: (r) => longDate(r.instant, r.timeZone, needsYear(r)),
  date_long_full: (r) => fullDate(r.instant, r.timeZone, true),
  day_divider_pretty: (r) => dayLabel(r.instant, r.timeZone, r.now),
  time: (r) => clockTime(r.instant, r.timeZone),
  time_secs: (r) => clockTimeWithSeconds(r.instant, r.timeZone),
  ago: (r) => ago(r.instant, r.now),
};

function pretty(token: string, reading: Reading): string | undefined {
  if (!token.endsWith('_pretty') || token in TOKENS) return undefined;
  const relative = relativeDay(reading.instant, reading.timeZone, reading.now);
  return relative ?? TOKENS[token.slice(0, -'_pretty'.length)]?.(reading);
}

/**
 * Fills the tokens of a `<!date^...>` format for a reader's zone. `_pretty` tokens say Today or Yesterday, in lower case inside a
 * sentence. Undefined when the instant is no date or a token is unknown: then the fallback text is to be shown.
 * Source of the tokens: docs.slack.dev, "Date formatting".
 */
export function formatSlackDate(
  date: { readonly seconds: number; readonly format: string },
  reader: { readonly timeZone: string; readonly now: EpochMs },
): string | undefined {
  const instant = epochMs(date.seconds * 1_000);
  if (Number.isNaN(new Date(instant).getTime())) return undefined;
  let known = true;
  const text = date.format.replace(/\{([a-z_]+)\}/g, (whole, token: string, offset: number) => {
    const reading = { instant, ...reader };
    const value = TOKENS[token]?.(reading) ?? pretty(token, reading);
    if (value === undefined) known = false;
    // Only Today, Yesterday and Tomorrow are ordinary words; a month keeps its capital.
    const isWord = value !== undefined && /^(?:Today|Yesterday|Tomorrow)$/.test(value);
    return isWord && offset > 0 ? value.toLowerCase() : (value ?? whole);
  });
  return known ? text : undefined;
}

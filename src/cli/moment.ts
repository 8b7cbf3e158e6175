import { before, type EpochMs, epochMs, parseDuration } from '../domain/units.ts';

const ISO = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Reads an instant: `now`, `-30d` before now, or ISO 8601 with its zone (a date alone is midnight UTC). */
export function parseMoment(text: string, now: EpochMs): EpochMs | undefined {
  if (text === 'now') return now;
  if (text.startsWith('-')) {
    const back = parseDuration(text.slice(1));
    return back === undefined ? undefined : before(now, back);
  }
  const instant = ISO.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(instant) ? undefined : epochMs(instant);
}

import { parseInstant } from '../lib/instant.ts';
import { before, type EpochMs, parseDuration } from '../lib/units.ts';

const DATE = /^\d{4}-\d\d-\d\d$/;

/** Reads an instant: `now`, `-30d` before now, or ISO 8601 with its zone (a date alone is midnight UTC). */
export function parseMoment(text: string, now: EpochMs): EpochMs | undefined {
  if (text === 'now') return now;
  if (text.startsWith('-')) {
    const back = parseDuration(text.slice(1));
    return back === undefined ? undefined : before(now, back);
  }
  return parseInstant(DATE.test(text) ? `${text}T00:00:00Z` : text);
}

import { UpstreamError } from '../lib/errors.ts';

const MARK = '$number';

/** JSON has no NaN and no infinities; an alert's value may be any of them. */
const UNWRITABLE: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

const encodeNumber = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? { [MARK]: String(value) } : value;

function decodeNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(MARK in value)) return value;
  const number = UNWRITABLE[String(value[MARK])];
  // A label may have any name, this one too: only what `encodeNumber` makes is a number.
  return number === undefined || Object.keys(value).length > 1 ? value : number;
}

/**
 * Writes a record as text that `decodeRecord` reads back: JSON, with numbers of every kind. JSON writes a number that it
 * does not have as `null`: a text without one needs no second look, and a function called for every value costs several
 * times what the rest does.
 */
export function encodeRecord(record: object): string {
  const plain = JSON.stringify(record);
  return plain.includes('null') ? JSON.stringify(record, encodeNumber) : plain;
}

/**
 * Reads what `encodeRecord` wrote. The shape is not checked: it follows from the store's version.
 * @throws UpstreamError `bad-answer` of the store when it is not JSON: another program wrote it.
 */
export function decodeRecord(text: string): unknown {
  try {
    // As in `encodeRecord`: most records hold no marked number, and then there is nothing to look for.
    return text.includes(MARK) ? JSON.parse(text, decodeNumber) : JSON.parse(text);
  } catch (cause) {
    throw new UpstreamError({
      system: 'store',
      code: 'bad-answer',
      message: 'A record in the store cannot be read.',
      advice: 'Check whether another program writes to the same store; restore it from a backup.',
      cause,
    });
  }
}

/**
 * Refuses a store whose format is not the one this program reads.
 * @throws UpstreamError `bad-request`: a retry does not help.
 */
export function requireKnownVersion(
  found: string,
  { known, where }: { readonly known: number; readonly where: string },
): void {
  if (Number(found) === known) return;
  const other = Number(found) > known ? 'a newer' : 'another';
  throw new UpstreamError({
    system: 'store',
    code: 'bad-request',
    message: `${where} was written by ${other} version (found format ${found}, expected ${known}).`,
    advice: 'Run that version again, or use an empty store.',
  });
}

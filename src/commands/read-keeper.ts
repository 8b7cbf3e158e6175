import { nearest } from '../lib/nearest.ts';
import { DAY, formatDuration, MINUTE, type Milliseconds, ms, parseDuration } from '../lib/units.ts';
import type { KeeperReading } from './keeper-command.ts';
import { readMeant } from './read-meant.ts';
import { cleaned } from './tokens.ts';

/** Longer than any work that is planned; what is to last longer belongs into the rule file. */
const LONGEST_SILENCE: Milliseconds = ms(30 * DAY);

/** No silence needs more; a longer text is refused as what it is by whoever reads it next. */
const MAX_TEXT = 1_500;

const WORDS = ['silence', 'silences', 'unsilence', 'acknowledge', 'end'] as const;
type Word = (typeof WORDS)[number];
const ALIASES: Readonly<Record<string, Word>> = { ack: 'acknowledge', mute: 'silence', unmute: 'unsilence' };

/** What follows the first word, and where it begins in the whole line. */
interface Rest {
  readonly text: string;
  readonly column: number;
}

const isWord = (text: string): text is Word => (WORDS as readonly string[]).includes(text);

/**
 * Understands the texts of `/slo` that change something: silences, acknowledgements, ends. Undefined for all others.
 * Pure and total.
 */
export function readKeeper(typed: string): KeeperReading | undefined {
  if (typed.length > MAX_TEXT) return undefined;
  const text = cleaned(typed).trim();
  const [first = ''] = text.split(/\s/u, 1);
  const lower = first.toLowerCase();
  const word = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  const rest: Rest = {
    text: text.slice(first.length).trim(),
    column: '/slo '.length + text.length - text.slice(first.length).trimStart().length + 1,
  };
  if (word !== undefined && isWord(word)) return READERS[word](rest);
  return misspelt(lower, rest);
}

/** A word with a slip, when the line is right with the word that was meant. */
function misspelt(lower: string, rest: Rest): KeeperReading | undefined {
  const [meant] = nearest(lower, [...WORDS, 'status', 'share', 'help']);
  if (meant === undefined || !isWord(meant) || !READERS[meant](rest).ok) return undefined;
  return {
    ok: false,
    problem: `"${lower.slice(0, 60)}" is not something /slo can do.`,
    suggestion: `/slo ${meant} ${rest.text}`.trim(),
  };
}

const READERS: Readonly<Record<Word, (rest: Rest) => KeeperReading>> = {
  silence: readSilence,
  silences: ({ text }) =>
    text === ''
      ? { ok: true, command: { kind: 'silences' } }
      : {
          ok: false,
          problem: '/slo silences lists them and takes nothing more.',
          suggestion: '/slo silences',
        },
  unsilence: ({ text }) => {
    const id = text.replaceAll(/^[`"']|[`"']$/g, '').toLowerCase();
    return /^[0-9a-f]{8}$/.test(id)
      ? { ok: true, command: { kind: 'unsilence', id } }
      : { ok: false, problem: 'Say which silence, by its id of eight digits: /slo silences shows it.' };
  },
  acknowledge: ({ text }) =>
    text === ''
      ? { ok: false, problem: 'Say which alert: /slo acknowledge checkout.' }
      : { ok: true, command: { kind: 'acknowledge', what: unquoted(text) } },
  end: ({ text }) => {
    const [what = ''] = /^"[^"]*"|^\S+/u.exec(text) ?? [];
    const comment = withoutBecause(text.slice(what.length));
    return what === ''
      ? { ok: false, problem: 'Say which alert: /slo end checkout, and why if you like.' }
      : { ok: true, command: { kind: 'end', what: unquoted(what), comment } };
  },
};

const unquoted = (text: string): string => text.replaceAll(/^[`"']|[`"']$/g, '').trim();

const MAX_COMMENT = 300;
const withoutBecause = (text: string): string =>
  unquoted(text.trim().replace(/^(?:because|comment|:|-)\s*/iu, '')).slice(0, MAX_COMMENT);

/** A word with its quoted parts whole, so that a `for` inside quotes is none. */
const PIECE = /(?:"(?:[^"\\]|\\.)*(?:"|$)|[^\s"])+/gu;

/** `for 2h comment`: where it begins, and what it says. */
interface Lasting {
  readonly at: number;
  readonly lasts: Milliseconds | undefined;
  /** What stands where a duration should. */
  readonly written: string;
  readonly comment: string;
}

function readLasting(text: string): Lasting | undefined {
  const keyword = [...text.matchAll(PIECE)].find(([piece]) => piece.toLowerCase() === 'for');
  if (keyword === undefined) return undefined;
  const tail = text.slice(keyword.index + keyword[0].length).trimStart();
  const { lasts, written } = durationAt(tail);
  return { at: keyword.index, lasts, written, comment: withoutBecause(tail.slice(written.length)) };
}

const UNITS: Readonly<Record<string, string>> = { m: 'm', h: 'h', d: 'd', w: 'w' };

/** `2h`, `1h30m`, and `2 hours` as people say it. */
function durationAt(text: string): { lasts: Milliseconds | undefined; written: string } {
  const spoken = /^(\d{1,4})\s*(m|h|d|w)(?:ins?|inutes?|rs?|ours?|ays?|eeks?)?(?=\s|$)/iu.exec(text);
  if (spoken !== null) {
    const [written, count = '', unit = ''] = spoken;
    return { lasts: parseDuration(`${Number(count)}${UNITS[unit.toLowerCase()] ?? ''}`), written };
  }
  const [written = ''] = /^\S+/u.exec(text) ?? [];
  return { lasts: parseDuration(written.toLowerCase()), written };
}

function readSilence({ text, column }: Rest): KeeperReading {
  const lasting = readLasting(text);
  if (lasting === undefined) return withoutLasting(text);
  const { at, lasts, written, comment } = lasting;
  if (lasts === undefined)
    return { ok: false, problem: `"${written.slice(0, 60)}" is not a duration: write for 30m, 2h or 1d.` };
  if (lasts < MINUTE || lasts > LONGEST_SILENCE) {
    const longest = formatDuration(LONGEST_SILENCE);
    return {
      ok: false,
      problem: `A silence lasts from 1m to ${longest}: what is to last longer belongs into the rule file.`,
    };
  }
  const read = readMeant(text.slice(0, at));
  if (!read.ok) return { ok: false, problem: `${read.problem} (column ${column + read.at})` };
  return { ok: true, command: { kind: 'silence', meant: read.meant, lasts, comment } };
}

/** Nobody silences for ever: a duration without `for` is found, and asked for otherwise. */
function withoutLasting(text: string): KeeperReading {
  const parts = /^(.*\S)\s+(\d+[smhdw]\S*)(\s.*)?$/su.exec(text);
  const problem = 'Say for how long: /slo silence checkout for 2h.';
  const [, meant = '', lasts = '', comment = ''] = parts ?? [];
  const fixed = `${meant} for ${lasts}${comment}`;
  // Behind a quote that is not closed the added word is still none.
  const isHeard = parts !== null && readLasting(fixed) !== undefined;
  const isRight = isHeard && readSilence({ text: fixed, column: 0 }).ok;
  return { ok: false, problem, ...(isRight ? { suggestion: `/slo silence ${fixed}` } : {}) };
}

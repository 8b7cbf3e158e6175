import { isCatchAll, type Matcher, parseMatchers } from '../lib/matcher.ts';
import type { Meant } from './keeper-command.ts';

/** What reading gives; `at` is the offset of the mistake in the text. */
export type MeantRead =
  | { readonly ok: true; readonly meant: Meant }
  | { readonly ok: false; readonly at: number; readonly problem: string };

/** What stands between matchers: braces around all of them are Prometheus's search mode. */
const BETWEEN = /[\s,{}]*/y;
/** `label="quoted"` or `label=bare`, blanks around the operator or not; a bare value ends at a blank. */
const MATCHER = /[A-Za-z_]\w*\s*(?:=~|!=|!~|=)\s*(?:"(?:[^"\\]|\\.)*"|[^\s",{}]*)/y;
const BARE = /"([^"]+)"|[^\s,{}]+/y;
/** Names of services; anything else that stands alone is a matcher that went wrong. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}_.:/-]*$/u;

const EVERYTHING = 'everything';
const HOW = 'write a service, or matchers like severity="page", service=~"pay.*"';

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

type Part =
  | { readonly end: number; readonly matcher: Matcher }
  | { readonly end: number; readonly name: string }
  | Extract<MeantRead, { ok: false }>;

function readMatcher(text: string, at: number): Part | undefined {
  const whole = matchAt(MATCHER, text, at)?.[0];
  if (whole === undefined) return undefined;
  const read = parseMatchers(whole);
  if (!read.ok) return { ok: false, at: at + read.at, problem: `The matcher ${read.message}.` };
  const [matcher] = read.matchers;
  return matcher === undefined ? undefined : { end: at + whole.length, matcher };
}

function readPart(text: string, at: number): Part {
  const matcher = readMatcher(text, at);
  if (matcher !== undefined) return matcher;
  const [whole = '', quoted] = matchAt(BARE, text, at) ?? [];
  const name = quoted ?? whole;
  if (!NAME.test(name)) return { ok: false, at, problem: `There is no matcher and no service here: ${HOW}.` };
  return { end: at + whole.length, name };
}

const ALL =
  'That holds back whatever comes, not one service: say "everything" as well if it is meant, as in everything severity!="page".';

/**
 * Reads which alerts are meant: matchers in Alertmanager's search mode, with commas or blanks between, and names of services.
 * What would hold back everything is refused unless the word `everything` stands there too. Pure.
 */
export function readMeant(text: string): MeantRead {
  const matchers: Matcher[] = [];
  const names: string[] = [];
  let at = matchAt(BETWEEN, text, 0)?.[0].length ?? 0;
  while (at < text.length) {
    const part = readPart(text, at);
    if ('problem' in part) return part;
    if ('matcher' in part) matchers.push(part.matcher);
    else names.push(part.name);
    at = part.end + (matchAt(BETWEEN, text, part.end)?.[0].length ?? 0);
  }
  const services = names.filter((name) => name.toLowerCase() !== EVERYTHING);
  const isEverything = services.length < names.length;
  if (names.length + matchers.length === 0) return { ok: false, at: 0, problem: `Say which alerts: ${HOW}.` };
  if (!isEverything && services.length === 0 && isCatchAll(matchers))
    return { ok: false, at: 0, problem: ALL };
  return { ok: true, meant: { matchers, services } };
}

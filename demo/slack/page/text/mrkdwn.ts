import { emojiCharacter } from './emoji.ts';

/** A run of Slack text after parsing. Strings are decoded: `&lt;` has become `<`. */
export type Inline =
  | { readonly kind: 'text' | 'code'; readonly text: string }
  | { readonly kind: 'bold' | 'italic' | 'strike'; readonly children: readonly Inline[] }
  | { readonly kind: 'link'; readonly href: string; readonly label: string }
  | { readonly kind: 'user' | 'channel'; readonly id: string; readonly label: string }
  | { readonly kind: 'broadcast'; readonly label: string }
  | { readonly kind: 'emoji'; readonly name: string; readonly character: string }
  | SlackDate;

/** `<!date^seconds^format^link|fallback>`: an instant that each reader sees in their own zone. */
export interface SlackDate {
  readonly kind: 'date';
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly format: string;
  readonly href?: string;
  readonly fallback: string;
}

/** A stretch of mrkdwn that is laid out as one box. */
export type Passage =
  | { readonly kind: 'paragraph' | 'quote'; readonly children: readonly Inline[] }
  | { readonly kind: 'preformatted'; readonly text: string };

interface Scanned {
  readonly node: Inline;
  /** Index of the first character after the node. */
  readonly end: number;
}

type Scanner = (source: string, start: number) => Scanned | undefined;

/** Undoes Slack's escaping: exactly these three entities, once. */
function decodeEntities(text: string): string {
  return text.replace(/&(lt|gt|amp);/g, (_, name: string) =>
    name === 'lt' ? '<' : name === 'gt' ? '>' : '&',
  );
}

/** Labels by the keyword after `<!`. */
const BROADCASTS: Readonly<Record<string, string>> = {
  here: '@here',
  channel: '@channel',
  everyone: '@everyone',
};

function scanDate(body: string): SlackDate | undefined {
  const bar = body.indexOf('|');
  const [, seconds = '', format = '', ...link] = body.slice(0, bar < 0 ? undefined : bar).split('^');
  if (!/^-?\d+$/.test(seconds) || format === '') return undefined;
  const href = decodeEntities(link.join('^'));
  const fallback = bar < 0 ? '' : decodeEntities(body.slice(bar + 1));
  const date = { kind: 'date', seconds: Number(seconds), format: decodeEntities(format), fallback } as const;
  return href === '' ? date : { ...date, href };
}

function special(body: string): Inline | undefined {
  if (body.startsWith('date^')) return scanDate(body);
  const [keyword = '', label] = body.split('|', 2);
  if (Object.hasOwn(BROADCASTS, keyword)) return { kind: 'broadcast', label: BROADCASTS[keyword] ?? '' };
  if (keyword.startsWith('subteam^')) {
    return { kind: 'broadcast', label: decodeEntities(label ?? `@${keyword.slice('subteam^'.length)}`) };
  }
  return undefined;
}

/** The text between `<` and `>`; undefined when Slack gives it no meaning, so that it is shown as it was written. */
function control(body: string): Inline | undefined {
  const [target = '', label = ''] = splitOnce(body, '|');
  if (/^@[UW][A-Z0-9]+$/.test(target))
    return { kind: 'user', id: target.slice(1), label: decodeEntities(label) };
  if (/^#[CGD][A-Z0-9]+$/.test(target)) {
    return { kind: 'channel', id: target.slice(1), label: decodeEntities(label) };
  }
  if (target.startsWith('!')) return special(body.slice(1));
  if (!/^(?:https?:\/\/|mailto:|tel:)\S/i.test(target)) return undefined;
  const href = decodeEntities(target);
  return { kind: 'link', href, label: label === '' ? href.replace(/^mailto:/i, '') : decodeEntities(label) };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

const scanControl: Scanner = (source, start) => {
  const match = /^<([^<>\n]+)>/.exec(source.slice(start, start + 4_000));
  const node = match?.[1] === undefined ? undefined : control(match[1]);
  return node === undefined || match === null ? undefined : { node, end: start + match[0].length };
};

/** In code, a link shows as its text; everything else stays as written. */
function decodeCode(text: string): string {
  return decodeEntities(
    text.replace(/<((?:https?:\/\/|mailto:)[^<>|]+)(?:\|([^<>]*))?>/g, (_, href, label) => label ?? href),
  );
}

const scanCode: Scanner = (source, start) => {
  const end = source.indexOf('`', start + 1);
  const text = end < 0 ? '' : source.slice(start + 1, end);
  return text === '' || text.includes('\n')
    ? undefined
    : { node: { kind: 'code', text: decodeCode(text) }, end: end + 1 };
};

const scanEmoji: Scanner = (source, start) => {
  const match = /^:([a-z0-9_+'-]+):(?::skin-tone-[2-6]:)?/.exec(source.slice(start, start + 80));
  const name = match?.[1] ?? '';
  const character = emojiCharacter(name);
  if (match === null || character === undefined) return undefined;
  return { node: { kind: 'emoji', name, character }, end: start + match[0].length };
};

/** A bare address becomes a link, without the punctuation that ends its sentence. */
const scanAddress: Scanner = (source, start) => {
  if (isWord(source[start - 1])) return undefined;
  const match = /^https?:\/\/[^\s<>|`]+/.exec(source.slice(start, start + 3_000));
  const raw = match?.[0].replace(/(?:[.,;:!?'"*_~]|&gt;|\))+$/, '') ?? '';
  if (!/^https?:\/\/[^/]/.test(raw)) return undefined;
  const href = decodeEntities(raw);
  return { node: { kind: 'link', href, label: href }, end: start + raw.length };
};

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

function isBlank(character: string | undefined): boolean {
  return character === undefined || /\s/.test(character);
}

/** Whether a marker at `at` may end a style that began at `start`: it touches its text and no letter, digit or second marker after it. */
function mayClose(source: string, start: number, at: number): boolean {
  const marker = source[start];
  const [before, after] = [source[at - 1], source[at + 1]];
  return source[at] === marker && at > start + 1 && !isBlank(before) && !isWord(after) && after !== marker;
}

/**
 * The index of the marker that closes the one at `start`, or -1. A style stays on its line, touches its text on the inside,
 * and touches no letter or digit on the outside: `2*3*4` has no bold in it.
 */
function closingMarker(source: string, start: number): number {
  const before = source[start - 1];
  if (isWord(before) || before === source[start] || isBlank(source[start + 1])) return -1;
  for (let i = start + 1; i < source.length && source[i] !== '\n'; ) {
    if (mayClose(source, start, i)) return i;
    i = OPAQUE[source[i] ?? '']?.(source, i)?.end ?? i + 1;
  }
  return -1;
}

const styled =
  (kind: 'bold' | 'italic' | 'strike'): Scanner =>
  (source, start) => {
    const end = closingMarker(source, start);
    if (end < 0) return undefined;
    return { node: { kind, children: parseInline(source.slice(start + 1, end)) }, end: end + 1 };
  };

/** Inside these a style marker is an ordinary character. */
const OPAQUE: Readonly<Record<string, Scanner>> = { '`': scanCode, '<': scanControl, ':': scanEmoji };

const SCANNERS: Readonly<Record<string, Scanner>> = {
  ...OPAQUE,
  '*': styled('bold'),
  _: styled('italic'),
  '~': styled('strike'),
  h: scanAddress,
};

function scanAll(source: string, scanners: Readonly<Record<string, Scanner>>): readonly Inline[] {
  const nodes: Inline[] = [];
  let plainFrom = 0;
  const flush = (end: number): void => {
    if (end > plainFrom) nodes.push({ kind: 'text', text: decodeEntities(source.slice(plainFrom, end)) });
  };
  for (let i = 0; i < source.length; ) {
    const found = scanners[source[i] ?? '']?.(source, i);
    if (found === undefined) {
      i += 1;
      continue;
    }
    flush(i);
    nodes.push(found.node);
    i = found.end;
    plainFrom = i;
  }
  flush(source.length);
  return nodes;
}

function parseInline(source: string): readonly Inline[] {
  return scanAll(source, SCANNERS);
}

const QUOTE = /^(?:>|&gt;) ?/;

function parseLines(source: string): readonly Passage[] {
  const passages: { kind: 'paragraph' | 'quote'; lines: string[] }[] = [];
  for (const line of source.split('\n')) {
    const kind = QUOTE.test(line) ? 'quote' : 'paragraph';
    const text = kind === 'quote' ? line.replace(QUOTE, '') : line;
    const last = passages.at(-1);
    if (last?.kind === kind) last.lines.push(text);
    else passages.push({ kind, lines: [text] });
  }
  return passages.map(({ kind, lines }) => ({ kind, children: parseInline(lines.join('\n')) }));
}

/** Parses Slack's mrkdwn. Angle brackets without a meaning stay visible as text; nothing is ever dropped. */
export function parseMrkdwn(source: string): readonly Passage[] {
  return source.split(/```\n?([\s\S]*?)\n?```/).flatMap((part, index): readonly Passage[] => {
    if (index % 2 === 1) return [{ kind: 'preformatted', text: decodeCode(part) }];
    // The line break beside a fence belongs to the fence.
    const text = part.replace(index === 0 ? /^$/ : /^\n/, '').replace(/\n$/, '');
    return text === '' ? [] : parseLines(text);
  });
}

/** Parses a `plain_text` object: emoji shortcodes and entities, no styles and no links. */
export function parsePlainText(source: string, options: { emoji: boolean }): readonly Inline[] {
  return scanAll(source, options.emoji ? { ':': scanEmoji } : {});
}

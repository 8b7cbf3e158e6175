import type { TemplateProblem } from './syntax.ts';

/** A piece of a template: text as it is, or what stands between `{{` and `}}`, as tokens. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly at: number };

/** A word or sign between `{{` and `}}`. */
export interface Token {
  readonly kind: 'word' | 'field' | 'variable' | 'string' | 'number' | '|' | '(' | ')' | 'other';
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
}

/** What may hold a `}}` that closes nothing: strings, raw strings, comments. */
const SHELTERED = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[^]*?\*\//y;

/** Where the action that opened before `from` closes; undefined when it does not. */
function closeOf(template: string, from: number): number | undefined {
  let at = from;
  while (at < template.length) {
    if (template.startsWith('}}', at)) return at;
    SHELTERED.lastIndex = at;
    at += SHELTERED.exec(template)?.[0].length ?? 1;
  }
  return undefined;
}

const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['number', /[+-]?(?:0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])/y],
  ['variable', /\$\w*(?:\.\w+)*/y],
  ['field', /(?:\.\w+)+/y],
  ['word', /[A-Za-z_]\w*/y],
  ['|', /\|/y],
  ['(', /\(/y],
  [')', /\)/y],
  ['other', /:=|[^\s]/y],
];

function nextToken(text: string, at: number): Token | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return { kind, text: match[0], at };
  }
  return undefined;
}

/** The tokens of an action's body, which starts at `from` in the template. */
function tokensOf(template: string, from: number, to: number): readonly Token[] {
  const body = template.slice(0, to);
  const tokens: Token[] = [];
  let at = from;
  while (at < to) {
    const token = nextToken(body, at);
    // Blanks belong to no token.
    if (token === undefined) at++;
    else {
      tokens.push(token);
      at += token.text.length;
    }
  }
  return tokens;
}

const isComment = (body: string): boolean => /^\/\*[^]*\*\/$/.test(body);

interface Splitting {
  readonly pieces: Piece[];
  /** Set after `-}}`: the blanks that follow are cut. */
  trimNext: boolean;
}

function pushText(into: Splitting, text: string, trimEnd: boolean): void {
  const started = into.trimNext ? text.trimStart() : text;
  const kept = trimEnd ? started.trimEnd() : started;
  if (kept !== '') into.pieces.push({ kind: 'text', text: kept });
}

/** Cuts a template into texts and actions. `{{-` and `-}}` cut the blanks beside them, as in Go. */
export function split(template: string): {
  readonly pieces: readonly Piece[];
  readonly problem?: TemplateProblem;
} {
  const into: Splitting = { pieces: [], trimNext: false };
  let at = 0;
  for (let open = template.indexOf('{{'); open !== -1; open = template.indexOf('{{', at)) {
    const close = closeOf(template, open + 2);
    if (close === undefined) {
      return {
        pieces: into.pieces,
        problem: { at: open, message: 'this `{{` is not closed by `}}`', isBroken: true },
      };
    }
    const trimBefore = /^-\s/.test(template.slice(open + 2, open + 4)) ? 2 : 0;
    const trimAfter = /\s-$/.test(template.slice(close - 2, close)) ? 2 : 0;
    pushText(into, template.slice(at, open), trimBefore > 0);
    const [from, to] = [open + 2 + trimBefore, Math.max(open + 2 + trimBefore, close - trimAfter)];
    if (!isComment(template.slice(from, to).trim())) {
      into.pieces.push({ kind: 'action', tokens: tokensOf(template, from, to), at: open });
    }
    into.trimNext = trimAfter > 0;
    at = close + 2;
  }
  pushText(into, template.slice(at), false);
  return { pieces: into.pieces };
}

/** A word or sign between `{{` and `}}`. */
export interface TemplateToken {
  readonly kind:
    | 'word'
    | 'field'
    | 'variable'
    | 'string'
    | 'char'
    | 'number'
    | '|'
    | '('
    | ')'
    | ':='
    | '='
    | ','
    | 'other';
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
}

const TOKENS: readonly (readonly [TemplateToken['kind'], RegExp])[] = [
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['char', /'(?:[^'\\\n]|\\.)+'/y],
  [
    'number',
    /[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])/y,
  ],
  ['variable', /\$[\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+)*/uy],
  ['field', /(?:\.[\p{L}\p{N}_]+)+/uy],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['|', /\|/y],
  ['(', /\(/y],
  [')', /\)/y],
  [':=', /:=/y],
  ['=', /=/y],
  [',', /,/y],
  ['other', /[^ \t\r\n]/uy],
];

function nextToken(text: string, at: number): TemplateToken | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return { kind, text: match[0], at };
  }
  return undefined;
}

function tokensOf(template: string, from: number, to: number): readonly TemplateToken[] {
  const body = template.slice(0, to);
  const tokens: TemplateToken[] = [];
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

/** Text of a template, or the tokens between `{{` and `}}`. */
export type TemplateItem =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly TemplateToken[]; readonly at: number };

/** What may contain a `}}` that does not close the action: strings, raw strings, comments. */
const SKIPPED = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[^]*?\*\//y;

/** Where the action that opened before `from` closes; undefined when it does not. */
function closeOf(template: string, from: number): number | undefined {
  let at = from;
  while (at < template.length) {
    if (template.startsWith('}}', at)) return at;
    SKIPPED.lastIndex = at;
    at += SKIPPED.exec(template)?.[0].length ?? 1;
  }
  return undefined;
}

/** A comment fills its action: Go accepts no blanks beside it, but those of `{{-` and `-}}`. */
const isComment = (body: string): boolean => /^\/\*[^]*\*\/$/.test(body);

/** `{{-` and `-}}` trim the blanks beside them, as in Go. */
function textItem(text: string, trim: { readonly start: boolean; readonly end: boolean }): TemplateItem[] {
  const started = trim.start ? text.replace(/^[ \t\r\n]+/, '') : text;
  const trimmed = trim.end ? started.replace(/[ \t\r\n]+$/, '') : started;
  return trimmed === '' ? [] : [{ kind: 'text', text: trimmed }];
}

/** The items of a template. `unclosedAt`: an action that is not closed; what follows it is not read. */
export function itemsOf(template: string): {
  readonly items: readonly TemplateItem[];
  readonly unclosedAt?: number;
} {
  const items: TemplateItem[] = [];
  let at = 0;
  let trimsNext = false;
  for (let open = template.indexOf('{{'); open !== -1; open = template.indexOf('{{', at)) {
    const close = closeOf(template, open + 2);
    if (close === undefined) return { items, unclosedAt: open };
    const trimsBefore = /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4));
    const trimsAfter = /[ \t\r\n]-$/.test(template.slice(close - 2, close));
    items.push(...textItem(template.slice(at, open), { start: trimsNext, end: trimsBefore }));
    const from = open + (trimsBefore ? 4 : 2);
    const to = Math.max(from, trimsAfter ? close - 2 : close);
    if (!isComment(template.slice(from, to)))
      items.push({ kind: 'action', tokens: tokensOf(template, from, to), at: open });
    trimsNext = trimsAfter;
    at = close + 2;
  }
  items.push(...textItem(template.slice(at), { start: trimsNext, end: false }));
  return { items };
}

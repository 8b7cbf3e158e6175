import {
  broken,
  EMPTY_PIPELINE,
  operandsOf,
  type Pipeline,
  readPipeline,
  TemplateError,
} from './pipeline.ts';

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
function itemsOf(template: string): {
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

/** An error in a template, at an offset of its text. */
export interface TemplateProblem {
  readonly at: number;
  readonly message: string;
  /** Prometheus refuses the template as well. Otherwise it fails whenever the template is expanded. */
  readonly isBroken: boolean;
}

interface Block {
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | ({ readonly kind: 'if' | 'with' | 'range' } & Block)
  | { readonly kind: 'template'; readonly name: string; readonly pipeline?: Pipeline }
  | { readonly kind: 'break' | 'continue' };

/** A template, or everything that is wrong with it. */
export interface ParsedTemplate {
  readonly nodes: readonly Node[];
  /** The templates that it defines, by their names. */
  readonly definitions: ReadonlyMap<string, readonly Node[]>;
  readonly problems: readonly TemplateProblem[];
}

type Action = Extract<TemplateItem, { kind: 'action' }>;

/** The variables that Prometheus declares in front of each template. Source: prometheus rules/alerting.go, Eval. */
const VARIABLES = ['$', '$labels', '$externalLabels', '$externalURL', '$value'] as const;

interface Parsing {
  readonly items: readonly TemplateItem[];
  readonly problems: TemplateProblem[];
  readonly definitions: Map<string, readonly Node[]>;
  position: number;
  /** The names of the variables in scope, the innermost last. */
  variables: readonly string[];
  /** How many blocks are open, and how many of them are loops. */
  depth: number;
  loops: number;
}

/** The limit of open blocks. */
const MAX_DEPTH = 100;

const keywordOf = ({ tokens: [first] }: Action): string => (first?.kind === 'word' ? first.text : '');

const endOf = (token: TemplateToken | undefined, fallback: number): number =>
  token === undefined ? fallback : token.at + token.text.length;

/** Runs one step; its error is added to the problems, and parsing continues with what stands in for the result. */
function attempt<T>({ problems }: Parsing, step: () => T, otherwise: (message: string) => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { at, message, isBroken } = error;
    problems.push({ at, message, isBroken });
    return otherwise(message);
  }
}

const nothing = (): undefined => undefined;

/** The pipeline after the first tokens of an action. The variables that it declares are in scope from here on. */
function pipelineAfter(
  parsing: Parsing,
  { tokens, at }: Action,
  { skipped, isRange = false }: { readonly skipped: number; readonly isRange?: boolean },
): Pipeline {
  const context = { at: endOf(tokens[skipped - 1], at), known: new Set(parsing.variables), isRange };
  const read = attempt(
    parsing,
    () => readPipeline(tokens.slice(skipped), context),
    (failure) => ({ ...EMPTY_PIPELINE, failure }),
  );
  if (read.isDeclaration) parsing.variables = [...parsing.variables, ...read.variables];
  return read;
}

/** Nodes up to an `else` or `end`, which is returned and not consumed. */
function readNodes(parsing: Parsing): { readonly nodes: readonly Node[]; readonly closing?: Action } {
  const nodes: Node[] = [];
  for (
    let item = parsing.items[parsing.position];
    item !== undefined;
    item = parsing.items[parsing.position]
  ) {
    if (item.kind === 'action' && /^(?:else|end)$/.test(keywordOf(item))) return { nodes, closing: item };
    parsing.position++;
    const node = item.kind === 'text' ? item : readAction(parsing, item);
    if (node !== undefined) nodes.push(node);
  }
  return { nodes };
}

/** Reads with the variables in scope as they were before, and one more block open. */
function inBlock<T>(parsing: Parsing, opener: Action, read: () => T): T {
  const { variables } = parsing;
  parsing.depth++;
  if (parsing.depth > MAX_DEPTH) throw broken(opener.at, 'there are too many open blocks');
  const result = read();
  parsing.depth--;
  parsing.variables = variables;
  return result;
}

function closeBlock(parsing: Parsing, opener: Action, closing: Action | undefined): void {
  if (closing === undefined)
    parsing.problems.push({
      at: opener.at,
      message: `this \`${keywordOf(opener)}\` has no \`end\``,
      isBroken: true,
    });
  else parsing.position++;
}

/** What follows an `else`: an `else if` or `else with` is a block of its own inside, closed by the same `end`. */
function readOtherwise(parsing: Parsing, opener: Action, closing: Action): readonly Node[] {
  parsing.position++;
  const [, next] = closing.tokens;
  const inner = next?.text ?? '';
  if (inner === 'if' || (inner === 'with' && keywordOf(opener) === 'with'))
    return [readBlock(parsing, opener, { kind: inner, tokens: closing.tokens.slice(1), at: closing.at })];
  if (next !== undefined)
    parsing.problems.push({ at: next.at, message: `unexpected \`${next.text}\``, isBroken: true });
  let rest = readNodes(parsing);
  const nodes = [...rest.nodes];
  while (rest.closing !== undefined && keywordOf(rest.closing) === 'else') {
    const message = `this \`${keywordOf(opener)}\` has a second \`else\``;
    parsing.problems.push({ at: rest.closing.at, message, isBroken: true });
    parsing.position++;
    rest = readNodes(parsing);
    nodes.push(...rest.nodes);
  }
  closeBlock(parsing, opener, rest.closing);
  return nodes;
}

interface BlockStart {
  readonly kind: 'if' | 'with' | 'range';
  readonly tokens: readonly TemplateToken[];
  readonly at: number;
}

function readBlock(parsing: Parsing, opener: Action, { kind, tokens, at }: BlockStart): Node {
  return inBlock(parsing, opener, () => {
    const isLoop = kind === 'range';
    const pipeline = pipelineAfter(parsing, { kind: 'action', tokens, at }, { skipped: 1, isRange: isLoop });
    parsing.loops += isLoop ? 1 : 0;
    const { nodes: body, closing } = readNodes(parsing);
    parsing.loops -= isLoop ? 1 : 0;
    if (closing !== undefined && keywordOf(closing) === 'else')
      return { kind, pipeline, body, otherwise: readOtherwise(parsing, opener, closing) };
    closeBlock(parsing, opener, closing);
    return { kind, pipeline, body, otherwise: [] };
  });
}

/** The name after `define`, `block` and `template`. */
function nameIn(action: Action): string {
  const [keyword, name] = action.tokens;
  if (name?.kind !== 'string') {
    const message = `\`${keyword?.text ?? ''}\` needs the name of a template in quotes`;
    throw broken(name?.at ?? endOf(keyword, action.at), message);
  }
  return name.text.slice(1, -1);
}

/** `define`, or `block`, which is used where it is defined as well. A definition sees none of the variables around it. */
function readDefinition(parsing: Parsing, action: Action): Node | undefined {
  const isBlock = keywordOf(action) === 'block';
  const name = attempt<string | undefined>(
    parsing,
    () => {
      if (!isBlock && parsing.depth > 0) throw broken(action.at, '`define` must not be inside another block');
      return nameIn(action);
    },
    nothing,
  );
  const pipeline = isBlock ? pipelineAfter(parsing, action, { skipped: 2 }) : undefined;
  inBlock(parsing, action, () => {
    parsing.variables = ['$'];
    const { loops } = parsing;
    parsing.loops = 0;
    const { nodes, closing } = readNodes(parsing);
    parsing.loops = loops;
    if (name !== undefined) parsing.definitions.set(name, nodes);
    closeBlock(parsing, action, closing);
  });
  return isBlock && name !== undefined ? { kind: 'template', name, pipeline } : undefined;
}

function readLoopControl({ loops }: Parsing, action: Action, kind: 'break' | 'continue'): Node {
  if (loops === 0) throw broken(action.at, `this \`${kind}\` is outside of a \`range\``);
  return { kind };
}

function readTemplateCall(parsing: Parsing, action: Action): Node {
  const name = nameIn(action);
  return action.tokens.length === 2
    ? { kind: 'template', name }
    : { kind: 'template', name, pipeline: pipelineAfter(parsing, action, { skipped: 2 }) };
}

function readAction(parsing: Parsing, action: Action): Node | undefined {
  const keyword = keywordOf(action);
  switch (keyword) {
    case 'if':
    case 'with':
    case 'range':
      return readBlock(parsing, action, { ...action, kind: keyword });
    case 'define':
    case 'block':
      return readDefinition(parsing, action);
    case 'template':
      return attempt<Node | undefined>(parsing, () => readTemplateCall(parsing, action), nothing);
    case 'break':
    case 'continue':
      return attempt<Node | undefined>(parsing, () => readLoopControl(parsing, action, keyword), nothing);
    default:
      if (action.tokens.length > 0)
        return { kind: 'output', pipeline: pipelineAfter(parsing, action, { skipped: 0 }) };
      parsing.problems.push({ at: action.at, message: 'nothing between `{{` and `}}`', isBroken: true });
      return undefined;
  }
}

/** All nodes at the top, and the `end` and `else` that close nothing. */
function readAll(parsing: Parsing): readonly Node[] {
  const all: Node[] = [];
  for (;;) {
    const { nodes, closing } = readNodes(parsing);
    all.push(...nodes);
    if (closing === undefined) return all;
    const message = `this \`${keywordOf(closing)}\` has no \`if\``;
    parsing.problems.push({ at: closing.at, message, isBroken: true });
    parsing.position++;
  }
}

/** Parses a template of Go's text/template. */
export function parseTemplate(template: string): ParsedTemplate {
  const { items, unclosedAt } = itemsOf(template);
  const definitions = new Map<string, readonly Node[]>();
  const problems: TemplateProblem[] = [];
  const parsing: Parsing = {
    items,
    problems,
    definitions,
    position: 0,
    variables: VARIABLES,
    depth: 0,
    loops: 0,
  };
  const nodes = attempt(
    parsing,
    () => readAll(parsing),
    () => [],
  );
  if (unclosedAt !== undefined)
    problems.push({ at: unclosedAt, message: 'this `{{` is not closed by `}}`', isBroken: true });
  return { nodes, definitions, problems: problems.toSorted((a, b) => a.at - b.at) };
}

/** All nodes, those inside of others included. */
function allNodes(nodes: readonly Node[]): readonly Node[] {
  return nodes.flatMap((node) =>
    'body' in node ? [node, ...allNodes(node.body), ...allNodes(node.otherwise)] : [node],
  );
}

/** Every node of a template and of the templates that it defines. */
export const nodesOf = ({ nodes, definitions }: ParsedTemplate): readonly Node[] =>
  [nodes, ...definitions.values()].flatMap(allNodes);

/** The names of the functions and variables that a node reads itself. */
export const namesIn = (node: Node): readonly string[] =>
  'pipeline' in node && node.pipeline !== undefined
    ? operandsOf(node.pipeline).flatMap(({ source, text }) => {
        if (source.kind === 'dot') return [text];
        return source.kind === 'function' || source.kind === 'variable' ? [source.name] : [];
      })
    : [];

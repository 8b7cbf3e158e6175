import { broken, readPipeline, TemplateError } from './pipeline.ts';
import type { Node, Pipeline, TemplateProblem } from './syntax.ts';
import type { Piece, Token } from './tokens.ts';
import { split } from './tokens.ts';

const KEYWORDS = [
  'if',
  'else',
  'end',
  'range',
  'with',
  'define',
  'block',
  'template',
  'break',
  'continue',
] as const;
const isKeyword = (text: string): boolean => KEYWORDS.some((keyword) => keyword === text);

type Action = Extract<Piece, { kind: 'action' }>;

/** An `if` whose `end` has not come yet; `else if` opens another one inside, which the same `end` closes. */
interface Open {
  readonly at: number;
  readonly condition: Pipeline;
  readonly whenTrue: Node[];
  otherwise?: Node[];
  readonly closesOuter: boolean;
}

interface Parsing {
  readonly root: Node[];
  readonly stack: Open[];
  readonly problems: TemplateProblem[];
}

function current({ root, stack }: Parsing): Node[] {
  const top = stack.at(-1);
  return top === undefined ? root : (top.otherwise ?? top.whenTrue);
}

const endOf = (token: Token | undefined): number => (token === undefined ? 0 : token.at + token.text.length);

function openIf(parsing: Parsing, action: Action, from: { skip: number; closesOuter: boolean }): void {
  const opened: Open = { at: action.at, condition: [], whenTrue: [], closesOuter: from.closesOuter };
  // Opened even when its condition is wrong: otherwise its `end` would be reported as well.
  parsing.stack.push(opened);
  const condition = readPipeline(action.tokens.slice(from.skip), endOf(action.tokens[from.skip - 1]));
  parsing.stack[parsing.stack.length - 1] = { ...opened, condition };
}

function readElse(parsing: Parsing, action: Action): void {
  const top = parsing.stack.at(-1);
  if (top === undefined) throw broken(action.at, 'this `else` has no `if`');
  if (top.otherwise !== undefined) throw broken(action.at, 'this `if` has a second `else`');
  top.otherwise = [];
  const next = action.tokens[1];
  if (next === undefined) return;
  if (next.text !== 'if') throw new TemplateError(next.at, `\`${next.text}\` is not expected here`);
  openIf(parsing, action, { skip: 2, closesOuter: true });
}

function readEnd(parsing: Parsing, action: Action): void {
  let closed = parsing.stack.pop();
  if (closed === undefined) throw broken(action.at, 'this `end` has no `if`');
  for (; closed !== undefined; closed = closed.closesOuter ? parsing.stack.pop() : undefined) {
    const { condition, whenTrue, otherwise = [] } = closed;
    current(parsing).push({ kind: 'if', condition, whenTrue, otherwise });
  }
}

/** Keywords whose block an `end` closes. */
const BLOCKS = /^(?:range|with|define|block)$/;

function refuseKeyword({ stack }: Parsing, { text, at }: Token): never {
  // Its `end` must close something, or it would be reported as well.
  if (BLOCKS.test(text)) stack.push({ at, condition: [], whenTrue: [], closesOuter: false });
  throw new TemplateError(at, `\`${text}\` is not supported in templates`);
}

function readAction(parsing: Parsing, action: Action): void {
  const [first] = action.tokens;
  if (first === undefined) throw broken(action.at, 'there is nothing between `{{` and `}}`');
  if (first.text === 'if') openIf(parsing, action, { skip: 1, closesOuter: false });
  else if (first.text === 'else') readElse(parsing, action);
  else if (first.text === 'end') readEnd(parsing, action);
  else if (isKeyword(first.text)) refuseKeyword(parsing, first);
  else current(parsing).push({ kind: 'output', pipeline: readPipeline(action.tokens, action.at) });
}

function readPiece(parsing: Parsing, piece: Piece): void {
  if (piece.kind === 'text') {
    current(parsing).push(piece);
    return;
  }
  try {
    readAction(parsing, piece);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { at, message, isBroken } = error;
    parsing.problems.push({ at, message, isBroken });
  }
}

/** Reads a template, or everything that is wrong with it. */
export function parseTemplate(text: string): {
  readonly nodes: readonly Node[];
  readonly problems: readonly TemplateProblem[];
} {
  const { pieces, problem } = split(text);
  const parsing: Parsing = { root: [], stack: [], problems: [] };
  for (const piece of pieces) readPiece(parsing, piece);
  const unclosed = parsing.stack.filter(({ closesOuter }) => !closesOuter);
  const open = unclosed.map(({ at }) => ({ at, message: 'this `if` has no `end`', isBroken: true }));
  return {
    nodes: parsing.root,
    problems: [...parsing.problems, ...open, ...(problem === undefined ? [] : [problem])],
  };
}

import { nearestName } from '../../lib/nearest.ts';
import { arityOf, FUNCTION_NAMES } from './functions.ts';
import type { TemplateToken } from './parse.ts';
import { bool, float, int, NIL, text, type Value } from './value.ts';

/** Where the value of an operand comes from. */
type Source =
  | { readonly kind: 'literal'; readonly value: Value }
  /** `.`: what the template, or the innermost `range` or `with`, is about. */
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** A source and the fields read from it: `$labels.service`, `(query "up").Value`. */
export interface Operand {
  readonly source: Source;
  readonly fields: readonly string[];
  /** As written, for messages. */
  readonly text: string;
}

/** One stage: a function or method with its arguments, or a single operand. */
export interface PipelineCommand {
  readonly operand: Operand;
  readonly args: readonly Operand[];
}

/** Stages between `|`. The result of a stage is the last argument of the next. */
export interface Pipeline {
  /** The variables it sets: declared with `:=`, or assigned with `=`. Two only in `range`: key and element. */
  readonly variables: readonly string[];
  readonly isDeclaration: boolean;
  readonly commands: readonly PipelineCommand[];
  /** Why it fails whenever it is evaluated. */
  readonly failure?: string;
}

export const EMPTY_PIPELINE: Pipeline = { variables: [], isDeclaration: false, commands: [] };

/** Stops reading one action; the actions after it are still read. */
export class TemplateError extends Error {
  readonly at: number;
  readonly isBroken: boolean;
  constructor(at: number, message: string, isBroken = false) {
    super(message);
    this.at = at;
    this.isBroken = isBroken;
  }
}

/** An error that Go reports when it parses the template. Others fail whenever the template is expanded. */
export const broken = (at: number, message: string): TemplateError => new TemplateError(at, message, true);

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

const ESCAPE = /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|x([\da-fA-F]{2})|([0-7]{3})|([^]))/g;

function unquote({ text: quoted, at }: TemplateToken): string {
  if (quoted.startsWith('`')) return quoted.slice(1, -1);
  return quoted.slice(1, -1).replaceAll(ESCAPE, (...found: unknown[]) => {
    const [, unicode, long, byte, octal, letter] = found as (string | undefined)[];
    const hex = unicode ?? long ?? byte;
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    const character = ESCAPES[letter ?? ''];
    if (character === undefined) throw broken(at, `\\${letter ?? ''} is not an escape in Go`);
    return character;
  });
}

/**
 * A number with a point or an exponent is a float, any other an int: Go does not compare the two. One that begins with 0
 * is octal.
 */
function numberOf({ text: written, at }: TemplateToken): Value {
  const digits = written.replaceAll('_', '');
  const isFloat = /[.eE]/.test(digits) && !/^[+-]?0[xob]/i.test(digits);
  if (isFloat) return float(Number(digits));
  const [, sign, octal] = /^([+-]?)0(\d+)$/.exec(digits) ?? [];
  if (octal === undefined) return int(Number(digits));
  if (/[89]/.test(octal)) throw broken(at, `\`${written}\` is not an octal number`);
  return int(Number(`${sign}1`) * Number.parseInt(octal, 8));
}

const WORDS: Readonly<Record<string, Value>> = { true: bool(true), false: bool(false), nil: NIL };

function literalOf(token: TemplateToken): Value | undefined {
  switch (token.kind) {
    case 'string':
      return text(unquote(token));
    case 'char':
      return int(unquote(token).codePointAt(0) ?? 0);
    case 'number':
      return numberOf(token);
    case 'word':
      return Object.hasOwn(WORDS, token.text) ? WORDS[token.text] : undefined;
    default:
      return undefined;
  }
}

/** The tokens of one action and the position in them. */
interface Reader {
  readonly tokens: readonly TemplateToken[];
  readonly end: number;
  /** The variables that are known here. */
  readonly known: ReadonlySet<string>;
  position: number;
  /** How many parentheses are open. */
  depth: number;
}

/** The limit of open parentheses. */
const MAX_DEPTH = 50;

const peek = (reader: Reader): TemplateToken | undefined => reader.tokens[reader.position];

const endsCommand = (token: TemplateToken | undefined): boolean =>
  token === undefined || token.kind === '|' || token.kind === ')';

const unexpected = ({ at, text: written }: TemplateToken): TemplateError =>
  broken(at, `unexpected \`${written}\``);

function nextOf(reader: Reader): TemplateToken {
  const token = peek(reader);
  if (token === undefined) throw broken(reader.end, 'an operand is missing here');
  return token;
}

const fieldsOf = (written: string): readonly string[] => written.split('.').slice(1);

function variableOf(reader: Reader, { at, text: written }: TemplateToken): Omit<Operand, 'text'> {
  const [name = ''] = written.split('.');
  if (!reader.known.has(name)) throw broken(at, `undefined variable \`${name}\``);
  const fields = fieldsOf(written);
  if (name === '$labels' && fields.length > 1)
    throw new TemplateError(at, `\`${written}\`: a label's value has no fields`);
  return { source: { kind: 'variable', name }, fields };
}

function checkFunction({ at, text: name }: TemplateToken): void {
  if (FUNCTION_NAMES.has(name)) return;
  const near = nearestName(name, [...FUNCTION_NAMES]);
  const hint = near === undefined ? '' : `: did you mean \`${near}\`?`;
  throw broken(at, `function \`${name}\` is not defined${hint}`);
}

function inParentheses(reader: Reader, opened: TemplateToken): Omit<Operand, 'text'> {
  reader.depth++;
  if (reader.depth > MAX_DEPTH) throw new TemplateError(opened.at, 'there are too many parentheses');
  const inner = pipeline(reader);
  const closing = peek(reader);
  if (closing?.kind !== ')') throw broken(opened.at, 'this `(` is not closed');
  reader.position++;
  reader.depth--;
  const next = peek(reader);
  const isChained = next?.kind === 'field' && next.at === closing.at + 1;
  if (isChained) reader.position++;
  return { source: { kind: 'pipeline', pipeline: inner }, fields: isChained ? fieldsOf(next.text) : [] };
}

/** Go reads a dot that is followed by anything else as the beginning of a field's name. */
const AFTER_DOT: ReadonlySet<TemplateToken['kind']> = new Set(['|', '(', ')', ',', ':=']);

function dot(reader: Reader, { at }: TemplateToken): Operand {
  const next = peek(reader);
  if (next?.at === at + 1 && !AFTER_DOT.has(next.kind)) throw unexpected(next);
  return { source: { kind: 'dot' }, fields: [], text: '.' };
}

function operand(reader: Reader): Operand {
  const token = nextOf(reader);
  reader.position++;
  const { text: written } = token;
  const literal = literalOf(token);
  if (literal !== undefined)
    return { source: { kind: 'literal', value: literal }, fields: [], text: written };
  if (token.kind === '(') return { ...inParentheses(reader, token), text: '(...)' };
  if (token.kind === 'variable') return { ...variableOf(reader, token), text: written };
  if (token.kind === 'field') return { source: { kind: 'dot' }, fields: fieldsOf(written), text: written };
  if (written === '.') return dot(reader, token);
  if (token.kind !== 'word') throw unexpected(token);
  checkFunction(token);
  return { source: { kind: 'function', name: written }, fields: [], text: written };
}

function checkArity({ at, text: name }: TemplateToken, given: number): void {
  const { least, most = Number.POSITIVE_INFINITY } = arityOf(name);
  if (given >= least && given <= most) return;
  const expected = most === least ? String(least) : `at least ${least}`;
  const noun = expected === '1' ? 'argument' : 'arguments';
  throw new TemplateError(at, `\`${name}\` takes ${expected} ${noun}, not ${given}`);
}

function checkPiped(token: TemplateToken, { source, fields }: Operand): void {
  if (source.kind === 'literal' || (source.kind === 'dot' && fields.length === 0))
    throw broken(token.at, `\`${token.text}\` cannot be piped into: a function is expected after \`|\``);
  // Go finds this out when it expands the template. A field may be a method.
  if (source.kind === 'variable' && (fields.length === 0 || source.name === '$labels'))
    throw new TemplateError(token.at, `\`${token.text}\` cannot be piped into: it is not a function`);
}

/** One stage of a pipeline. After the first, the result of the stage before is the last argument. */
function command(reader: Reader, isFirst: boolean): PipelineCommand {
  const token = nextOf(reader);
  const first = operand(reader);
  if (!isFirst) checkPiped(token, first);
  const args: Operand[] = [];
  while (!endsCommand(peek(reader))) args.push(operand(reader));
  if (first.source.kind === 'function') {
    checkArity(token, args.length + (isFirst ? 0 : 1));
  } else if (args.length > 0 && first.fields.length === 0)
    throw new TemplateError(token.at, `\`${first.text}\` is not a function and takes no arguments`);
  return { operand: first, args };
}

function pipeline(reader: Reader): Pipeline {
  const commands = [command(reader, true)];
  while (peek(reader)?.kind === '|') {
    reader.position++;
    // Go reads over a `|` with nothing after it.
    if (peek(reader) === undefined || peek(reader)?.kind === ')') break;
    commands.push(command(reader, false));
  }
  return { ...EMPTY_PIPELINE, commands };
}

const isName = (token: TemplateToken | undefined): token is TemplateToken =>
  token?.kind === 'variable' && !token.text.includes('.') && token.text !== '$';

/** The variables in front of `:=` or `=`: one, in a `range` also two. */
function namesBefore(tokens: readonly TemplateToken[], isRange: boolean): readonly TemplateToken[] {
  const [first, comma, second] = tokens;
  if (!isName(first)) return [];
  return isRange && comma?.kind === ',' && isName(second) ? [first, second] : [first];
}

/** `$x :=`, `$x =`, or in a `range` `$i, $x :=`: the variables, and the number of tokens. */
function declared(
  { tokens, known }: Reader,
  isRange: boolean,
): Omit<Pipeline, 'commands'> & { readonly length: number } {
  const names = namesBefore(tokens, isRange);
  const length = names.length * 2;
  const sign = tokens[length - 1]?.kind;
  if (sign !== ':=' && sign !== '=') return { variables: [], isDeclaration: false, length: 0 };
  const isDeclaration = sign === ':=';
  const missing = isDeclaration ? undefined : names.find(({ text: name }) => !known.has(name));
  // Go does not look for it before the template is expanded.
  if (missing !== undefined) throw new TemplateError(missing.at, `undefined variable \`${missing.text}\``);
  return { variables: names.map(({ text: name }) => name), isDeclaration, length };
}

/**
 * Reads the tokens of an action as one pipeline; `at` is the offset of the action.
 * @throws TemplateError at the first error.
 */
export function readPipeline(
  tokens: readonly TemplateToken[],
  context: { readonly at: number; readonly known: ReadonlySet<string>; readonly isRange?: boolean },
): Pipeline {
  const last = tokens.at(-1);
  const end = last === undefined ? context.at : last.at + last.text.length;
  const reader: Reader = { tokens, end, known: context.known, position: 0, depth: 0 };
  const { length, ...declaration } = declared(reader, context.isRange === true);
  reader.position = length;
  const { commands } = pipeline(reader);
  const rest = peek(reader);
  if (rest !== undefined) throw unexpected(rest);
  return { ...declaration, commands };
}

/** All operands of a pipeline, those in parentheses included. */
export const operandsOf = ({ commands }: Pipeline): readonly Operand[] =>
  commands.flatMap(({ operand: first, args }) =>
    [first, ...args].flatMap((each) =>
      each.source.kind === 'pipeline' ? [each, ...operandsOf(each.source.pipeline)] : [each],
    ),
  );

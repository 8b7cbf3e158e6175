import { nearestName } from '../../lib/nearest.ts';
import { FUNCTIONS } from './functions.ts';
import type { Value } from './go-format.ts';

/** An argument of a function, or a value to print. */
export type Operand =
  | { readonly kind: 'labels' }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'value' }
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** One stage: a function with its arguments, or a single operand. */
export interface PipelineCommand {
  readonly name?: string;
  readonly operands: readonly Operand[];
}

/** The stages between `|`. The result of a stage is the last argument of the next. */
export type Pipeline = readonly PipelineCommand[];

/** A word or sign between `{{` and `}}`. */
export interface TemplateToken {
  readonly kind: 'word' | 'field' | 'variable' | 'string' | 'number' | '|' | '(' | ')' | 'other';
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
}

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

/** An error that Go reports as well. */
export const broken = (at: number, message: string): TemplateError => new TemplateError(at, message, true);

const TOKENS: readonly (readonly [TemplateToken['kind'], RegExp])[] = [
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

function nextToken(text: string, at: number): TemplateToken | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return { kind, text: match[0], at };
  }
  return undefined;
}

/** The tokens of an action's body, which is at `from` to `to` in the template. */
export function tokensOf(template: string, from: number, to: number): readonly TemplateToken[] {
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

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

function unquote({ text, at }: TemplateToken): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text
    .slice(1, -1)
    .replaceAll(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|([^]))/g, (...found: unknown[]) => {
      const [, unicode, byte, letter] = found as (string | undefined)[];
      const code = unicode ?? byte;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      const character = ESCAPES[letter ?? ''];
      if (character === undefined) throw broken(at, `\\${letter ?? ''} is not an escape in Go`);
      return character;
    });
}

/** A number with a point or an exponent is a float, any other an int: Go does not compare the two. */
function numberOf(text: string): Value {
  const isFloat = /[.eE]/.test(text) && !/^[+-]?0x/i.test(text);
  return { type: isFloat ? 'float' : 'int', number: Number(text) };
}

function labelOf(token: TemplateToken, path: string): Operand {
  const [name = '', ...more] = path.split('.').slice(1);
  if (more.length > 0) throw new TemplateError(token.at, `\`${token.text}\`: a label's value has no fields`);
  return name === '' ? { kind: 'labels' } : { kind: 'label', name };
}

/** The variables of Prometheus's templates; `$` is the data itself. Source: prometheus rules/alerting.go. */
const VARIABLES: ReadonlySet<string> = new Set(['$', '$labels', '$externalLabels', '$externalURL', '$value']);

/** `$labels.x`, `$value`, `.Labels.x`, `.Value`. */
function dataOf(token: TemplateToken): Operand {
  const path = token.text.replace(/^\.Labels\b/, '$labels').replace(/^\.Value\b/, '$value');
  if (path === '$value') return { kind: 'value' };
  if (/^\$labels(?:\.|$)/.test(path)) return labelOf(token, path);
  const [variable = ''] = token.text.split('.');
  if (variable.startsWith('$') && !VARIABLES.has(variable))
    throw new TemplateError(token.at, `undefined variable \`${variable}\``, true);
  throw new TemplateError(
    token.at,
    `\`${token.text}\` is not supported: use only the labels ($labels.name) and the value ($value) of the alert`,
  );
}

/** The tokens of one action and the position in them. */
interface Reader {
  readonly tokens: readonly TemplateToken[];
  readonly end: number;
  position: number;
  /** How many parentheses are open. */
  depth: number;
}

/** The limit of open parentheses. */
const MAX_DEPTH = 50;

const peek = (reader: Reader): TemplateToken | undefined => reader.tokens[reader.position];

const isBool = ({ kind, text }: TemplateToken): boolean => kind === 'word' && /^(?:true|false)$/.test(text);
const endsCommand = (token: TemplateToken | undefined): boolean =>
  token === undefined || token.kind === '|' || token.kind === ')';

const unexpected = ({ at, text }: TemplateToken): TemplateError => broken(at, `unexpected \`${text}\``);

function simpleOperand(token: TemplateToken): Operand | undefined {
  if (token.kind === 'string') return { kind: 'literal', value: { type: 'string', text: unquote(token) } };
  if (token.kind === 'number') return { kind: 'literal', value: numberOf(token.text) };
  if (token.kind === 'variable' || token.kind === 'field' || token.text === '.') return dataOf(token);
  return isBool(token)
    ? { kind: 'literal', value: { type: 'bool', bool: token.text === 'true' } }
    : undefined;
}

function nextOf(reader: Reader): TemplateToken {
  const token = peek(reader);
  if (token === undefined) throw broken(reader.end, 'an operand is missing here');
  return token;
}

function operand(reader: Reader): Operand {
  const token = nextOf(reader);
  reader.position++;
  if (token.kind === '(') {
    reader.depth++;
    if (reader.depth > MAX_DEPTH) throw new TemplateError(token.at, 'there are too many parentheses');
    const inner = pipeline(reader);
    if (peek(reader)?.kind !== ')') throw broken(token.at, 'this `(` is not closed');
    reader.position++;
    reader.depth--;
    return { kind: 'pipeline', pipeline: inner };
  }
  const simple = simpleOperand(token);
  if (simple !== undefined) return simple;
  if (token.kind !== 'word') throw unexpected(token);
  checkFunction(token);
  // A function without arguments as an argument: Go would call it.
  throw new TemplateError(token.at, `\`${token.text}\` must be in parentheses here`);
}

/** Functions of Go's text/template and of Prometheus that are not supported here. Source: prometheus template/template.go. */
const OTHER_FUNCTIONS: ReadonlySet<string> = new Set(
  `args call externalURL first graphLink html index js label len match now nil parseDuration pathPrefix print println query
  reReplaceAll safeHtml slice sortByLabel stripDomain strvalue tableLink tmpl toDuration toTime urlquery urlQueryEscape value`.split(
    /\s+/,
  ),
);

function checkFunction({ at, text }: TemplateToken): void {
  if (Object.hasOwn(FUNCTIONS, text)) return;
  if (!OTHER_FUNCTIONS.has(text)) {
    const near = nearestName(text, [...Object.keys(FUNCTIONS), ...OTHER_FUNCTIONS]);
    const hint = near === undefined ? '' : `: did you mean \`${near}\`?`;
    throw broken(at, `function \`${text}\` is not defined${hint}`);
  }
  const known = Object.keys(FUNCTIONS).join(', ');
  throw new TemplateError(at, `\`${text}\` is not supported in templates. Supported functions: ${known}`);
}

function checkArity({ at, text }: TemplateToken, given: number): void {
  const { least = 0, most = Number.POSITIVE_INFINITY } = FUNCTIONS[text] ?? {};
  if (given >= least && given <= most) return;
  const expected = most === least ? String(least) : `at least ${least}`;
  throw new TemplateError(
    at,
    `\`${text}\` takes ${expected} argument${expected === '1' ? '' : 's'}, not ${given}`,
  );
}

/** The verbs of printf. */
const VERB = /%[-+# 0]*\d*(?:\.\d*)?([^])/g;

function checkFormat({ at, text }: TemplateToken, [format]: readonly Operand[]): void {
  if (text !== 'printf' || format?.kind !== 'literal' || format.value.type !== 'string') return;
  for (const [verb, letter = ''] of format.value.text.matchAll(VERB)) {
    if ('vsqdfFeEgGt%'.includes(letter)) continue;
    const message = `the verb ${verb} of printf is not supported: use %f, %e, %g, %d, %s, %q or %v`;
    throw new TemplateError(at, message);
  }
}

function valueCommand(reader: Reader, isFirst: boolean): PipelineCommand {
  const token = nextOf(reader);
  const value = operand(reader);
  // Go finds this out when it expands the template.
  if (!isFirst && (token.kind === 'variable' || token.kind === 'field'))
    throw new TemplateError(token.at, `\`${token.text}\` cannot be piped into: it is not a function`);
  if (!isFirst)
    throw broken(token.at, `\`${token.text}\` cannot be piped into: a function is expected after \`|\``);
  if (!endsCommand(peek(reader)))
    throw new TemplateError(token.at, `\`${token.text}\` is not a function and takes no arguments`);
  return { operands: [value] };
}

function functionCommand(reader: Reader, isFirst: boolean): PipelineCommand {
  const token = nextOf(reader);
  checkFunction(token);
  reader.position++;
  const operands: Operand[] = [];
  while (!endsCommand(peek(reader))) operands.push(operand(reader));
  checkArity(token, operands.length + (isFirst ? 0 : 1));
  checkFormat(token, operands);
  return { name: token.text, operands };
}

/** One stage of a pipeline. After the first, the result of the stage before is the last argument. */
function command(reader: Reader, isFirst: boolean): PipelineCommand {
  const token = nextOf(reader);
  const isFunction = token.kind === 'word' && !isBool(token);
  return isFunction ? functionCommand(reader, isFirst) : valueCommand(reader, isFirst);
}

function pipeline(reader: Reader): Pipeline {
  const commands = [command(reader, true)];
  while (peek(reader)?.kind === '|') {
    reader.position++;
    commands.push(command(reader, false));
  }
  return commands;
}

/**
 * Reads the tokens of an action as one pipeline; `at` is the offset of the action.
 * @throws TemplateError at the first error.
 */
export function readPipeline(tokens: readonly TemplateToken[], at: number): Pipeline {
  const last = tokens.at(-1);
  const end = last === undefined ? at : last.at + last.text.length;
  const reader: Reader = { tokens, end, position: 0, depth: 0 };
  const read = pipeline(reader);
  const rest = peek(reader);
  if (rest !== undefined) throw unexpected(rest);
  return read;
}

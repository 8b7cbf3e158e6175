import type { Command, Operand, Pipeline, Value } from './syntax.ts';
import { FUNCTIONS } from './syntax.ts';
import type { Token } from './tokens.ts';

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

/** What Go's own parser refuses. */
export const broken = (at: number, message: string): TemplateError => new TemplateError(at, message, true);

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

function unquote({ text, at }: Token): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text
    .slice(1, -1)
    .replaceAll(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|([^]))/g, (...found: unknown[]) => {
      const [, unicode, byte, letter] = found as (string | undefined)[];
      const code = unicode ?? byte;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      const plain = ESCAPES[letter ?? ''];
      if (plain === undefined) throw broken(at, `\\${letter ?? ''} is not an escape that Go knows`);
      return plain;
    });
}

/** A number with a point or an exponent is a float, any other an int: Go will not compare the two. */
function numberOf(text: string): Value {
  const isFloat = /[.eE]/.test(text) && !/^[+-]?0x/i.test(text);
  return { type: isFloat ? 'float' : 'int', number: Number(text) };
}

function labelOf(token: Token, path: string): Operand {
  const [name = '', ...more] = path.split('.').slice(1);
  if (more.length > 0) throw new TemplateError(token.at, `\`${token.text}\`: a label's value has no fields`);
  return name === '' ? { kind: 'labels' } : { kind: 'label', name };
}

const DATA = 'only the labels ($labels.name) and the value ($value) of the alert can be used';

/** `$labels.x`, `$value`, `.Labels.x`, `.Value`. */
function dataOf(token: Token): Operand {
  const path = token.text.replace(/^\.Labels\b/, '$labels').replace(/^\.Value\b/, '$value');
  if (path === '$value') return { kind: 'value' };
  if (/^\$labels(?:\.|$)/.test(path)) return labelOf(token, path);
  throw new TemplateError(token.at, `\`${token.text}\` is not supported: ${DATA}`);
}

/** Reads the tokens of one action. */
interface Reader {
  readonly tokens: readonly Token[];
  readonly end: number;
  position: number;
  /** How many parentheses are open. */
  depth: number;
}

/** More open parentheses than a person would write. */
const MAX_DEPTH = 50;

const peek = (reader: Reader): Token | undefined => reader.tokens[reader.position];

function simpleOperand(token: Token): Operand | undefined {
  if (token.kind === 'string') return { kind: 'literal', value: { type: 'string', text: unquote(token) } };
  if (token.kind === 'number') return { kind: 'literal', value: numberOf(token.text) };
  if (token.kind === 'variable' || token.kind === 'field' || token.text === '.') return dataOf(token);
  const isBool = token.kind === 'word' && /^(?:true|false)$/.test(token.text);
  return isBool ? { kind: 'literal', value: { type: 'bool', bool: token.text === 'true' } } : undefined;
}

function operand(reader: Reader): Operand {
  const token = peek(reader);
  if (token === undefined) throw broken(reader.end, 'something is missing here');
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
  // A function without arguments as an argument: Go would call it.
  if (token.kind === 'word')
    throw (
      unknownFunction(token) ??
      new TemplateError(token.at, `\`${token.text}\` must stand in parentheses here`)
    );
  throw broken(token.at, `\`${token.text}\` is not expected here`);
}

function unknownFunction(token: Token): TemplateError | undefined {
  if (Object.hasOwn(FUNCTIONS, token.text)) return undefined;
  const known = Object.keys(FUNCTIONS).join(', ');
  return new TemplateError(
    token.at,
    `\`${token.text}\` is not supported in templates; these functions are: ${known}`,
  );
}

function operands(reader: Reader): readonly Operand[] {
  const found: Operand[] = [];
  for (
    let token = peek(reader);
    token !== undefined && token.kind !== '|' && token.kind !== ')';
    token = peek(reader)
  ) {
    found.push(operand(reader));
  }
  return found;
}

function checkArity(token: Token, given: number): void {
  const arity = FUNCTIONS[token.text];
  if (arity === undefined) return;
  const { least, most = Number.POSITIVE_INFINITY } = arity;
  if (given >= least && given <= most) return;
  const wanted = most === least ? String(least) : `at least ${least}`;
  throw new TemplateError(
    token.at,
    `\`${token.text}\` takes ${wanted} argument${wanted === '1' ? '' : 's'}, not ${given}`,
  );
}

/** The verbs of printf that are understood. */
const VERB = /%[-+# 0]*\d*(?:\.\d*)?([^])/g;

function checkFormat(token: Token, [format]: readonly Operand[]): void {
  if (token.text !== 'printf' || format?.kind !== 'literal' || format.value.type !== 'string') return;
  for (const [verb, letter = ''] of format.value.text.matchAll(VERB)) {
    if (!'vsqdfFeEgGt%'.includes(letter)) {
      throw new TemplateError(
        token.at,
        `the verb ${verb} of printf is not supported: use %f, %e, %g, %d, %s, %q or %v`,
      );
    }
  }
}

/** One stage of a pipeline. From the second on, what came before is the last argument. */
function command(reader: Reader, isFirst: boolean): Command {
  const token = peek(reader);
  if (token === undefined) throw broken(reader.end, 'something is missing here');
  const isFunction = token.kind === 'word' && !/^(?:true|false)$/.test(token.text);
  if (!isFunction) {
    const single = operand(reader);
    const next = peek(reader);
    if (!isFirst)
      throw broken(
        token.at,
        `\`${token.text}\` cannot take what is piped into it: a function must stand here`,
      );
    if (next !== undefined && next.kind !== '|' && next.kind !== ')') {
      throw new TemplateError(token.at, `\`${token.text}\` is no function and takes no arguments`);
    }
    return { operands: [single] };
  }
  const unknown = unknownFunction(token);
  if (unknown !== undefined) throw unknown;
  reader.position++;
  const given = operands(reader);
  checkArity(token, given.length + (isFirst ? 0 : 1));
  checkFormat(token, given);
  return { name: token.text, operands: given };
}

function pipeline(reader: Reader): Pipeline {
  const commands = [command(reader, true)];
  while (peek(reader)?.kind === '|') {
    reader.position++;
    commands.push(command(reader, false));
  }
  return commands;
}

/** Reads the tokens of an action as one pipeline; `at` is where the action starts. Throws `TemplateError`. */
export function readPipeline(tokens: readonly Token[], at: number): Pipeline {
  const last = tokens.at(-1);
  const reader: Reader = {
    tokens,
    end: last === undefined ? at : last.at + last.text.length,
    position: 0,
    depth: 0,
  };
  const read = pipeline(reader);
  const rest = peek(reader);
  if (rest !== undefined) throw broken(rest.at, `\`${rest.text}\` is not expected here`);
  return read;
}

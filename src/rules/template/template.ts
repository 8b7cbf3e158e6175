import { LRUCache } from 'lru-cache';
import { errorMessage } from '../../lib/errors.ts';
import type { Labels } from '../../lib/labels.ts';
import { call, isTrue } from './functions.ts';
import { print, type Value } from './go-format.ts';
import {
  broken,
  type Operand,
  type Pipeline,
  type PipelineCommand,
  readPipeline,
  TemplateError,
  type TemplateToken,
  tokensOf,
} from './pipeline.ts';

/** The data of a template: the labels and the value of one element of the rule's result. */
export interface TemplateData {
  readonly labels: Labels;
  readonly value: number;
}

/** An error in a template, at an offset of its text. */
export interface TemplateProblem {
  readonly at: number;
  readonly message: string;
  /** Prometheus refuses the template as well. Otherwise it uses something that is not supported here. */
  readonly isBroken: boolean;
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if';
      readonly condition: Pipeline;
      readonly whenTrue: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** The tokens between `{{` and `}}`. */
interface Action {
  readonly tokens: readonly TemplateToken[];
  readonly at: number;
}

/** An open `if`. `else if` opens another one inside, which is closed by the same `end`. */
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
  /** Whether the template declares variables of its own. */
  readonly hasDeclarations: boolean;
}

function current({ root, stack }: Parsing): Node[] {
  const top = stack.at(-1);
  return top === undefined ? root : (top.otherwise ?? top.whenTrue);
}

const endOf = (token: TemplateToken | undefined): number =>
  token === undefined ? 0 : token.at + token.text.length;

function openIf(
  parsing: Parsing,
  { tokens, at }: Action,
  from: { skip: number; closesOuter: boolean },
): void {
  const opened: Open = { at, condition: [], whenTrue: [], closesOuter: from.closesOuter };
  // Opened even when its condition is wrong: otherwise its `end` would be reported as well.
  parsing.stack.push(opened);
  const condition = readPipeline(tokens.slice(from.skip), endOf(tokens[from.skip - 1]));
  parsing.stack[parsing.stack.length - 1] = { ...opened, condition };
}

function readElse(parsing: Parsing, action: Action): void {
  const top = parsing.stack.at(-1);
  if (top === undefined) throw broken(action.at, 'this `else` has no `if`');
  if (top.otherwise !== undefined) throw broken(action.at, 'this `if` has a second `else`');
  top.otherwise = [];
  const next = action.tokens[1];
  if (next === undefined) return;
  if (next.text !== 'if') throw new TemplateError(next.at, `unexpected \`${next.text}\``);
  openIf(parsing, action, { skip: 2, closesOuter: true });
}

function readEnd(parsing: Parsing, { at }: Action): void {
  let closed = parsing.stack.pop();
  if (closed === undefined) throw broken(at, 'this `end` has no `if`');
  for (; closed !== undefined; closed = closed.closesOuter ? parsing.stack.pop() : undefined) {
    const { condition, whenTrue, otherwise = [] } = closed;
    current(parsing).push({ kind: 'if', condition, whenTrue, otherwise });
  }
}

const UNSUPPORTED = /^(?:range|with|define|block|template|break|continue)$/;
/** Keywords whose block is closed by an `end`. */
const BLOCKS = /^(?:range|with|define|block)$/;

function refuseKeyword({ stack }: Parsing, { text, at }: TemplateToken): never {
  // Its `end` must close something, or it would be reported as well.
  if (BLOCKS.test(text)) stack.push({ at, condition: [], whenTrue: [], closesOuter: false });
  throw new TemplateError(at, `\`${text}\` is not supported in templates`);
}

function readAction(parsing: Parsing, action: Action): void {
  const [first] = action.tokens;
  if (first === undefined) throw broken(action.at, 'nothing between `{{` and `}}`');
  if (first.text === 'if') openIf(parsing, action, { skip: 1, closesOuter: false });
  else if (first.text === 'else') readElse(parsing, action);
  else if (first.text === 'end') readEnd(parsing, action);
  else if (UNSUPPORTED.test(first.text)) refuseKeyword(parsing, first);
  else current(parsing).push({ kind: 'output', pipeline: readPipeline(action.tokens, action.at) });
}

function tryAction(parsing: Parsing, action: Action): void {
  try {
    readAction(parsing, action);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { at, message, isBroken } = error;
    const [, variable] = /^undefined variable (.*)/.exec(message) ?? [];
    if (variable !== undefined && parsing.hasDeclarations) {
      // It may have been declared in the template.
      const unsupported = `${variable} is not supported: a template cannot have variables of its own`;
      parsing.problems.push({ at, message: unsupported, isBroken: false });
      return;
    }
    parsing.problems.push({ at, message, isBroken });
  }
}

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

const isComment = (body: string): boolean => /^\/\*[^]*\*\/$/.test(body);

/** `{{-` and `-}}` trim the blanks beside them, as in Go. */
function pushText(
  parsing: Parsing,
  text: string,
  trim: { readonly start: boolean; readonly end: boolean },
): void {
  const started = trim.start ? text.trimStart() : text;
  const trimmed = trim.end ? started.trimEnd() : started;
  if (trimmed !== '') current(parsing).push({ kind: 'text', text: trimmed });
}

/** The problem is an action that is not closed: what follows it is not read. */
function readTemplate(parsing: Parsing, template: string): TemplateProblem | undefined {
  let at = 0;
  let trimsNext = false;
  for (let open = template.indexOf('{{'); open !== -1; open = template.indexOf('{{', at)) {
    const close = closeOf(template, open + 2);
    if (close === undefined) return { at: open, message: 'this `{{` is not closed by `}}`', isBroken: true };
    const trimsBefore = /^-\s/.test(template.slice(open + 2, open + 4));
    const trimsAfter = /\s-$/.test(template.slice(close - 2, close));
    pushText(parsing, template.slice(at, open), { start: trimsNext, end: trimsBefore });
    const from = open + (trimsBefore ? 4 : 2);
    const to = Math.max(from, trimsAfter ? close - 2 : close);
    if (!isComment(template.slice(from, to).trim()))
      tryAction(parsing, { tokens: tokensOf(template, from, to), at: open });
    trimsNext = trimsAfter;
    at = close + 2;
  }
  pushText(parsing, template.slice(at), { start: trimsNext, end: false });
  return undefined;
}

/** A template, or everything that is wrong with it. */
interface Parsed {
  readonly nodes: readonly Node[];
  readonly problems: readonly TemplateProblem[];
}

function parseTemplate(template: string): Parsed {
  const parsing: Parsing = { root: [], stack: [], problems: [], hasDeclarations: template.includes(':=') };
  const unclosed = readTemplate(parsing, template);
  const open = parsing.stack
    .filter(({ closesOuter }) => !closesOuter)
    .map(({ at }) => ({ at, message: 'this `if` has no `end`', isBroken: true }));
  return {
    nodes: parsing.root,
    problems: [...parsing.problems, ...open, ...(unclosed === undefined ? [] : [unclosed])],
  };
}

function evaluate(operand: Operand, data: TemplateData): Value {
  switch (operand.kind) {
    case 'labels':
      return { type: 'labels', labels: data.labels };
    case 'label':
      // A missing label is an empty text: Prometheus expands with missingkey=zero.
      return {
        type: 'string',
        text: Object.hasOwn(data.labels, operand.name) ? (data.labels[operand.name] ?? '') : '',
      };
    case 'value':
      return { type: 'float', number: data.value };
    case 'literal':
      return operand.value;
    case 'pipeline':
      return run(operand.pipeline, data);
  }
}

function runCommand({ name, operands }: PipelineCommand, data: TemplateData, piped: readonly Value[]): Value {
  const args = operands.map((operand) => evaluate(operand, data));
  if (name !== undefined) return call(name, [...args, ...piped]);
  return args[0] ?? { type: 'string', text: '' };
}

function run(pipeline: Pipeline, data: TemplateData): Value {
  let piped: readonly Value[] = [];
  for (const command of pipeline) piped = [runCommand(command, data, piped)];
  return piped[0] ?? { type: 'string', text: '' };
}

function write(nodes: readonly Node[], data: TemplateData): string {
  return nodes
    .map((node) => {
      if (node.kind === 'text') return node.text;
      if (node.kind === 'output') return print(run(node.pipeline, data));
      return write(isTrue(run(node.condition, data)) ? node.whenTrue : node.otherwise, data);
    })
    .join('');
}

/** Parsed templates that are kept: more than rule files have. */
const MAX_TEMPLATES = 10_000;

const parsed = new LRUCache<string, Parsed>({ max: MAX_TEMPLATES });

function parsedOnce(template: string): Parsed {
  const known = parsed.get(template);
  if (known !== undefined) return known;
  const result = parseTemplate(template);
  parsed.set(template, result);
  return result;
}

/** The errors in a template, and what is not supported in it; empty when there are none. */
export const templateProblems = (text: string): readonly TemplateProblem[] => parseTemplate(text).problems;

/**
 * Expands a template of a label or an annotation as Prometheus does: Go's text/template, with the functions that need
 * only the alert. A template with errors is returned as it is written. Never throws: like Prometheus, it returns
 * `<error expanding template: ...>`. Parsed templates are cached.
 */
export function expandTemplate(text: string, data: TemplateData): string {
  if (!text.includes('{{')) return text;
  const { nodes, problems } = parsedOnce(text);
  if (problems.length > 0) return text;
  try {
    return write(nodes, data);
  } catch (error) {
    return `<error expanding template: ${errorMessage(error)}>`;
  }
}

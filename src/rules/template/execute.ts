import type { Sample } from '../../lib/metrics-source.ts';
import { type EpochMs, epochMs } from '../../lib/units.ts';
import { callFunction, callShortCircuit, isShortCircuit } from './functions.ts';
import { print } from './go-format.ts';
import { durationText, formatTime, timeText } from './go-time.ts';
import type { Node, ParsedTemplate } from './parse.ts';
import type { Operand, Pipeline, PipelineCommand } from './pipeline.ts';
import {
  elementsOf,
  float,
  GO_TYPES,
  int,
  isTrue,
  NIL,
  stringOf,
  text,
  type Value,
  wrongType,
} from './value.ts';

type Method<Receiver> = (receiver: Receiver, args: readonly Value[]) => Value;

const numberIn = (value: Value = NIL): number => {
  if (value.type !== 'int') throw wrongType('int', value);
  return value.number;
};

function addDate(date: Date, args: readonly Value[]): Value {
  const [years, months, days] = [numberIn(args[0]), numberIn(args[1]), numberIn(args[2])];
  const added = new Date(date);
  added.setUTCFullYear(date.getUTCFullYear() + years, date.getUTCMonth() + months, date.getUTCDate() + days);
  return { type: 'time', at: epochMs(added.getTime()) };
}

const TIME_METHODS: Readonly<Record<string, Method<Date>>> = {
  Format: (date, [layout]) => text(formatTime(epochMs(date.getTime()), stringOf(layout))),
  String: (date) => text(timeText(epochMs(date.getTime()))),
  UTC: (date) => ({ type: 'time', at: epochMs(date.getTime()) }),
  Unix: (date) => int(Math.floor(date.getTime() / 1_000)),
  UnixMilli: (date) => int(date.getTime()),
  Year: (date) => int(date.getUTCFullYear()),
  Month: (date) => text(formatTime(epochMs(date.getTime()), 'January')),
  Day: (date) => int(date.getUTCDate()),
  Weekday: (date) => text(formatTime(epochMs(date.getTime()), 'Monday')),
  YearDay: (date) => int(Number(formatTime(epochMs(date.getTime()), '002'))),
  Hour: (date) => int(date.getUTCHours()),
  Minute: (date) => int(date.getUTCMinutes()),
  Second: (date) => int(date.getUTCSeconds()),
  AddDate: addDate,
  Add: (date, [duration = NIL]) => {
    if (duration.type !== 'duration') throw wrongType('time.Duration', duration);
    return { type: 'time', at: epochMs(date.getTime() + duration.nanoseconds / 1e6) };
  },
};

const DURATION_METHODS: Readonly<Record<string, Method<number>>> = {
  Hours: (nanoseconds) => float(nanoseconds / 3.6e12),
  Minutes: (nanoseconds) => float(nanoseconds / 6e10),
  Seconds: (nanoseconds) => float(nanoseconds / 1e9),
  Milliseconds: (nanoseconds) => int(Math.trunc(nanoseconds / 1e6)),
  Nanoseconds: (nanoseconds) => int(nanoseconds),
  String: (nanoseconds) => text(durationText(nanoseconds)),
};

/**
 * Calls a method of a time or a duration: those that need no zone.
 * @throws Error in Go's words when there is none.
 */
function callMethod(receiver: Value, name: string, args: readonly Value[]): Value {
  const missing = new Error(`can't evaluate field ${name} in type ${GO_TYPES[receiver.type]}`);
  if (receiver.type === 'time') {
    const method = Object.hasOwn(TIME_METHODS, name) ? TIME_METHODS[name] : undefined;
    if (method !== undefined) return method(new Date(receiver.at), args);
  }
  if (receiver.type === 'duration') {
    const method = Object.hasOwn(DURATION_METHODS, name) ? DURATION_METHODS[name] : undefined;
    if (method !== undefined) return method(receiver.nanoseconds, args);
  }
  throw missing;
}

/** What functions need besides their arguments. */
export interface FunctionContext {
  /** The evaluation time. */
  readonly at: EpochMs;
  /** The address of Prometheus for people. */
  readonly externalUrl: string;
  /** The result of a query at the evaluation time. Throws when there is none. */
  readonly query: (expr: string) => readonly Sample[];
}

/** The limit of executed nodes: a loop in a loop over thousands of series must not block the process. */
const MAX_STEPS = 100_000;

/** The limit of templates that use each other. */
const MAX_TEMPLATES = 100;

/** A variable of a template. */
export interface TemplateVariable {
  readonly name: string;
  value: Value;
}

interface Execution {
  readonly template: ParsedTemplate;
  readonly context: FunctionContext;
  /** In scope, the innermost last. */
  variables: TemplateVariable[];
  dot: Value;
  readonly written: string[];
  steps: number;
  depth: number;
}

/** How a list of nodes ended. */
type Control = 'next' | 'break' | 'continue';

function step(execution: Execution): void {
  execution.steps++;
  if (execution.steps > MAX_STEPS) throw new Error('the template takes too long');
}

/** Runs with another dot and further variables, which are out of scope afterwards. */
function inScope(execution: Execution, dot: Value, run: () => Control): Control {
  const { dot: outer, variables } = execution;
  const known = variables.length;
  execution.dot = dot;
  const control = run();
  execution.dot = outer;
  variables.length = known;
  return control;
}

/** The fields of a sample. Source: prometheus template/template.go, type sample. */
const SAMPLE_FIELDS: Readonly<Record<string, (sample: Sample) => Value>> = {
  Labels: ({ labels }) => ({ type: 'labels', labels }),
  Value: ({ value }) => float(value),
};

const own = <T>(entries: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(entries, name) ? entries[name] : undefined;

/** The field of a value, if it has one of this name. */
function knownField(value: Value, field: string): Value | undefined {
  switch (value.type) {
    case 'data':
      return own(value.fields, field);
    case 'sample':
      return own(SAMPLE_FIELDS, field)?.(value.sample);
    case 'time':
    case 'duration':
      return callMethod(value, field, []);
    case 'nil':
      return NIL;
    default:
      return undefined;
  }
}

/** A field of a value. A missing label is empty, a missing argument is nil: Prometheus expands with missingkey=zero. */
function fieldOf(value: Value, field: string): Value {
  if (value.type === 'labels') return text(own(value.labels, field) ?? '');
  if (value.type === 'map') return own(value.entries, field) ?? NIL;
  const known = knownField(value, field);
  if (known === undefined) throw new Error(`can't evaluate field ${field} in type ${GO_TYPES[value.type]}`);
  return known;
}

function sourceOf(execution: Execution, { source }: Operand): Value {
  switch (source.kind) {
    case 'literal':
      return source.value;
    case 'dot':
      return execution.dot;
    case 'variable':
      return execution.variables.findLast(({ name }) => name === source.name)?.value ?? NIL;
    case 'function':
      return callFunction(source.name, [], execution.context);
    case 'pipeline':
      return evaluate(execution, source.pipeline);
  }
}

const valueOf = (execution: Execution, operand: Operand): Value =>
  operand.fields.reduce(fieldOf, sourceOf(execution, operand));

/** A call of the last field as a method: `(toTime $value).Format "15:04"`. */
function methodResult(execution: Execution, operand: Operand, args: readonly Value[]): Value {
  const method = operand.fields.at(-1);
  if (method === undefined) throw new Error(`can't give argument to non-function ${operand.text}`);
  const receiver = operand.fields.slice(0, -1).reduce(fieldOf, sourceOf(execution, operand));
  return callMethod(receiver, method, args);
}

function run(execution: Execution, { operand, args }: PipelineCommand, piped: readonly Value[]): Value {
  step(execution);
  const { source } = operand;
  const argument = (each: Operand): Value => valueOf(execution, each);
  if (source.kind === 'function') {
    if (isShortCircuit(source.name)) {
      const lazy = args.map((each) => (): Value => argument(each));
      const shortcut = callShortCircuit(source.name, [...lazy, ...piped.map((value) => (): Value => value)]);
      if (shortcut !== undefined) return shortcut;
    }
    return callFunction(source.name, [...args.map(argument), ...piped], execution.context);
  }
  if (args.length + piped.length === 0) return valueOf(execution, operand);
  return methodResult(execution, operand, [...args.map(argument), ...piped]);
}

function assign({ variables }: Execution, { variables: names, isDeclaration }: Pipeline, value: Value): void {
  for (const name of names) {
    const known = isDeclaration ? undefined : variables.findLast((variable) => variable.name === name);
    if (known === undefined) variables.push({ name, value });
    else known.value = value;
  }
}

function evaluate(execution: Execution, pipeline: Pipeline): Value {
  if (pipeline.failure !== undefined) throw new Error(pipeline.failure);
  let piped: readonly Value[] = [];
  for (const command of pipeline.commands) piped = [run(execution, command, piped)];
  return piped[0] ?? NIL;
}

/** The value of a pipeline, which its variables are set to. */
function evaluateAndAssign(execution: Execution, pipeline: Pipeline): Value {
  const value = evaluate(execution, pipeline);
  assign(execution, pipeline, value);
  return value;
}

type BlockNode = Extract<Node, { readonly body: readonly Node[] }>;

/** One variable of a `range` is the element, two are its key and the element. */
function assignElement(
  execution: Execution,
  { pipeline }: BlockNode,
  [key, element]: readonly [key: Value, element: Value],
): void {
  const [first, second] = pipeline.variables;
  if (first === undefined) return;
  const names = second === undefined ? [first] : [second];
  if (second !== undefined) assign(execution, { ...pipeline, variables: [first] }, key);
  assign(execution, { ...pipeline, variables: names }, element);
}

function writeRange(execution: Execution, node: BlockNode): Control {
  const value = evaluate(execution, node.pipeline);
  const elements = value.type === 'nil' ? [] : elementsOf(value);
  if (elements === undefined) throw new Error(`range can't iterate over ${print(value)}`);
  if (elements.length === 0)
    return inScope(execution, execution.dot, () => writeNodes(execution, node.otherwise));
  for (const pair of elements) {
    step(execution);
    const control = inScope(execution, pair[1], () => {
      assignElement(execution, node, pair);
      return writeNodes(execution, node.body);
    });
    if (control === 'break') break;
  }
  return 'next';
}

function writeBranch(execution: Execution, node: BlockNode): Control {
  return inScope(execution, execution.dot, () => {
    const value = evaluateAndAssign(execution, node.pipeline);
    if (!isTrue(value)) return writeNodes(execution, node.otherwise);
    return inScope(execution, node.kind === 'with' ? value : execution.dot, () =>
      writeNodes(execution, node.body),
    );
  });
}

/** A template inside of another one sees none of its variables. */
function writeTemplate(execution: Execution, { name, pipeline }: Extract<Node, { kind: 'template' }>): void {
  const nodes = execution.template.definitions.get(name);
  if (nodes === undefined) throw new Error(`template ${JSON.stringify(name)} not defined`);
  execution.depth++;
  if (execution.depth > MAX_TEMPLATES) throw new Error('exceeded maximum template depth');
  const dot = pipeline === undefined ? NIL : evaluateAndAssign(execution, pipeline);
  const { variables } = execution;
  execution.variables = [{ name: '$', value: dot }];
  inScope(execution, dot, () => writeNodes(execution, nodes));
  execution.variables = variables;
  execution.depth--;
}

function writeNode(execution: Execution, node: Node): Control {
  step(execution);
  switch (node.kind) {
    case 'text':
      execution.written.push(node.text);
      return 'next';
    case 'output': {
      const value = evaluateAndAssign(execution, node.pipeline);
      if (node.pipeline.variables.length === 0) execution.written.push(print(value));
      return 'next';
    }
    case 'if':
    case 'with':
      return writeBranch(execution, node);
    case 'range':
      return writeRange(execution, node);
    case 'template':
      writeTemplate(execution, node);
      return 'next';
    case 'break':
    case 'continue':
      return node.kind;
  }
}

function writeNodes(execution: Execution, nodes: readonly Node[]): Control {
  for (const node of nodes) {
    const control = writeNode(execution, node);
    if (control !== 'next') return control;
  }
  return 'next';
}

/**
 * Writes a template about `dot`.
 * @throws Error in Go's words, without the position in the template.
 */
export function execute(
  template: ParsedTemplate,
  dot: Value,
  given: { readonly variables: readonly TemplateVariable[]; readonly context: FunctionContext },
): string {
  const variables = [{ name: '$', value: dot }, ...given.variables];
  const execution: Execution = {
    template,
    context: given.context,
    variables,
    dot,
    written: [],
    steps: 0,
    depth: 0,
  };
  writeNodes(execution, template.nodes);
  return execution.written.join('');
}

import type { Labels } from '../../lib/labels.ts';
import { call, isTrue } from './functions.ts';
import { print } from './go-format.ts';
import { parseTemplate } from './parse.ts';
import type { Command, Node, Operand, Pipeline, TemplateProblem, Value } from './syntax.ts';

export type { TemplateProblem } from './syntax.ts';

/** What a template is expanded with: the labels and the value of one element of the rule's result. */
export interface TemplateData {
  readonly labels: Labels;
  readonly value: number;
}

function evaluate(operand: Operand, data: TemplateData): Value {
  switch (operand.kind) {
    case 'labels':
      return { type: 'labels', labels: data.labels };
    case 'label':
      // A label that is not there is an empty text: Prometheus expands with missingkey=zero.
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

function runCommand({ name, operands }: Command, data: TemplateData, piped: readonly Value[]): Value {
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

/** What is wrong with a template, or not supported in it; empty when nothing is. Offsets count in its text. */
export const templateProblems = (text: string): readonly TemplateProblem[] => parseTemplate(text).problems;

type Parsed = ReturnType<typeof parseTemplate>;

function expand(text: string, data: TemplateData, read: (text: string) => Parsed): string {
  if (!text.includes('{{')) return text;
  const { nodes, problems } = read(text);
  if (problems.length > 0) return text;
  try {
    return write(nodes, data);
  } catch (error) {
    return `<error expanding template: ${error instanceof Error ? error.message : String(error)}>`;
  }
}

/**
 * Expands a template of a label or an annotation as Prometheus would: Go's text/template, with the functions that need
 * nothing but the alert; a template that uses anything else is given back as it is. Never throws: like Prometheus, it
 * gives `<error expanding template: ...>`.
 */
export const expandTemplate = (text: string, data: TemplateData): string => expand(text, data, parseTemplate);

/** More templates than rule files have; reloads bring others, and what is forgotten is read again. */
const MOST_TEMPLATES = 10_000;

/** `expandTemplate` for a program that runs: it reads each template once, however often a rule breaches. */
export function createExpandTemplate(): typeof expandTemplate {
  const known = new Map<string, Parsed>();
  const read = (text: string): Parsed => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= MOST_TEMPLATES) known.clear();
    const parsed = parseTemplate(text);
    known.set(text, parsed);
    return parsed;
  };
  return (text, data) => expand(text, data, read);
}

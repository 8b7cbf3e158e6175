import { LRUCache } from 'lru-cache';
import { errorMessage } from '../../lib/errors.ts';
import type { Labels } from '../../lib/labels.ts';
import type { Sample } from '../../lib/metrics-source.ts';
import { type EpochMs, epochMs } from '../../lib/units.ts';
import { execute, type FunctionContext } from './execute.ts';
import { MissingQuery } from './functions.ts';
import { namesIn, nodesOf, type ParsedTemplate, parseTemplate, type TemplateProblem } from './parse.ts';
import { float, text, type Value } from './value.ts';

export type { TemplateProblem } from './parse.ts';

/** The data of a template: the labels and the value of one element of the rule's result. */
export interface TemplateData {
  readonly labels: Labels;
  readonly value: number;
}

/** The result of a query in a template, or why there is none. */
export type TemplateAnswer =
  | { readonly kind: 'samples'; readonly samples: readonly Sample[] }
  | {
      readonly kind: 'failure';
      readonly reason: string;
      /** The source did not answer: another attempt may succeed. */
      readonly isSourceError?: boolean;
    };

/** What a template may read besides its data. */
export interface TemplateContext {
  /** The evaluation time, for `now`. */
  readonly at?: EpochMs;
  /** The address of Prometheus for people. */
  readonly externalUrl?: string;
  /** The results of its queries by expression. */
  readonly answers?: ReadonlyMap<string, TemplateAnswer>;
}

/** Parsed templates that are kept: more than rule files have. */
const MAX_TEMPLATES = 10_000;

const parsed = new LRUCache<string, ParsedTemplate>({ max: MAX_TEMPLATES });

function parsedOnce(template: string): ParsedTemplate {
  const known = parsed.get(template);
  if (known !== undefined) return known;
  const result = parseTemplate(template);
  parsed.set(template, result);
  return result;
}

function contextOf({ at = epochMs(0), externalUrl = '', answers }: TemplateContext): FunctionContext {
  const query = (expr: string): readonly Sample[] => {
    const answer = answers?.get(expr);
    if (answer === undefined) throw new MissingQuery(expr);
    if (answer.kind === 'failure') throw new Error(answer.reason);
    return answer.samples;
  };
  return { at, externalUrl, query };
}

/** The external labels of Prometheus's configuration, which the bot does not know. */
const NO_LABELS: Value = { type: 'labels', labels: {} };

/** Expands a template without catching what it throws. */
function expanded(template: string, { labels, value }: TemplateData, context: TemplateContext): string {
  const result = parsedOnce(template);
  const wrong = result.problems.find(({ isBroken }) => isBroken);
  if (wrong !== undefined) throw new Error(wrong.message);
  const ofElement: Value = { type: 'labels', labels };
  const externalUrl = text(context.externalUrl ?? '');
  const ofSample = float(value);
  const fields: Readonly<Record<string, Value>> = {
    Labels: ofElement,
    ExternalLabels: NO_LABELS,
    ExternalURL: externalUrl,
    Value: ofSample,
  };
  const variables = [
    { name: '$labels', value: ofElement },
    { name: '$externalLabels', value: NO_LABELS },
    { name: '$externalURL', value: externalUrl },
    { name: '$value', value: ofSample },
  ];
  return execute(result, { type: 'data', fields }, { variables, context: contextOf(context) });
}

/**
 * Expands a template of a label or an annotation as Prometheus does. Never throws: like Prometheus, it returns
 * `<error expanding template: ...>`. Parsed templates are cached.
 */
export function expandTemplate(template: string, data: TemplateData, context: TemplateContext = {}): string {
  if (!template.includes('{{')) return template;
  try {
    return expanded(template, data, context);
  } catch (error) {
    return `<error expanding template: ${errorMessage(error)}>`;
  }
}

/** The next query whose result an expansion needs: in `answers` it is missing. Undefined when it needs none. */
export function nextQuery(
  template: string,
  data: TemplateData,
  context: TemplateContext,
): string | undefined {
  try {
    expanded(template, data, context);
  } catch (error) {
    if (error instanceof MissingQuery) return error.expr;
  }
  return undefined;
}

const uses = (template: string, names: ReadonlySet<string>): boolean =>
  template.includes('{{') &&
  nodesOf(parsedOnce(template)).some((node) => namesIn(node).some((name) => names.has(name)));

const QUERY: ReadonlySet<string> = new Set(['query']);
const EXTERNAL_LABELS: ReadonlySet<string> = new Set(['$externalLabels', '.ExternalLabels']);
const VALUE: ReadonlySet<string> = new Set(['$value', '.Value']);

/** Whether a template sends queries. */
export const hasQueries = (template: string): boolean => uses(template, QUERY);

/** Whether a template reads Prometheus's external labels, which are empty here. */
export const readsExternalLabels = (template: string): boolean => uses(template, EXTERNAL_LABELS);

/** Whether a template prints the value itself, and not only decides by it. */
export const printsValue = (template: string): boolean =>
  template.includes('{{') &&
  nodesOf(parsedOnce(template)).some(
    (node) => node.kind === 'output' && namesIn(node).some((name) => VALUE.has(name)),
  );

/** The errors in a template; empty when there are none. */
export const templateProblems = (template: string): readonly TemplateProblem[] =>
  parseTemplate(template).problems;

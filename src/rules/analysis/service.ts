import type { SyntaxNode } from '@lezer/common';
import { type Labels, serviceLabelOf } from '../../lib/labels.ts';
import type { ServiceSource } from '../rule.ts';
import { type Shape, shapeOf, shapeOfNode } from './shape.ts';
import {
  childrenOf,
  equalitiesOf,
  isAbsence,
  labelsIn,
  matchersOf,
  metricNameOf,
  nodesOf,
  parseExpression,
  textOf,
  withoutComments,
} from './syntax.ts';

/** The labels of an expression's elements, as far as the expression itself shows. */
export interface ResultLabels {
  readonly names: readonly string[];
  /** There are no others. */
  readonly isComplete: boolean;
}

const NONE: ResultLabels = { names: [], isComplete: true };
const UNKNOWN: ResultLabels = { names: [], isComplete: false };

const merged = (all: readonly ResultLabels[]): ResultLabels => ({
  names: [...new Set(all.flatMap(({ names }) => names))],
  isComplete: all.every(({ isComplete }) => isComplete),
});

/** Aggregations that keep the labels of their elements; `by` only forms groups. */
const KEEPING = /^(?:topk|bottomk|limitk|limit_ratio)$/i;

function ofAggregate(expr: string, node: SyntaxNode): ResultLabels {
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  const last = args.at(-1);
  const name = textOf(expr, node.getChild('AggregateOp'));
  const modifier = node.getChild('AggregateModifier');
  if (last !== undefined && KEEPING.test(name)) return ofNode(expr, last);
  // `count_values("version", x)` names a label of its own.
  const own = /^count_values$/i.test(name) ? [textOf(expr, args[0]).slice(1, -1)] : [];
  if (modifier === null) return { names: own, isComplete: true };
  const grouping = labelsIn(expr, modifier.getChild('GroupingLabels'));
  if (modifier.getChild('By') !== null) return { names: [...grouping, ...own], isComplete: true };
  const inner = last === undefined ? UNKNOWN : ofNode(expr, last);
  return { ...inner, names: inner.names.filter((label) => !grouping.includes(label)) };
}

/** The labels that the selectors in a node compare with a value: `absent()` returns those. */
function ofSelectors(expr: string, node: SyntaxNode): readonly string[] {
  if (node.name === 'VectorSelector') return equalitiesOf(expr, node).map(({ label }) => label);
  return childrenOf(node).flatMap((child) => ofSelectors(expr, child));
}

function ofCall(expr: string, node: SyntaxNode): ResultLabels {
  const identifier = node.getChild('FunctionIdentifier');
  const name = textOf(expr, identifier);
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  if (identifier !== null && isAbsence(expr, identifier))
    return { names: ofSelectors(expr, node), isComplete: true };
  if (/^(?:vector|scalar|time|pi)$/.test(name)) return NONE;
  const of = args.find(({ name: type }) => !type.endsWith('Literal'));
  const inner = of === undefined ? NONE : ofNode(expr, of);
  if (name === 'histogram_quantile')
    return { ...inner, names: inner.names.filter((label) => label !== 'le') };
  if (name !== 'label_replace' && name !== 'label_join') return inner;
  return { ...inner, names: [...inner.names, textOf(expr, args[1]).slice(1, -1)] };
}

function ofNode(expr: string, node: SyntaxNode): ResultLabels {
  switch (node.name) {
    case 'ParenExpr':
    case 'BinaryExpr':
      return ofShape(expr, shapeOfNode(expr, node));
    case 'AggregateExpr':
      return ofAggregate(expr, node);
    case 'FunctionCall':
      return ofCall(expr, node);
    case 'VectorSelector':
      return { names: equalitiesOf(expr, node).map(({ label }) => label), isComplete: false };
    case 'NumberDurationLiteral':
    case 'StringLiteral':
      return NONE;
    default: {
      // Signs, ranges, `offset` and `@` keep the labels of what they belong to.
      const inner = childrenOf(node).find(({ name }) => /(?:Expr|Selector|Call)$/.test(name));
      return inner === undefined ? UNKNOWN : ofNode(expr, inner);
    }
  }
}

function ofShape(expr: string, shape: Shape): ResultLabels {
  switch (shape.kind) {
    case 'filter':
      return ofShape(expr, shape.of);
    case 'match':
      return ofShape(expr, shape.left);
    case 'set': {
      const left = ofShape(expr, shape.left);
      return shape.operator === 'or' ? merged([left, ofShape(expr, shape.right)]) : left;
    }
    case 'vector':
      // Of operands that are joined on labels, each may bring its own.
      return merged(shape.operands.map((operand) => ofNode(expr, operand)));
  }
}

/** The labels of the elements that an expression without comments returns. */
function resultLabelsOf(expr: string): ResultLabels {
  return ofShape(expr, shapeOf(expr));
}

/** Labels of rules that SLO generators write. */
const GENERATOR_LABELS = ['sloth_service', 'openslo_service', 'slo_service'] as const;

/**
 * Metrics of exporters that are about other objects than the process they are scraped from: a label `service` or `app` of
 * theirs is that of the exporter. Source: kube-state-metrics, cAdvisor, kubelet, node_exporter and blackbox_exporter.
 */
const EXPORTERS = /^(?:kube|container|kubelet|cadvisor|machine|node|probe)_/;

/** A value that a matcher alone allows: `="a"`, and `=~"a"` without any special character. */
const isExact = ({ operator, value }: { operator: string; value: string }): boolean =>
  value !== '' && (operator === '=' || (operator === '=~' && /^[\w-]+$/.test(value)));

/** The preferred service label that selectors compare with one value only. */
export function serviceMatcherOf(
  expr: string,
  selectors: readonly SyntaxNode[],
): { readonly label: string; readonly value: string } | undefined {
  const values = new Map<string, Set<string>>();
  for (const selector of selectors)
    for (const matcher of matchersOf(expr, selector))
      if (isExact(matcher))
        values.set(matcher.label, (values.get(matcher.label) ?? new Set()).add(matcher.value));
  const single = [...values].filter(([, found]) => found.size === 1);
  const label = serviceLabelOf(single.map(([name]) => name));
  const [value] = label === undefined ? [] : (values.get(label) ?? []);
  return label === undefined || value === undefined ? undefined : { label, value };
}

const given = (labels: Labels): readonly string[] =>
  Object.keys(labels).filter((name) => labels[name] !== '');

/** The selectors of the metrics that are not about an exporter itself. */
function selectorsIn(expr: string) {
  const selectors = [...nodesOf(parseExpression(expr))].filter(({ name }) => name === 'VectorSelector');
  const own = selectors.filter((node) => !EXPORTERS.test(metricNameOf(expr, node) ?? ''));
  return { own, isOfExporters: own.length === 0 && selectors.length > 0 };
}

/**
 * Where the service of an alert is read from that was received with all its labels: which of them the rule added is not
 * known. Those of an exporter's series are not about a service.
 */
export function serviceSourceOfAlert(expr: string, labels: Labels): ServiceSource {
  return serviceSourceOf(expr, selectorsIn(withoutComments(expr)).isOfExporters ? {} : labels);
}

/**
 * Where the service of a hand-written rule is read from: a label of its series or of the rule, else the only service that
 * its selectors name, else the label of a generator.
 */
export function serviceSourceOf(text: string, labels: Labels): ServiceSource {
  const expr = withoutComments(text);
  const { own, isOfExporters } = selectorsIn(expr);
  const series = isOfExporters ? { names: [], isComplete: true } : resultLabelsOf(expr);
  const label = serviceLabelOf([...series.names, ...given(labels)]);
  if (label !== undefined) return { from: 'label', label };
  const matcher = serviceMatcherOf(expr, own);
  if (matcher !== undefined) return { from: 'matcher', ...matcher };
  const generated = GENERATOR_LABELS.find((name) => (labels[name] ?? '') !== '');
  if (!series.isComplete) return { from: 'series', otherwise: generated };
  return generated === undefined ? { from: 'none' } : { from: 'label', label: generated };
}

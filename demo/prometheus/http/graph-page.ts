import { formatDuration, HOUR, type Milliseconds, parseDuration } from '../../../src/lib/units.ts';
import { formatMetric } from '../labels.ts';
import { typeOf } from '../promql/check-types.ts';
import { QueryError } from '../promql/errors.ts';
import type { BinaryOperator, Expression } from '../promql/expression.ts';
import { parseExpression } from '../promql/parse.ts';
import { type QueryResult, queryInstant, queryRange } from '../promql/query.ts';
import type { ApiContext } from './api.ts';
import { chartHtml, escapeHtml } from './chart.ts';
import type { Parameters } from './parameters.ts';
import { parseInstant } from './parameters.ts';
import { formatScalar, formatValue } from './wire.ts';

const DEFAULT_RANGE = HOUR;
/** Points in a chart: as many as Prometheus's own page requests. */
const RESOLUTION = 250;
const MOST_PANELS = 8;

const STYLE = `
:root { color-scheme: light; --line: #e3e7eb; --ink: #1c2733; --faint: #66727e; --brand: #1971c2; --bad: #d9480f; }
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 0; color: var(--ink); background: #f5f7f9; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 20px; padding: 10px 20px; background: #212b45; color: #aeb9d1; font-size: 13px; }
header b { color: #fff; font-size: 15px; } header i { color: #fff; font-style: normal; border-bottom: 2px solid #e6522c; }
main { max-width: 1280px; margin: 0 auto; padding: 16px 20px 40px; }
section { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 14px 16px; margin: 0 0 14px; }
form { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 10px; }
input, button { font: inherit; padding: 6px 9px; border: 1px solid #bcc6d0; border-radius: 4px; background: #fff; min-width: 0; }
input[name$=expr] { flex: 1 1 100%; font-family: ui-monospace, monospace; font-size: 13px; }
input[name$=end_input] { flex: 0 1 200px; }
button { background: var(--brand); border-color: var(--brand); color: #fff; padding: 6px 18px; cursor: pointer; }
h2 { font-size: 12px; margin: 14px 0 6px; color: var(--faint); }
p { margin: 0 0 8px; color: var(--faint); }
.plot { position: relative; height: 260px; margin: 12px 6px 0 62px; border-left: 1px solid var(--line); }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot i { position: absolute; left: 0; right: 0; border-top: 1px solid var(--line); font: 11px/0 system-ui, sans-serif; color: var(--faint); text-indent: -58px; white-space: nowrap; }
.plot u { position: absolute; left: 0; right: 0; border-top: 2px dashed var(--bad); text-decoration: none; text-align: right; font-size: 11px; color: var(--bad); }
.plot u span { background: #ffffffcc; padding: 0 4px; }
.times { display: flex; justify-content: space-between; margin: 4px 6px 0 62px; font-size: 11px; color: var(--faint); }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--line); padding: 5px 8px; font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
td:last-child { text-align: right; }
.legend { font: 12px/1.6 ui-monospace, monospace; list-style: none; padding: 0; margin: 10px 0 0; overflow-wrap: anywhere; }
.error { color: #c4231a; font-family: ui-monospace, monospace; }
@media (max-width: 600px) { main { padding: 10px; } section { padding: 10px; } .times span:nth-child(even) { display: none; } }`;

/** One expression with its window, as the addresses of Prometheus's pages carry it (`g0.expr`, `g0.range_input`, ...). */
interface Panel {
  readonly index: number;
  readonly expression: string;
  /** Length of the chart in ms. */
  readonly range: Milliseconds;
  readonly end: number;
  readonly endInput: string;
}

function positiveDuration(text: string): Milliseconds | undefined {
  const duration = parseDuration(text);
  return duration === 0 ? undefined : duration;
}

function panelsOf(context: ApiContext, parameters: Parameters): readonly Panel[] {
  const panels: Panel[] = [];
  for (let index = 0; index < MOST_PANELS; index++) {
    const expression = parameters.first(`g${index}.expr`);
    if (expression === '' && index > 0) break;
    const endInput = parameters.first(`g${index}.end_input`) || parameters.first(`g${index}.moment_input`);
    panels.push({
      index,
      expression,
      range: positiveDuration(parameters.first(`g${index}.range_input`)) ?? DEFAULT_RANGE,
      // Prometheus writes "2026-11-20 19:24:55", in UTC.
      end: parseInstant(`${endInput.replace(' ', 'T')}Z`) ?? parseInstant(endInput) ?? context.now(),
      endInput,
    });
  }
  return panels;
}

function table(result: QueryResult): string {
  const row = (name: string, value: string): string =>
    `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`;
  switch (result.type) {
    case 'scalar':
      return `<table>${row('scalar', formatScalar(result.point.value))}</table>`;
    case 'string':
      return `<table>${row('string', result.text)}</table>`;
    case 'vector':
      if (result.samples.length === 0) return '<p>Empty query result.</p>';
      return `<table>${result.samples.map(({ labels, value }) => row(formatMetric(labels), formatValue(value))).join('')}</table>`;
    case 'matrix':
      return `<table>${result.series
        .map(({ labels, points }) =>
          row(
            formatMetric(labels),
            points.map(({ t, value }) => `${formatValue(value)} @${t / 1_000}`).join(' '),
          ),
        )
        .join('')}</table>`;
  }
}

const COMPARISONS: ReadonlySet<BinaryOperator> = new Set(['>', '<', '>=', '<=']);

/** The number of `vector(500)`. */
function constantOf(expression: Expression): number | undefined {
  if (expression.kind !== 'call' || expression.name !== 'vector') return undefined;
  const [value] = expression.args;
  return value?.kind === 'number' ? value.value : undefined;
}

/**
 * An expression that compares with a number, or that has one beside it (`x or vector(500)`), is drawn without the comparison, and the number as a line: filtered, its chart
 * would show only what breaches. What stands behind `and` and `unless` filters further, and is left out as well.
 */
function withoutThreshold(expression: Expression): { expression: Expression; threshold?: number } {
  if (expression.kind !== 'binary' || expression.returnsBool) return { expression };
  const { operator, left, right } = expression;
  if (operator === 'and' || operator === 'unless') {
    const compared = withoutThreshold(left);
    return compared.threshold === undefined ? { expression } : compared;
  }
  const line = operator === 'or' ? constantOf(right) : undefined;
  if (line !== undefined) return { expression: left, threshold: line };
  if (!COMPARISONS.has(operator)) return { expression };
  if (right.kind === 'number') return { expression: left, threshold: right.value };
  return left.kind === 'number' ? { expression: right, threshold: left.value } : { expression };
}

async function chart(context: ApiContext, panel: Panel, whole: Expression): Promise<string> {
  const type = typeOf(whole);
  if (type !== 'scalar' && type !== 'instant vector') return '';
  const { expression, threshold } = withoutThreshold(whole);
  const step = Math.max(1_000, Math.floor(panel.range / RESOLUTION / 1_000) * 1_000);
  const window = { start: panel.end - panel.range, end: panel.end, step };
  const result = await queryRange(context.settings, expression, window);
  return result.type === 'matrix' ? chartHtml(result.series, { ...window, threshold }) : '';
}

async function panelHtml(context: ApiContext, panel: Panel): Promise<string> {
  const name = `g${panel.index}`;
  const form = `<form><input name="${name}.expr" value="${escapeHtml(panel.expression)}" aria-label="Expression"><input name="${name}.range_input" value="${formatDuration(panel.range)}" size="6" aria-label="Range"><input name="${name}.end_input" value="${escapeHtml(panel.endInput)}" placeholder="end (UTC)" aria-label="End"><button>Execute</button></form>`;
  if (panel.expression === '') return form;
  try {
    const expression = parseExpression(panel.expression, context.settings.versionBehavior);
    const now = table(queryInstant(context.settings, expression, panel.end));
    const moment = new Date(panel.end).toISOString();
    return `${form}<h2>Graph, ${formatDuration(panel.range)} up to ${moment}</h2>${await chart(context, panel, expression)}<h2>Table, at ${moment}</h2>${now}`;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return `${form}<p class="error">${escapeHtml(`${error.type}: ${error.message}`)}</p>`;
  }
}

/** The page behind links to an expression: its result over the range as a chart, and at the end as a table. */
export async function graphPage(context: ApiContext, parameters: Parameters): Promise<string> {
  const panels: string[] = [];
  for (const panel of panelsOf(context, parameters))
    panels.push(`<section>${await panelHtml(context, panel)}</section>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Prometheus (embedded)</title><style>${STYLE}</style></head><body><header><b>Prometheus</b><i>Query</i><span>a stand-in, part of the demo</span></header><main>${panels.join('')}</main></body></html>`;
}

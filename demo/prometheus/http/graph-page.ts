import { formatDuration, HOUR, type Milliseconds, parseDuration } from '../../../src/lib/units.ts';
import { formatMetric } from '../labels.ts';
import { typeOf } from '../promql/check-types.ts';
import { QueryError } from '../promql/errors.ts';
import type { Expression } from '../promql/expression.ts';
import { parseExpression } from '../promql/parse.ts';
import { type QueryResult, queryInstant, queryRange } from '../promql/query.ts';
import type { ApiContext } from './api.ts';
import { chartSvg, escapeHtml } from './chart.ts';
import type { Parameters } from './parameters.ts';
import { parseInstant } from './parameters.ts';
import { formatScalar, formatValue } from './wire.ts';

const DEFAULT_RANGE = HOUR;
/** Points in a chart: as many as Prometheus.s own page requests. */
const RESOLUTION = 250;
const MOST_PANELS = 8;

const STYLE = `
body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 960px; padding: 16px; color: #222; }
h1 { font-size: 18px; } form { display: flex; gap: 8px; margin: 16px 0 8px; } input[name$=expr] { flex: 1; font-family: monospace; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid #ddd; padding: 4px 8px; font-family: monospace; word-break: break-all; }
td:last-child { text-align: right; white-space: nowrap; } svg { width: 100%; } svg text { font-size: 11px; fill: #555; }
.legend { font-family: monospace; font-size: 12px; list-style: none; padding: 0; word-break: break-all; } .error { color: #b00020; font-family: monospace; }`;

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

async function chart(context: ApiContext, panel: Panel, expression: Expression): Promise<string> {
  const type = typeOf(expression);
  if (type !== 'scalar' && type !== 'instant vector') return '';
  const step = Math.max(1_000, Math.floor(panel.range / RESOLUTION / 1_000) * 1_000);
  const window = { start: panel.end - panel.range, end: panel.end, step };
  const result = await queryRange(context.settings, expression, window);
  return result.type === 'matrix' ? chartSvg(result.series, window) : '';
}

async function panelHtml(context: ApiContext, panel: Panel): Promise<string> {
  const name = `g${panel.index}`;
  const form = `<form><input name="${name}.expr" value="${escapeHtml(panel.expression)}" aria-label="Expression"><input name="${name}.range_input" value="${formatDuration(panel.range)}" size="6" aria-label="Range"><input name="${name}.end_input" value="${escapeHtml(panel.endInput)}" placeholder="end (UTC)" aria-label="End"><button>Execute</button></form>`;
  if (panel.expression === '') return form;
  try {
    const expression = parseExpression(panel.expression, context.settings.versionBehavior);
    const now = table(queryInstant(context.settings, expression, panel.end));
    const moment = new Date(panel.end).toISOString();
    return `${form}<p>${formatDuration(panel.range)} up to ${moment}</p>${await chart(context, panel, expression)}${now}`;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return `${form}<p class="error">${escapeHtml(`${error.type}: ${error.message}`)}</p>`;
  }
}

/** The page behind links to an expression: its result as a table, and over the range as a chart. */
export async function graphPage(context: ApiContext, parameters: Parameters): Promise<string> {
  const panels: string[] = [];
  for (const panel of panelsOf(context, parameters)) panels.push(await panelHtml(context, panel));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Prometheus (embedded)</title><style>${STYLE}</style></head><body><h1>Prometheus (embedded)</h1>${panels.join('')}</body></html>`;
}

import type { TableBlock } from '@slack/types';
import type { SlowestView } from '../../commands/trace-slowest.ts';
import { bound, count, durationText } from '../../lib/format.ts';
import { toEpochMs } from '../../lib/units.ts';
import type { TraceRow } from '../../traces/find-slowest.ts';
import { compareButton } from './alert-actions.ts';
import {
  actions,
  cell,
  context,
  dateRun,
  linkButtons,
  linkRun,
  type Rendered,
  richCell,
  section,
  shortTraceId,
} from './block-kit.ts';
import { code, date, escape, literal, oneLine } from './mrkdwn.ts';

/** The answer to `/trace slowest`: the search, the traces longest first, and whether any can be missing. */
export function slowestMessage({ command, window, result, links }: SlowestView): Rendered {
  const { service, operation, over, failed } = command;
  const kind = failed === true ? 'Failed' : 'Slowest';
  const { rows, completeness } = result;
  const title = [
    `*${kind} traces of ${code(service, 120)}*${failed === true ? ', the slowest first' : ''}`,
    ...(operation === undefined ? [] : [`operation ${code(operation, 150)}`]),
    ...(over === undefined ? [] : [`over ${bound(over)}`]),
  ].join(' · ');
  const period = `${date(window.start)} to ${date(window.end, '{time}')}`;
  const hidden = rows.length - shownRows(rows);
  const notes = [
    escape(oneLine(completeness), 600),
    ...(hidden > 0 ? [`${count(hidden, 'more trace')} not shown`] : []),
  ];
  return {
    text: `${kind} traces of ${escape(service, 120)}: ${rows.length === 0 ? 'none' : `\n${escape(tracesText(rows))}`}`,
    blocks: [
      section(`${title}\n${period}`),
      rows.length === 0 ? section('No traces.') : tracesTable(rows, { service }),
      ...context([notes.join(' · ')]),
      ...actions([
        ...linkButtons(links),
        ...compareButton(rows[0]?.traceId ?? '', 'Compare slowest with typical'),
      ]),
    ],
  };
}

/** Slack accepts 100 rows and 10,000 characters in all cells; the rest of the message needs room, too. */
const MAX_ROWS = 50;
const MAX_CHARACTERS = 7_500;
const MAX_OPERATION = 80;
/** Characters of a row without its operation: rank, two durations, start with its fallback, short trace id. */
const ROW_CHARACTERS = 120;

/** How many of the rows fit into a table. */
export function shownRows(rows: readonly TraceRow[], most = MAX_ROWS): number {
  let room = MAX_CHARACTERS;
  let shown = 0;
  for (const { operation } of rows.slice(0, most)) {
    room -= ROW_CHARACTERS + Math.min(operation.length, MAX_OPERATION);
    if (room < 0) break;
    shown += 1;
  }
  return shown;
}

/** The slowest traces: rank, duration in the service, link, duration of the trace, start, operation. */
export function tracesTable(
  rows: readonly TraceRow[],
  options: { service?: string; most?: number } = {},
): TableBlock {
  const span = options.service === undefined ? 'In service' : `In ${options.service}`;
  return {
    type: 'table',
    column_settings: [
      { align: 'right' },
      { align: 'right' },
      { align: 'left' },
      { align: 'right' },
      { align: 'left' },
      { align: 'left', is_wrapped: true },
    ],
    rows: [
      [cell('#'), cell(span, 40), cell('Trace'), cell('Whole request'), cell('Start'), cell('Operation')],
      ...rows.slice(0, shownRows(rows, options.most)).map(traceCells),
    ],
  };
}

function traceCells(row: TraceRow, index: number): TableBlock['rows'][number] {
  const operation = literal(row.operation, MAX_OPERATION) || '–';
  return [
    cell(String(index + 1)),
    cell(durationText(row.duration)),
    // A phone shows only the first columns.
    richCell(linkRun(row.url, shortTraceId(row.traceId))),
    cell(durationText(row.traceDuration)),
    richCell(dateRun(toEpochMs(row.start))),
    row.isError
      ? richCell({ type: 'text', text: '⚠ error ', style: { bold: true } }, { type: 'text', text: operation })
      : cell(operation, MAX_OPERATION),
  ];
}

/** The rows as text, for notifications and screen readers. */
function tracesText(rows: readonly TraceRow[], most = 5): string {
  return rows
    .slice(0, most)
    .map(
      (row, index) =>
        `${index + 1}. ${durationText(row.duration)} ${literal(row.operation, MAX_OPERATION)}${row.isError ? ' (error)' : ''}`,
    )
    .join('\n');
}

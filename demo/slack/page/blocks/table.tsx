import type { ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { RichText } from '../text/rich-text.tsx';
import { numberOf, record, records, stringOf, type Wire } from '../wire.ts';
import { ElementView } from './elements.tsx';

interface CellProps {
  readonly cell: Wire;
  readonly context: RenderContext;
  readonly blockId: string;
}

/** `12`, `1,204.5 ms`, `38%`: figures that line up when their right edges do. */
const FIGURE = /^[<>≥≤~+-]?\s?\d[\d,.]*\s?(?:ns|µs|us|ms|s|m|h|d|%|k|M|x|rps|\/s|B|kB|MB)?$/;

function cellText(cell: Wire): string {
  if (cell['type'] === 'rich_text') {
    return records(cell['elements'])
      .flatMap((element) => records(element['elements']))
      .map((element) => stringOf(element['text']))
      .join('');
  }
  if (cell['type'] === 'raw_number') return String(numberOf(cell['value']) ?? stringOf(cell['text']));
  return stringOf(cell['text']);
}

function CellContent({ cell, context, blockId }: CellProps): ReactNode {
  if (cell['type'] === 'rich_text') return <RichText block={cell} context={context} />;
  if (cell['type'] === 'action_cell') {
    return <ElementView element={record(cell['element'])} blockId={blockId} context={context} />;
  }
  return cell['type'] === 'raw_number' ? stringOf(cell['text']) || cellText(cell) : stringOf(cell['text']);
}

type Align = 'left' | 'center' | 'right';

/** The block's own setting wins; without one a column of figures is right-aligned. */
function alignments(rows: readonly (readonly Wire[])[], settings: readonly Wire[]): readonly Align[] {
  const width = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: width }, (_, column) => {
    const set = settings[column]?.['align'];
    if (set === 'left' || set === 'center' || set === 'right') return set;
    const body = rows.slice(1).flatMap((row) => (row[column] === undefined ? [] : [row[column]]));
    const figures = body.length > 0 && body.every((cell) => FIGURE.test(cellText(cell).trim()));
    return figures ? 'right' : 'left';
  });
}

interface TableProps {
  readonly block: Wire;
  readonly context: RenderContext;
  readonly caption?: string;
}

function TableView({ block, context, caption }: TableProps): ReactNode {
  const rows = Array.isArray(block['rows']) ? block['rows'].map((row) => records(row)) : [];
  const settings = records(block['column_settings']);
  const align = alignments(rows, settings);
  const blockId = stringOf(block['block_id']);
  const rowHeader = numberOf(block['row_header_column_index']);
  const className = (column: number): string =>
    `align-${align[column] ?? 'left'}${settings[column]?.['is_wrapped'] === true ? ' is-wrapped' : ''}`;
  const content = (cell: Wire): ReactNode => <CellContent cell={cell} context={context} blockId={blockId} />;
  const [head = [], ...body] = rows;
  return (
    // A scrolling region has to be reachable by keyboard, and so it needs a name.
    <div className="table-scroll" role="region" tabIndex={0} aria-label={caption ?? 'Table'}>
      <table className="grid">
        {caption === undefined ? null : <caption>{caption}</caption>}
        <thead>
          <tr>
            {head.map((cell, column) => (
              <th key={column} scope="col" className={className(column)}>
                {content(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) =>
                column === rowHeader ? (
                  <th key={column} scope="row" className={className(column)}>
                    {content(cell)}
                  </th>
                ) : (
                  <td key={column} className={className(column)}>
                    {content(cell)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A `table` block. Its first row is the heading. */
export function TableBlock({ block, context }: { block: Wire; context: RenderContext }): ReactNode {
  return <TableView block={block} context={context} />;
}

/** A `data_table` block: a captioned table whose cells may hold a button. All rows are shown; there are no pages. */
export function DataTableBlock({ block, context }: { block: Wire; context: RenderContext }): ReactNode {
  return <TableView block={block} context={context} caption={stringOf(block['caption'])} />;
}

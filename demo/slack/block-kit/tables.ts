import {
  below,
  boolean,
  type Check,
  type Fields,
  isFields,
  list,
  number,
  object,
  type Place,
  type Rule,
  refuse,
  string,
  tagged,
} from './check.ts';
import { button } from './elements.ts';
import { visibleLength } from './length.ts';
import { richTextBlock } from './rich-text.ts';

const blockId = string({ max: 255 });
/** Most characters over all cells of one table: 10,000 in the types; later texts say 20,000 for `data_table`. */
const CELL_CHARACTERS = 10_000;
const COLUMNS = 20;

const rawText = object({ required: { type: string(), text: string() } });
const rawNumber = object({ required: { type: string(), value: number(), text: string() } });
const plainCells: Readonly<Record<string, Check>> = { raw_text: rawText, raw_number: rawNumber };
const tableCells: Readonly<Record<string, Check>> = { ...plainCells, rich_text: richTextBlock };

const buttonTable = { button };
const actionCell = object({
  required: { type: string(), element: tagged(() => buttonTable), fallback: tagged(() => plainCells) },
});
const dataCells: Readonly<Record<string, Check>> = { ...tableCells, action_cell: actionCell };

const cellBudget: Rule = (fields, place) => {
  const used = visibleLength(fields['rows']);
  if (used > CELL_CHARACTERS)
    refuse(below(place, 'rows'), `must be less than ${CELL_CHARACTERS + 1} characters over all cells`);
};

export const table: Check = object({
  required: {
    type: string(),
    rows: list(
      list(
        tagged(() => tableCells),
        { max: COLUMNS },
      ),
      { max: 100 },
    ),
  },
  optional: {
    block_id: blockId,
    column_settings: list(
      object({ optional: { align: string({ oneOf: ['left', 'center', 'right'] }), is_wrapped: boolean } }),
      { min: 0, max: COLUMNS },
    ),
  },
  rules: [cellBudget],
});

const rowsOf = (fields: Fields): readonly unknown[][] =>
  Array.isArray(fields['rows']) ? fields['rows'].filter((row) => Array.isArray(row)) : [];

const equalRows: Rule = (fields, place) => {
  const rows = rowsOf(fields);
  const width = rows[0]?.length ?? 0;
  rows.forEach((row, index) => {
    if (row.length !== width)
      refuse(below(below(place, 'rows'), index), `must have ${width} cells, as the header row`);
  });
};

const plainHeader: Rule = (fields, place) => {
  (rowsOf(fields)[0] ?? []).forEach((cell, index) => {
    if (isFields(cell) && !Object.hasOwn(plainCells, String(cell['type'])))
      refuse(header(place, index), `unsupported type: ${String(cell['type'])}`);
  });
};
const header = (place: Place, column: number): Place => below(below(below(place, 'rows'), 0), column);

const headerColumn: Rule = (fields, place) => {
  const index = fields['row_header_column_index'];
  const width = rowsOf(fields)[0]?.length ?? 0;
  if (typeof index === 'number' && index >= width)
    refuse(below(place, 'row_header_column_index'), `must be less than ${width}`);
};

/** 2 to 101 rows with the header: the documentation of July 2026; that of October says 201. */
export const dataTable: Check = object({
  required: {
    type: string(),
    caption: string(),
    rows: list(
      list(
        tagged(() => dataCells),
        { max: COLUMNS },
      ),
      { min: 2, max: 101 },
    ),
  },
  optional: {
    block_id: blockId,
    page_size: number({ min: 1, max: 100, integer: true }),
    row_header_column_index: number({ min: 0, integer: true }),
  },
  rules: [equalRows, plainHeader, headerColumn, cellBudget],
});

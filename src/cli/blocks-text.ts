import type { TableBlock } from '@slack/types';
import type { SlackBlock } from '../slack/blocks/block-kit.ts';
import { oneLine } from '../slack/blocks/mrkdwn.ts';

/** Foreign text for a terminal: on one line and without control characters, which could move the cursor. */
export const printable = (text: string): string => oneLine(text);

/** The blocks of an answer as plain text for a terminal: paragraphs and tables. Buttons are left out. */
export const blocksText = (blocks: readonly SlackBlock[]): string =>
  blocks
    .map(blockText)
    .filter((text) => text !== '')
    .join('\n\n');

function blockText(block: SlackBlock): string {
  switch (block.type) {
    case 'section':
      return 'text' in block && block.text !== undefined ? plainOf(block.text.text) : '';
    case 'context':
      return ('elements' in block ? block.elements : [])
        .map((element) => ('text' in element ? plainOf(element.text) : ''))
        .join('\n');
    case 'table':
      return tableText(block);
    default:
      return '';
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

/** Mrkdwn as plain text: code, bold text, links and dates by what they show. */
const plainOf = (mrkdwn: string): string => mrkdwn.split('\n').map(plainLine).join('\n');

function plainLine(line: string): string {
  // Code is foreign text: what looks like markup in it is none.
  const codes = (line.match(/`[^`]*`/gu) ?? []).map((code) => code.slice(1, -1));
  let next = 0;
  return line
    .replace(/`[^`]*`/gu, '``')
    .replace(/\*([^*]+)\*/gu, '$1')
    .replace(/<[^<>|]*\|([^<>]*)>/gu, '$1')
    .replace(/``/gu, () => codes[next++] ?? '')
    .replace(/&(?:lt|gt|amp);/gu, (entity) => ENTITIES[entity] ?? entity);
}

const COLUMN_GAP = '  ';

/** Columns are aligned as the block says; the last one is not padded. */
function tableText({ rows, column_settings: settings = [] }: TableBlock): string {
  const texts = rows.map((row) => row.map((cell) => ('text' in cell ? cell.text : '')));
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => (row[column] ?? '').length)),
  );
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          settings[column]?.align === 'right'
            ? text.padStart(widths[column] ?? 0)
            : text.padEnd(widths[column] ?? 0),
        )
        .join(COLUMN_GAP)
        .trimEnd(),
    )
    .join('\n');
}

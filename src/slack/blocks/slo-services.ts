import type { TableBlock } from '@slack/types';
import type { ServiceRow, SloServicesView } from '../../commands/slo-services.ts';
import { bound, count, share, timeSpan } from '../../lib/format.ts';
import { quantileName } from '../../lib/histogram.ts';
import { cell, context, notices, type Rendered, section } from './block-kit.ts';
import { budgetDays, budgetLeft } from './format.ts';
import { escape } from './mrkdwn.ts';
import { STATES } from './slo-status.ts';

/** A table accepts 100 rows and 10,000 characters in all cells. */
const MAX_ROWS = 60;
const MAX_NAME = 60;

const HEAD = ['Service', 'State', 'Slow', 'Compliance', 'Error budget', 'Objective'];

/** The answer to `/slo services`: a table, the worst first. */
export function sloServicesMessage({ rows, gaps }: SloServicesView): Rendered {
  if (rows.length === 0) {
    const text = gaps[0] ?? 'No rule has a latency objective with requests: no services to list.';
    return { text: escape(text), blocks: [section(escape(text))] };
  }
  const [worst] = rows;
  const hidden = rows.length - MAX_ROWS;
  const text = `${count(rows.length, 'service')}, the worst first`;
  return {
    text: `${text}${worst === undefined ? '' : `: ${escape(worst.name, 120)}, ${STATES[worst.state].text}`}`,
    blocks: [
      section(`*${text}*`),
      table(rows.slice(0, MAX_ROWS)),
      ...context([
        'Slow: the share over the threshold in the window of the objective. Compliance: the share within the threshold in the period of the budget.',
        ...(hidden > 0 ? [`${count(hidden, 'more service')} not shown`] : []),
      ]),
      ...notices(gaps, 3),
    ],
  };
}

const table = (rows: readonly ServiceRow[]): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'left' },
    { align: 'left' },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
    { align: 'left' },
  ],
  rows: [
    HEAD.map((name) => cell(name)),
    ...rows.map((row) => cellsOf(row).map((text) => cell(text, MAX_NAME))),
  ],
});

function cellsOf({ name, objective, state, share: slow, budget }: ServiceRow): readonly string[] {
  const { quantile, threshold, window, isApproximate } = objective;
  const { sign, text } = STATES[state];
  const least = isApproximate === true ? 'at least ' : '';
  return [
    name,
    `${sign} ${text}`,
    slow === undefined ? '–' : `${least}${share(slow)} in ${timeSpan(window)}`,
    budget === undefined
      ? '–'
      : `${compliance(1 - (1 - budget.left) * (1 - quantile))} in ${budgetDays(budget)}`,
    budget === undefined ? '–' : budgetLeft(budget),
    `${quantileName(quantile)} below ${bound(threshold)}`,
  ];
}

/** A share near 1, with as many digits as show what is missing: `99.43%`, `99.997%`. */
function compliance(value: number): string {
  const missing = 1 - value;
  if (missing <= 0) return '100%';
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(missing * 100)) + 1));
  return `${Number((value * 100).toFixed(digits))}%`;
}

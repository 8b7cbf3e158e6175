import type { SlowestView } from '../../commands/answer-slowest.ts';
import { toMs } from '../../lib/units.ts';
import { count } from '../../traces/wording.ts';
import type { Rendered } from './block.ts';
import { compareButton } from './compare.ts';
import { bound } from './format.ts';
import { code, date, escape, oneLine } from './mrkdwn.ts';
import { actions, context, linkButtons, section } from './pieces.ts';
import { shownRows, tracesTable, tracesText } from './traces-table.ts';

/** The answer to `/trace slowest`: what was asked, the traces longest first, and what is proven about them. */
export function slowestMessage(view: SlowestView): Rendered {
  const title = `*Slowest traces of ${code(view.service, 120)}*${condition(view)}`;
  const period = `${date(view.window.start)} to ${date(view.window.end, '{time}')}`;
  const shown = shownRows(view.rows);
  const hidden = view.rows.length - shown;
  const proof = [
    escape(oneLine(view.completeness), 600),
    ...(hidden > 0 ? [`${count(hidden, 'more trace')} did not fit`] : []),
    ...(view.isExact ? [] : ['a slower trace may be missing']),
  ].join(' · ');
  const links = [
    ...(view.searchUrl === undefined ? [] : [{ label: 'Search in Jaeger', url: view.searchUrl }]),
    ...(view.links ?? []),
  ];
  return {
    text: `Slowest traces of ${escape(view.service, 120)}: ${view.rows.length === 0 ? 'none' : `\n${escape(tracesText(view.rows))}`}`,
    blocks: [
      section(`${title}\n${period}`),
      ...(view.rows.length === 0
        ? [section(`No trace ${view.minDuration === undefined ? '' : 'that slow '}in this time.`)]
        : [tracesTable(view.rows, { service: view.service })]),
      ...context([proof === '' ? 'No proof was given.' : proof]),
      ...actions([
        ...linkButtons(links),
        ...compareButton(view.rows[0]?.traceId ?? '', 'Compare slowest with usual'),
      ]),
    ],
  };
}

function condition(view: SlowestView): string {
  const operation = view.operation === undefined ? '' : ` · operation ${code(view.operation, 150)}`;
  const over = view.minDuration === undefined ? '' : ` · over ${bound(toMs(view.minDuration))}`;
  return `${operation}${over}`;
}

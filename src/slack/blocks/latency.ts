import type { TableBlock } from '@slack/types';
import type { LatencyView } from '../../commands/report-latency.ts';
import type { SloRow } from '../../commands/slo-views.ts';
import { quantileName } from '../../lib/histogram.ts';
import type { Rendered, SlackBlock } from './block.ts';
import { breakdownBlocks } from './breakdown.ts';
import { chartBlock } from './chart.ts';
import { bound, rate, roughly, share, timeSpan } from './format.ts';
import { code, date, escape, oneLine } from './mrkdwn.ts';
import { actions, cell, context, linkButtons, section } from './pieces.ts';
import { sloLine } from './slo-status.ts';

const SLOS_SHOWN = 8;
const NOTICES_SHOWN = 5;

/** The answer to `/latency`: now, an hour ago, a day ago side by side; the objectives; a chart. */
export function latencyMessage(view: LatencyView): Rendered {
  const chart = view.chart === undefined ? undefined : chartBlock(view.chart);
  const notices = view.notices.slice(0, NOTICES_SHOWN).map((text) => escape(oneLine(text), 400));
  return {
    text: `Latency of ${escape(oneLine(view.service), 120)}: ${escape(now(view))}`,
    blocks: [
      section(
        `*Latency of ${code(view.service, 120)}* over ${timeSpan(view.window)} up to ${date(view.at, '{date_short_pretty} {time}')}`,
      ),
      figures(view),
      ...intervals(view),
      ...breakdownBlocks(view),
      ...slos(view.slos),
      ...(chart === undefined ? [] : [chart]),
      ...context(notices),
      ...actions(linkButtons(view.links)),
    ],
  };
}

type Column = LatencyView['columns'][number];

function now({ columns }: LatencyView): string {
  const column = columns.find(({ label }) => label === 'now') ?? columns[0];
  const known = column?.quantiles.map((each) => `${quantileName(each.quantile)} ${roughly(each)}`) ?? [];
  return known.length === 0 ? 'nothing known' : known.join(', ');
}

const quantilesOf = (columns: readonly Column[]): readonly number[] =>
  [...new Set(columns.flatMap(({ quantiles }) => quantiles.map(({ quantile }) => quantile)))].sort(
    (a, b) => a - b,
  );

/** One row per figure, one column per time; a dash where nothing is known. */
function figures({ columns }: LatencyView): TableBlock {
  const row = (name: string, of: (column: Column) => string | undefined): TableBlock['rows'][number] => [
    cell(name),
    ...columns.slice(0, 10).map((column) => cell(of(column) ?? '–')),
  ];
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, ...columns.slice(0, 10).map(() => ({ align: 'right' as const }))],
    rows: [
      row('Figure', ({ label }) => label),
      ...quantilesOf(columns)
        .slice(0, 10)
        .map((quantile) =>
          row(quantileName(quantile), ({ quantiles }) => {
            const known = quantiles.find((each) => each.quantile === quantile);
            return known === undefined ? undefined : roughly(known);
          }),
        ),
      row('Requests', ({ requestsPerSecond }) =>
        requestsPerSecond === undefined ? undefined : rate(requestsPerSecond),
      ),
      row('Errors', ({ errorShare }) => (errorShare === undefined ? undefined : share(errorShare))),
    ],
  };
}

/** A quantile of a histogram is a guess inside a bucket: the buckets of the present are named below the table. */
function intervals({ columns }: LatencyView): readonly SlackBlock[] {
  const known = (columns.find(({ label }) => label === 'now')?.quantiles ?? []).flatMap(
    ({ quantile, low, high }) =>
      low === undefined || high === undefined
        ? []
        : [`${quantileName(quantile)} between ${bound(low)} and ${bound(high)}`],
  );
  return known.length === 0 ? [] : context([`Now: ${escape(known.slice(0, 10).join(', '))}`]);
}

function slos(rows: readonly SloRow[]): readonly SlackBlock[] {
  if (rows.length === 0) return [];
  const hidden = rows.length - SLOS_SHOWN;
  return [
    section(
      [
        ...rows.slice(0, SLOS_SHOWN).map(sloLine),
        ...(hidden > 0 ? [`and ${hidden} more: \`/slo\``] : []),
      ].join('\n'),
    ),
  ];
}

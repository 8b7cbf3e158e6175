import type { TableBlock } from '@slack/types';
import type { CallLatencyView } from '../../commands/latency-call.ts';
import type { CallFigures, CallSide } from '../../latency/calls.ts';
import { rate, share, timeSpan } from '../../lib/format.ts';
import { type Milliseconds, ms } from '../../lib/units.ts';
import { actions, cell, linkButtons, list, type Rendered, section } from './block-kit.ts';
import { latency, roughly } from './format.ts';
import { outcomeLine } from './latency.ts';
import { code, date, escape, literal, oneLine } from './mrkdwn.ts';

const SHOWN = { outcomes: 6 } as const;

/** The answer to `/latency <service> to <service>`: what each end measured, and the difference. */
export function callLatencyMessage(view: CallLatencyView): Rendered {
  const { caller, callee, window, at, outcomes, links } = view;
  const name = `${escape(oneLine(caller), 120)} to ${escape(oneLine(callee), 120)}`;
  return {
    text: `Latency of ${name}: ${headline(view)}`,
    blocks: [
      section(
        [
          `*${code(caller, 120)} to ${code(callee, 120)}*, ${timeSpan(window)} until ${date(at)}`,
          headline(view),
        ].join('\n'),
      ),
      table(view),
      ...(outcomes === undefined
        ? []
        : list('*By outcome*, measured by the caller', outcomes, { max: SHOWN.outcomes, line: outcomeLine })),
      ...actions(linkButtons(links)),
    ],
  };
}

function headline({
  caller,
  callee,
  now: { caller: waited, callee: took, meanDifference },
}: CallLatencyView): string {
  const [from, to] = [escape(oneLine(caller), 120), escape(oneLine(callee), 120)];
  const texts = [
    ...(waited.mean === undefined ? [] : [`${from} waited ${latency(waited.mean)} on average`]),
    ...(took.mean === undefined ? [] : [`${to} took ${latency(took.mean)}`]),
  ];
  if (texts.length === 0) return 'No calls were measured.';
  return meanDifference === undefined
    ? `${texts.join(', ')}: only one end is measured.`
    : `${texts.join(', ')}: ${signed(meanDifference)} is network, proxies and retries.`;
}

/** A difference may be negative where the ends counted different calls. */
const signed = (duration: Milliseconds): string =>
  duration < 0 ? `−${latency(ms(Math.abs(duration)))}` : latency(duration);

/** A row for each metric, a column for each end and the difference; the means of an hour ago last. */
function table({ caller, callee, now, hourAgo }: CallLatencyView): TableBlock {
  const row = (
    name: string,
    of: (side: CallSide) => string | undefined,
    { figures = now, difference }: { figures?: CallFigures; difference?: Milliseconds } = {},
  ): TableBlock['rows'][number] => [
    cell(name),
    cell(of(figures.caller) ?? '–'),
    cell(of(figures.callee) ?? '–'),
    cell(difference === undefined ? '' : signed(difference)),
  ];
  const mean = ({ mean: known }: CallSide): string | undefined =>
    known === undefined ? undefined : latency(known);
  const quantile = (index: number) => (side: CallSide) => {
    const known = side.quantiles[index];
    return known === undefined ? undefined : roughly(known);
  };
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, { align: 'right' }, { align: 'right' }, { align: 'right' }],
    rows: [
      [
        cell('Metric'),
        cell(`${literal(caller, 60)} waited`),
        cell(`${literal(callee, 60)} took`),
        cell('Difference'),
      ],
      row('Mean', mean, { difference: now.meanDifference }),
      row('p50', quantile(0)),
      row('p99', quantile(1)),
      row('Requests', ({ requestsPerSecond }) =>
        requestsPerSecond === undefined ? undefined : rate(requestsPerSecond),
      ),
      row('Errors', ({ errorShare }) => (errorShare === undefined ? undefined : share(errorShare))),
      row('Mean an hour ago', mean, { figures: hourAgo, difference: hourAgo.meanDifference }),
    ],
  };
}

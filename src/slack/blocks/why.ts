import type { TableBlock } from '@slack/types';
import type { LinkedExample, WhyView } from '../../commands/trace-why.ts';
import type { AttributeFinding } from '../../culprit/attributes.ts';
import { coverageText } from '../../culprit/coverage.ts';
import type { PieceDelta } from '../../culprit/score.ts';
import { culpritSentences, pieceText } from '../../culprit/text.ts';
import { count, share, significant } from '../../lib/format.ts';
import { between, MINUTE } from '../../lib/units.ts';
import type { MessageView } from '../../messages/notifier.ts';
import { compareButton, RUN_COMMAND } from './alert-actions.ts';
import {
  actions,
  button,
  cell,
  context,
  isButtonValue,
  linkButtons,
  list,
  notices,
  type Rendered,
  type SlackBlock,
  section,
  shortTraceId,
} from './block-kit.ts';
import { time } from './format.ts';
import { code, date, escape, link, oneLine, signalLines, warningLines } from './mrkdwn.ts';

const SHOWN = { pieces: 10, others: 3, caveats: 8, attributes: 5 } as const;

/** The answer to `/trace why`: the culprit, where the time went, how sure that is, and two traces to look at. */
export function whyMessage(view: WhyView): Rendered {
  const { command, why, examples, links } = view;
  const { headline, others, caveats } = culpritSentences(why.result);
  const said = escape(oneLine(headline), 900);
  const second = others.slice(0, SHOWN.others).map((text) => escape(oneLine(text), 500));
  return {
    text: `${escape(oneLine(command.service), 120)}: ${said}`,
    blocks: [
      section([emphasized(said), ...second].join('\n')),
      ...signals(view),
      ...warnings(view),
      section([title(view), ...excess(view)].join('\n')),
      ...compared(view),
      ...notices([...caveats, ...incomplete(view)], SHOWN.caveats),
      ...exampleLines(view),
      ...context([
        `${windows(view)} · ${count(why.searches, 'search', 'searches')}`,
        ...(why.coverage === undefined ? [] : [escape(coverageText(why.coverage))]),
      ]),
      ...actions([
        ...compareButton(
          examples.slow?.traceId ?? '',
          'Compare slow with normal',
          examples.normal?.traceId ?? '',
        ),
        ...linkButtons(links),
      ]),
    ],
  };
}

const CULPRIT = 'Culprit:';

/** Bold up to its colon: the name of an operation may hold an asterisk, `payments.shop:8080/*`, which ends bold text. */
const emphasized = (said: string): string =>
  said.startsWith(CULPRIT) ? `*${CULPRIT}*${said.slice(CULPRIT.length)}` : `*${said}*`;

/** What metrics say in support of the culprit. */
function signals({ why }: WhyView): readonly SlackBlock[] {
  const lines = signalLines(why.signals);
  return lines.length === 0 ? [] : [section(lines.join('\n'))];
}

/** How metrics and traces contradict each other. */
function warnings({ why }: WhyView): readonly SlackBlock[] {
  const lines = warningLines(why.warnings);
  return lines.length === 0 ? [] : [section(lines.join('\n'))];
}

function title({ command: { service }, why: { endpoint } }: WhyView): string {
  const operation = endpoint.requestLine ?? endpoint.operation;
  return `Requests to ${code(service, 120)}${operation === undefined ? '' : ` ${code(operation, 150)}`}`;
}

/** How many requests are slow, now and before. */
function excess({ why: { excess: found, result } }: WhyView): readonly string[] {
  if (found === undefined) return [];
  const { threshold, slow, ofSlow, normal, ofNormal } = found;
  const of = (part: number, all: number): string =>
    `${share(part / Math.max(1, all))} (${part} of ${count(all, 'trace')})`;
  // Slow traces are also searched for by themselves: more are compared than a sample of all requests holds.
  const sampled = result.kind !== 'not-slower' && result.slow > slow ? ' in a sample' : '';
  const normally = ofNormal === 0 ? '' : `, normally ${of(normal, ofNormal)}`;
  return [`Slower than ${time(threshold)}${sampled}: ${of(slow, ofSlow)}${normally}`];
}

const incomplete = ({ why }: WhyView): readonly string[] =>
  why.isIncomplete ? ['Incomplete: Jaeger did not answer all searches in time.'] : [];

const windows = ({ why: { slow, normal } }: WhyView): string =>
  [
    `${date(slow.window.start)} to ${date(slow.window.end, '{time}')}`,
    `compared with ${date(normal.window.start)} to ${date(normal.window.end, '{time}')}`,
  ].join(' ');

function compared({ why: { result } }: WhyView): readonly SlackBlock[] {
  if (result.kind !== 'compared') return [];
  const slower = result.pieces.filter(({ price, volume }) => price + volume > 0);
  return [
    ...(slower.length === 0 ? [] : [table(slower.slice(0, SHOWN.pieces), result.slowdown)]),
    ...list(
      '*More often in slow traces*',
      { rows: result.attributes },
      { max: SHOWN.attributes, line: attributeLine },
    ),
  ];
}

/** Times are per trace, on the critical path. */
const table = (pieces: readonly PieceDelta[], slowdown: number): TableBlock => ({
  type: 'table',
  column_settings: [
    { align: 'left', is_wrapped: true },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
  ],
  rows: [
    [cell('Piece'), cell('Normal'), cell('Slow'), cell('Per call'), cell('Calls'), cell('Share')],
    ...pieces.map((piece) => pieceCells(piece, slowdown)),
  ],
});

function pieceCells(piece: PieceDelta, slowdown: number): TableBlock['rows'][number] {
  const { key, normalPerCall, slowPerCall, normalCalls, slowCalls, price, volume } = piece;
  return [
    cell(pieceText(key), 200),
    cell(time(normalPerCall * normalCalls)),
    cell(time(slowPerCall * slowCalls)),
    cell(change(time(normalPerCall), time(slowPerCall))),
    cell(change(significant(normalCalls, 2), significant(slowCalls, 2))),
    cell(share((price + volume) / Math.max(1, slowdown))),
  ];
}

const change = (from: string, to: string): string => (from === to ? to : `${from} → ${to}`);

const attributeLine = ({
  service,
  attribute,
  value,
  slow,
  ofSlow,
  normal,
  ofNormal,
}: AttributeFinding): string =>
  `${code(service, 80)} ${escape(oneLine(attribute), 40)} ${code(value, 100)}: ${slow} of ${ofSlow} slow, ${normal} of ${ofNormal} normal traces`;

function exampleLines({ examples: { slow, normal } }: WhyView): readonly SlackBlock[] {
  const line = (name: string, of: LinkedExample | undefined): readonly string[] =>
    of === undefined ? [] : [`${name} ${link(of.url, shortTraceId(of.traceId))} *${time(of.duration)}*`];
  const lines = [...line('Slow', slow), ...line('Normal', normal)];
  return lines.length === 0 ? [] : [section(`Examples: ${lines.join(' · ')}`)];
}

/** A comparison is repeated every two minutes: an older one says when it was made. */
const RECENT = 4 * MINUTE;

/** Who is to blame, in an alert group for which service, with how sure that is; of an unclear result the candidates. */
export function culpritLines({ alert, culprit }: MessageView): readonly string[] {
  if (culprit === undefined || culprit.subject === '') return [];
  const { headline, others, asOf, member } = culprit;
  const isOld = alert.state !== 'resolved' && between(asOf, alert.seenAt) > RECENT;
  const text = headline.replace(/^Culprit: /u, '');
  const of = member === undefined ? '' : ` of ${escape(oneLine(member.service), 100)}`;
  return [
    `*Culprit${of}:* ${escape(oneLine(text), 900)}${isOld ? ` · as of ${date(asOf, '{time}')}` : ''}`,
    ...others.slice(0, 3).map((other) => escape(oneLine(other), 500)),
  ];
}

/** Why no culprit is named. */
export const notComparedLine = (culprit: MessageView['culprit']): readonly string[] => {
  if (culprit?.subject !== '') return [];
  const { headline, member } = culprit;
  const of = member === undefined ? '' : `Service ${code(member.service, 100)}: `;
  return [`${of}${escape(oneLine(headline), 300)}`];
};

/** What metrics say about the culprit and its traces. */
export function metricLines({ culprit }: MessageView): readonly string[] {
  if (culprit === undefined) return [];
  const supporting = culprit.subject === '' ? [] : signalLines(culprit.signals);
  return [...supporting, ...warningLines(culprit.warnings)];
}

/** Opens the comparison behind the culprit, and the traces that were kept of it. */
export function culpritButtons({ alert, culprit }: MessageView): ReturnType<typeof button>[] {
  if (culprit === undefined || !isButtonValue(culprit.command)) return [];
  const kept = `/trace evidence ${culprit.member?.alertId ?? alert.alertId}`;
  const isKept = culprit.subject !== '' && isButtonValue(kept);
  return [
    button('Why', `${RUN_COMMAND}_why`, culprit.command),
    ...(isKept ? [button('Evidence', `${RUN_COMMAND}_evidence`, kept)] : []),
  ];
}

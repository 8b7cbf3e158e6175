import type { TableBlock } from '@slack/types';
import type { RequestView, TraceView } from '../../../app/views.ts';
import { toEpochMs, toMs } from '../../../domain/units.ts';
import { count, latency, share } from '../format.ts';
import { code, date, escape, link, literal, oneLine } from '../mrkdwn.ts';
import type { Rendered, SlackBlock } from './block.ts';
import { actions, cell, context, linkButtons, section } from './pieces.ts';

const SERVICES_SHOWN = 8;
const ERRORS_SHOWN = 5;
const SELF_TIMES_SHOWN = 5;
const NOTICES_SHOWN = 5;
/** Traces of one request that are shown; there are several when the application drops the trace headers. */
const TRACES_SHOWN = 5;

/** The answer to `/trace <trace id>`: how long, where the time went, what failed. */
export function traceMessage(view: TraceView): Rendered {
  return {
    text: `${traceLine(view)}, ${count(view.errorCount, 'error')}`,
    blocks: [
      section(`*Trace ${code(view.traceId, 40)}*\n${describe(view)}`),
      ...errors(view),
      ...selfTimes(view),
      ...notices(view.notices),
      ...actions(linkButtons(view.url === undefined ? [] : [{ label: 'Open in Jaeger', url: view.url }])),
    ],
  };
}

const traceLine = (view: TraceView): string =>
  `${escape(oneLine(view.rootService), 120)} ${escape(oneLine(view.rootOperation), 150)}: ${latency(toMs(view.duration))}`;

function describe(view: TraceView): string {
  const services = view.services
    .slice(0, SERVICES_SHOWN)
    .map(({ name, spans }) => `${code(name, 80)} ${spans}`);
  const more = view.services.length - services.length;
  return [
    `${code(view.rootService, 120)} ${code(view.rootOperation, 150)}`,
    `*${latency(toMs(view.duration))}* · started ${date(toEpochMs(view.start), '{date_short_pretty} {time_secs}')}`,
    `${count(view.spanCount, 'span')} in ${count(view.services.length, 'service')}: ${services.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  ].join('\n');
}

function errors(view: TraceView): readonly SlackBlock[] {
  if (view.errorCount === 0) return [];
  const lines = view.errors
    .slice(0, ERRORS_SHOWN)
    .map(
      ({ service, operation, detail }) =>
        `⚠ ${code(service, 80)} ${code(operation, 100)} ${escape(oneLine(detail), 200)}`,
    );
  const more = view.errorCount - lines.length;
  return [
    section(
      [`*${count(view.errorCount, 'error')}*`, ...lines, ...(more > 0 ? [`and ${more} more`] : [])].join(
        '\n',
      ),
    ),
  ];
}

/** The spans' time that no child accounts for: where the request really was. */
function selfTimes(view: TraceView): readonly SlackBlock[] {
  if (view.selfTimes.length === 0) return [];
  return [section('*Where the time went*'), selfTimesTable(view.selfTimes.slice(0, SELF_TIMES_SHOWN))];
}

function selfTimesTable(rows: TraceView['selfTimes']): TableBlock {
  return {
    type: 'table',
    column_settings: [
      { align: 'right' },
      { align: 'right' },
      { align: 'left' },
      { align: 'left', is_wrapped: true },
    ],
    rows: [
      [cell('Self time'), cell('Of the trace'), cell('Service'), cell('Operation')],
      ...rows.map(({ service, operation, selfTime, share: part }) => [
        cell(latency(toMs(selfTime))),
        cell(share(part)),
        cell(service, 80),
        cell(operation, 120),
      ]),
    ],
  };
}

const notices = (texts: readonly string[]): readonly SlackBlock[] =>
  context(texts.slice(0, NOTICES_SHOWN).map((text) => escape(oneLine(text), 400)));

/** The answer to a request id: the request in the service that was asked about, and the traces that carry the id. */
export function requestMessage(view: RequestView): Rendered {
  const [only] = view.traces;
  const single = view.traces.length === 1 && only !== undefined;
  const lines = view.traces
    .slice(0, TRACES_SHOWN)
    .map(
      (trace) =>
        `• ${link(trace.url, literal(trace.traceId, 32))} ${code(trace.rootService, 80)} ${code(trace.rootOperation, 100)} *${latency(toMs(trace.duration))}*, ${count(trace.errorCount, 'error')}`,
    );
  const hidden = view.traces.length - lines.length;
  const intro = single
    ? [describe(only)]
    : [`${count(view.traces.length, 'trace')}:`, ...lines, ...(hidden > 0 ? [`and ${hidden} more`] : [])];
  return {
    text: `Request ${escape(oneLine(view.requestId), 100)}${only === undefined ? '' : `: ${traceLine(only)}`}`,
    blocks: [
      section([`*Request ${code(view.requestId, 100)}*`, ...inService(view), ...intro].join('\n')),
      ...(single ? [...errors(only), ...selfTimes(only)] : []),
      ...notices([...view.notices, ...(single ? only.notices : [])]),
      ...actions(linkButtons(linksOf(view))),
    ],
  };
}

function inService({ inService: part }: RequestView): string[] {
  if (part === undefined) return [];
  const failed = part.isError ? ' · ⚠ error' : '';
  return [
    `In ${code(part.service, 120)}: *${latency(toMs(part.duration))}* in ${code(part.operation, 120)}, ${share(part.share)} of the whole ${latency(toMs(part.traceDuration))}${failed}`,
  ];
}

function linksOf(view: RequestView): { label: string; url: string }[] {
  const url = view.inService?.url ?? (view.traces.length === 1 ? view.traces[0]?.url : undefined);
  return url === undefined ? [] : [{ label: 'Open in Jaeger', url }];
}

import type { Button } from '@slack/types';
import { count, durationText } from '../../lib/format.ts';
import { toEpochMs } from '../../lib/units.ts';
import type { RequestView } from '../../traces/find-request.ts';
import type { TraceView } from '../../traces/inspect-trace.ts';
import { isUuid } from '../../traces/request-id.ts';
import { compareButton, RUN_COMMAND } from './alert-actions.ts';
import { actions, andMore, button, linkButtons, notices, type Rendered, section } from './block-kit.ts';
import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';
import { causeLine, outcomeText, traceAnalysis } from './trace-analysis.ts';

/**
 * Rows of each kind in one message. A request has several traces when the application does not forward the trace headers.
 */
const SHOWN = { services: 8, notices: 10, links: 4, traces: 5 } as const;

/** The answer to `/trace <trace id>`: duration, analysis, and links. */
export function traceMessage(view: TraceView): Rendered {
  const { traceId, request } = view;
  return {
    text: `${summary(view)}, ${count(view.errorCount, 'error')}`,
    blocks: [
      section(
        [
          ...leadOf(view),
          `*Trace ${code(traceId, 40)}*`,
          ...describe(view),
          ...(request === undefined ? [] : [escape(oneLine(request.text), 600)]),
        ].join('\n'),
      ),
      ...traceAnalysis(view),
      ...notices([...view.notices, ...(view.percentiles?.notices ?? [])], SHOWN.notices),
      ...actions([...requestButton(view), ...traceButtons(view)]),
    ],
  };
}

/** The answer to `/trace <request id>`: its trace, or a list of its traces. */
export function requestMessage(view: RequestView): Rendered {
  const { requestId, traces } = view;
  const [first] = traces;
  const title = `*Request ${code(requestId, 100)}*`;
  const text = `Request ${escape(oneLine(requestId), 100)}${first === undefined ? '' : `: ${summary(first)}`}`;
  if (first === undefined || traces.length > 1)
    return { text, blocks: [section([title, ...traceList(view)].join('\n'))] };
  const texts = [...view.notices, ...first.notices, ...(first.percentiles?.notices ?? [])];
  return {
    text,
    blocks: [
      section([...leadOf(first), title, ...describe(first)].join('\n')),
      ...traceAnalysis(first),
      ...notices(texts, SHOWN.notices),
      ...actions(traceButtons(first)),
    ],
  };
}

/** The traces of a request, after the explanation why there are several. */
function traceList({ traces, notices: texts }: RequestView): readonly string[] {
  const lines = traces
    .slice(0, SHOWN.traces)
    .map(
      (trace) =>
        `• ${link(trace.url, literal(trace.traceId, 32))} ${code(trace.rootService, 80)} ${code(trace.rootOperation, 100)} *${durationText(trace.path.duration)}*, ${count(trace.errorCount, 'error')}`,
    );
  const intro = texts.slice(0, SHOWN.notices).map((text) => escape(oneLine(text), 600));
  return [
    ...(intro.length === 0 ? [`${count(traces.length, 'trace')}:`] : intro),
    ...lines,
    ...andMore(traces.length - lines.length),
  ];
}

/** Only for a UUID, as Envoy generates it: another id may need more quotes than fit a button. */
const requestButton = ({ request }: TraceView): Button[] =>
  request === undefined || !isUuid(request.id)
    ? []
    : [button('Show the request', `${RUN_COMMAND}_request`, `/trace request ${request.id}`)];

function traceButtons({ traceId, url, path, links = [] }: TraceView): Button[] {
  const all = [
    ...(url === undefined ? [] : [{ label: 'Open in Jaeger', url }]),
    ...(path.url === undefined ? [] : [{ label: 'Critical path in Jaeger', url: path.url }]),
    ...links,
  ];
  return [...linkButtons(all.slice(0, SHOWN.links)), ...compareButton(traceId, 'Compare with typical')];
}

/** The cause before everything else: it is read first. */
function leadOf({ path }: TraceView): readonly string[] {
  const cause = causeLine(path);
  return cause === undefined ? [] : [`*${escape(oneLine(cause), 500)}*`];
}

const summary = ({ rootService, rootOperation, path }: TraceView): string =>
  `${escape(oneLine(rootService), 120)} ${escape(oneLine(rootOperation), 150)}: ${durationText(path.duration)}`;

/** Spans usually end a little after their parents; from this factor on the duration of the trace is shown too. */
const NOTABLE_FACTOR = 1.05;

/** Root, duration, outcome, start, and the number of spans by service. */
function describe(view: TraceView): readonly string[] {
  const { path, duration, services, spanCount } = view;
  const names = services.slice(0, SHOWN.services).map(({ name, spans }) => `${code(name, 80)} ${spans}`);
  const more = [names.join(', '), ...andMore(services.length - names.length)].join(' ');
  const trace =
    duration > path.duration * NOTABLE_FACTOR ? ` (${durationText(duration)} from first to last span)` : '';
  return [
    `${code(view.rootService, 120)} ${code(view.rootOperation, 150)}`,
    `*${durationText(path.duration)}*${trace} · ${outcomeText(view) || 'no error'} · started ${date(toEpochMs(view.start), '{date_short_pretty} {time_secs}')}`,
    `${count(spanCount, 'span')} in ${count(services.length, 'service')}: ${more}`,
  ];
}

import type { Button } from '@slack/types';
import { count, durationText } from '../../lib/format.ts';
import { toEpochMs } from '../../lib/units.ts';
import type { RequestView } from '../../traces/find-request.ts';
import type { TraceView } from '../../traces/inspect-trace.ts';
import { isUuid } from '../../traces/request-id.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import type { Rendered, SlackBlock } from './block-kit.ts';
import { actions, button, context, linkButtons, section } from './block-kit.ts';
import { compareButton } from './compare.ts';
import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';
import { traceAnalysis } from './trace-analysis.ts';

const SERVICES_SHOWN = 8;
/** All that can be true of one trace at once. */
const NOTICES_SHOWN = 10;
/** More in a row are a wall of buttons. */
const LINKS_SHOWN = 4;
/** Traces of one request that are shown; there are several when the application drops the trace headers. */
const TRACES_SHOWN = 5;

/** The answer to `/trace <trace id>`: how long, where the time went, what failed. */
export function traceMessage(view: TraceView): Rendered {
  return {
    text: `${traceLine(view)}, ${count(view.errorCount, 'error')}`,
    blocks: [
      section([`*Trace ${code(view.traceId, 40)}*`, describe(view), ...partOf(view)].join('\n')),
      ...traceAnalysis(view),
      ...notices([...view.notices, ...(view.percentiles?.notices ?? [])]),
      ...actions([
        ...requestButton(view),
        ...linkButtons(traceLinks(view)),
        ...compareButton(view.traceId, 'Compare with usual'),
      ]),
    ],
  };
}

/** That it is one of several traces is part of what it is: no small print. */
const partOf = ({ request }: TraceView): readonly string[] =>
  request === undefined ? [] : [escape(oneLine(request.text), 600)];

/** Envoy's ids alone: others may need more quotes than a button can be trusted with. */
const requestButton = ({ request }: TraceView): Button[] =>
  request === undefined || !isUuid(request.id)
    ? []
    : [button('The whole request', `${RUN_COMMAND}_request`, `/trace request ${request.id}`)];

function traceLinks({ url, path, links = [] }: TraceView): { label: string; url: string }[] {
  return [
    ...(url === undefined ? [] : [{ label: 'Open in Jaeger', url }]),
    ...(path.url === undefined ? [] : [{ label: 'Critical path in Jaeger', url: path.url }]),
    ...links,
  ].slice(0, LINKS_SHOWN);
}

const traceLine = (view: TraceView): string =>
  `${escape(oneLine(view.rootService), 120)} ${escape(oneLine(view.rootOperation), 150)}: ${took(view)}`;

/** What the request took, which is its root: spans that it did not wait for may be hours away. */
const took = ({ path }: TraceView): string => durationText(path.duration);

/** Ends that differ by less are how spans are closed. */
const WORTH_SAYING = 1.05;

const extent = ({ path, duration }: TraceView): string =>
  duration > path.duration * WORTH_SAYING
    ? ` (${durationText(duration)} from its first span to its last)`
    : '';

function describe(view: TraceView): string {
  const services = view.services
    .slice(0, SERVICES_SHOWN)
    .map(({ name, spans }) => `${code(name, 80)} ${spans}`);
  const more = view.services.length - services.length;
  return [
    `${code(view.rootService, 120)} ${code(view.rootOperation, 150)}`,
    `*${took(view)}*${extent(view)} · ${outcome(view)} · started ${date(toEpochMs(view.start), '{date_short_pretty} {time_secs}')}`,
    `${count(view.spanCount, 'span')} in ${count(view.services.length, 'service')}: ${services.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  ].join('\n');
}

const notices = (texts: readonly string[]): readonly SlackBlock[] =>
  context(texts.slice(0, NOTICES_SHOWN).map((text) => escape(oneLine(text), 400)));

function outcome({ isError, status }: TraceView): string {
  if (isError) return `⚠ ${escape(oneLine(status), 200)}`;
  return status === '' ? 'no error' : `status ${escape(oneLine(status), 30)}`;
}

/** That there are several traces, and why, is the answer itself: no small print. */
const split = ({ traces, notices: said }: RequestView): readonly string[] =>
  said.length === 0
    ? [`${count(traces.length, 'trace')}:`]
    : said.slice(0, NOTICES_SHOWN).map((text) => escape(oneLine(text), 600));

/** The answer to a request id: its trace, or the traces that carry the id. */
export function requestMessage(view: RequestView): Rendered {
  const [only] = view.traces;
  const single = view.traces.length === 1 && only !== undefined;
  const lines = view.traces
    .slice(0, TRACES_SHOWN)
    .map(
      (trace) =>
        `• ${link(trace.url, literal(trace.traceId, 32))} ${code(trace.rootService, 80)} ${code(trace.rootOperation, 100)} *${took(trace)}*, ${count(trace.errorCount, 'error')}`,
    );
  const hidden = view.traces.length - lines.length;
  const intro = single
    ? [describe(only)]
    : [...split(view), ...lines, ...(hidden > 0 ? [`and ${hidden} more`] : [])];
  return {
    text: `Request ${escape(oneLine(view.requestId), 100)}${only === undefined ? '' : `: ${traceLine(only)}`}`,
    blocks: [
      section([`*Request ${code(view.requestId, 100)}*`, ...intro].join('\n')),
      ...(single ? traceAnalysis(only) : []),
      ...(single ? notices([...view.notices, ...only.notices, ...(only.percentiles?.notices ?? [])]) : []),
      ...actions(
        single
          ? [...linkButtons(traceLinks(only)), ...compareButton(only.traceId, 'Compare with usual')]
          : [],
      ),
    ],
  };
}

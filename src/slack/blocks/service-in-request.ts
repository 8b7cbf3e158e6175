import { durationText, share } from '../../lib/format.ts';
import { toEpochMs, us } from '../../lib/units.ts';
import type { ServiceInRequest, ServiceSpan } from '../../traces/service-in-request.ts';
import { actions, linkButtons, list, notices, type Rendered, section } from './block-kit.ts';
import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';
import { outcomeText, pathBlocks, rankSentence } from './trace-analysis.ts';

const SHOWN = { spans: 5, notices: 5 } as const;

/** The answer to `/latency <service> <id>`: what a service did in one request, and its percentile rank. */
export function serviceInRequestMessage(view: ServiceInRequest): Rendered {
  const { service, requestId, traceId, spans, hiddenSpans, spentOn, url } = view;
  const [kind, id] = requestId === undefined ? ['trace', traceId] : ['request', requestId];
  const amount = spans.length + hiddenSpans;
  const took = time(longest(view)?.duration ?? 0);
  return {
    text: `${escape(oneLine(service), 120)} in ${kind} ${escape(oneLine(id), 100)}: ${took}${isWithin(view) ? `, ${share(view.share)} of the request` : ''}`,
    blocks: [
      section([`*${code(service, 120)} in ${kind} ${code(id, 100)}*`, ...facts(view, took)].join('\n')),
      ...list(
        amount === 1 ? '*1 span*' : `*${amount} spans*, longest first`,
        { rows: spans, hidden: hiddenSpans },
        { max: SHOWN.spans, line: spanLine, noun: 'shorter span' },
      ),
      ...pathBlocks(`*Breakdown of the ${took}*`, spentOn),
      ...notices(view.notices, SHOWN.notices),
      ...actions(linkButtons(url === undefined ? [] : [{ label: 'Open in Jaeger', url }])),
    ],
  };
}

const time = (micros: number): string => durationText(us(micros));
const longest = ({ spans }: ServiceInRequest): ServiceSpan | undefined => spans[0];

function facts(view: ServiceInRequest, took: string): readonly string[] {
  const { onPath, percentiles, traceId, url, start } = view;
  return [
    `*${took}*, ${proportion(view)} · ${link(url, `trace ${literal(traceId, 32)}`)} · ${date(toEpochMs(start), '{date_short_pretty} {time_secs}')}`,
    ...(percentiles === undefined ? [] : rankSentence(percentiles)),
    ...(onPath === undefined ? [] : [pathText(onPath, view)]),
  ];
}

/** Spans are closed late: a span may end this much after its caller and still belong to it. */
const TOLERANCE = 1.01;

/** Whether the longest span ran within the request, so that its share of the request has a meaning. */
function isWithin({ spans: [span], rootDuration, onPath }: ServiceInRequest): boolean {
  return (
    span !== undefined && onPath !== undefined && span.offset + span.duration <= rootDuration * TOLERANCE
  );
}

/** The longest span compared with the request. */
function proportion(view: ServiceInRequest): string {
  const { rootDuration, rootService, onPath, spans } = view;
  const request = `the ${time(rootDuration)} request to ${code(rootService, 80)}`;
  if (onPath === undefined) return `not connected to ${request}`;
  if (isWithin(view)) return `${share(view.share)} of ${request}`;
  const late = (spans[0]?.offset ?? 0) - rootDuration;
  return late < 0 ? `ended after ${request}` : `started ${time(late)} after ${request} ended`;
}

/** How much of the longest span is on the critical path. */
function pathText(onPath: number, view: ServiceInRequest): string {
  if (onPath === 0) return `Not on the critical path${isWithin(view) ? ': it ran in parallel' : ''}.`;
  const isAll = onPath >= (longest(view)?.duration ?? 0) * 0.99;
  return `${isAll ? 'All' : time(onPath)} of it is on the critical path: ${share(onPath / Math.max(1, view.rootDuration))} of the request.`;
}

function spanLine(span: ServiceSpan): string {
  const { operation, requestLine, duration, offset } = span;
  const outcome = outcomeText(span);
  return [
    `${time(duration)} ${code(requestLine || operation, 120)}`,
    ...(outcome === '' ? [] : [outcome]),
    ...(offset === 0
      ? []
      : [
          `started at ${offset > 0 ? '+' : '−'}${time(Math.abs(offset))}${offset > 0 ? '' : ' (clock skew)'}`,
        ]),
  ].join(' · ');
}

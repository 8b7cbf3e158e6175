import { count, durationText, share } from '../../lib/format.ts';
import { toEpochMs, us } from '../../lib/units.ts';
import type { ServiceInRequest, ServiceSpan } from '../../traces/service-in-request.ts';
import { actions, context, linkButtons, type Rendered, type SlackBlock, section } from './block-kit.ts';

import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';
import { percentileText, period } from './percentiles.ts';
import { pathTable, SHOWN_PARTS } from './trace-analysis.ts';

const SHOWN = { spans: 5, notices: 5 } as const;

/** The answer to `/latency` with a request: what the service did in it, how that compares, and what it waited for. */
export function partMessage(view: ServiceInRequest): Rendered {
  const [longest] = view.spans;
  const took = longest === undefined ? 'no time' : time(longest.duration);
  return {
    text: `${escape(oneLine(view.service), 120)} in ${what(view, 'plain')}: ${took}${isWithin(view) ? `, ${share(view.share)} of the whole` : ''}`,
    blocks: [
      section([`*${code(view.service, 120)} in ${what(view, 'mrkdwn')}*`, ...facts(view)].join('\n')),
      ...spans(view),
      ...spentOn(view),
      ...context(view.notices.slice(0, SHOWN.notices).map((text) => escape(oneLine(text), 400))),
      ...actions(linkButtons(view.url === undefined ? [] : [{ label: 'Open in Jaeger', url: view.url }])),
    ],
  };
}

const time = (micros: number): string => durationText(us(micros));

function what({ requestId, traceId }: ServiceInRequest, form: 'plain' | 'mrkdwn'): string {
  const [name, id] = requestId === undefined ? ['trace', traceId] : ['request', requestId];
  return `${name} ${form === 'plain' ? escape(oneLine(id), 100) : code(id, 100)}`;
}

function facts(view: ServiceInRequest): readonly string[] {
  const { onPath, percentiles, traceId, url, start } = view;
  const [longest] = view.spans;
  const row = percentiles?.rows[0];
  return [
    `*${longest === undefined ? '–' : time(longest.duration)}*, ${proportion(view)} · ${link(url, `trace ${literal(traceId, 32)}`)} · ${date(toEpochMs(start), '{date_short_pretty} {time_secs}')}`,
    ...(percentiles === undefined || row === undefined
      ? []
      : [`Among its requests ${period(percentiles)}: ${percentileText(row)}`]),
    ...(onPath === undefined ? [] : [waited(onPath, view)]),
  ];
}

/** A span may outlive its caller by this much and still have been part of it: how spans are closed. */
const CLOSING = 1.01;

/** Whether the span lies in the time of the request, so that a share of it means something. */
function isWithin({ spans: [longest], rootDuration, onPath }: ServiceInRequest): boolean {
  if (longest === undefined || onPath === undefined) return false;
  return longest.offset + longest.duration <= rootDuration * CLOSING;
}

/** How the longest span stands to the request. */
function proportion(view: ServiceInRequest): string {
  const { share: part, rootDuration, rootService, onPath, spans } = view;
  const whole = `${time(rootDuration)} of ${code(rootService, 80)}`;
  if (onPath === undefined) return `in another piece of the trace than the ${whole}`;
  if (isWithin(view))
    return `${share(part)} of the whole ${time(rootDuration)} from ${code(rootService, 80)}`;
  const late = (spans[0]?.offset ?? 0) - rootDuration;
  return late < 0
    ? `going on after the ${whole} were over`
    : `begun ${time(late)} after the ${whole} were over`;
}

/** Whether the request would have been sooner done without it. */
function waited(onPath: number, view: ServiceInRequest): string {
  const { rootDuration, spans } = view;
  if (onPath === 0)
    return `The request did not wait for it${isWithin(view) ? ': it ran beside what the request waited for' : ''}.`;
  const whole = spans[0]?.duration ?? 0;
  const all = onPath >= whole * 0.99 ? 'all of it' : time(onPath);
  return `On the critical path with ${all}: ${share(onPath / Math.max(1, rootDuration))} of what the request waited for.`;
}

function spans({ spans: all, hiddenSpans }: ServiceInRequest): readonly SlackBlock[] {
  const shown = all.slice(0, SHOWN.spans);
  const hidden = hiddenSpans + all.length - shown.length;
  return [
    section(
      [
        all.length + hiddenSpans === 1
          ? '*Its span*'
          : `*Its ${all.length + hiddenSpans} spans*, the longest first`,
        ...shown.map(spanLine),
        ...(hidden > 0 ? [`and ${count(hidden, 'shorter one')}`] : []),
      ].join('\n'),
    ),
  ];
}

function spanLine({ operation, requestLine, duration, offset, isError, status }: ServiceSpan): string {
  const began =
    offset === 0
      ? ''
      : ` · began ${time(Math.abs(offset))} ${offset > 0 ? 'in' : 'before it, by clocks that differ'}`;
  const outcome = isError
    ? ` · ⚠ ${escape(oneLine(status), 120)}`
    : status === ''
      ? ''
      : ` · status ${escape(oneLine(status), 30)}`;
  return `${time(duration)} ${code(requestLine || operation, 120)}${outcome}${began}`;
}

/** The critical path below the longest span. */
function spentOn({ spentOn: { rows, hidden }, spans }: ServiceInRequest): readonly SlackBlock[] {
  if (rows.length === 0) return [];
  const more = hidden.count + Math.max(0, rows.length - SHOWN_PARTS);
  return [
    section(`*What its ${time(spans[0]?.duration ?? 0)} were spent on*`),
    pathTable(rows.slice(0, SHOWN_PARTS)),
    ...context(more === 0 ? [] : [`and ${count(more, 'smaller part')}, ${time(hidden.time)}`]),
  ];
}

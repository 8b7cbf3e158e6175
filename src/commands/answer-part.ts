import { epochUs, toEpochMs } from '../lib/units.ts';
import { traceView } from '../traces/inspect-trace.ts';
import { partInService } from '../traces/part-in-service.ts';
import { absenceText } from './absence.ts';
import type { Answer } from './answer.ts';
import { noTrace, notInService } from './answer-request.ts';
import { type Asking, type CommandsOptions, type Reply, serviceOf } from './asking.ts';
import type { Command } from './command.ts';

type PartCommand = Extract<Command, { kind: 'request-latency' | 'trace-latency' }>;

/** Answers `/latency <service> <request id>` and `/latency <service> <trace id>`. */
export async function answerPart(
  options: CommandsOptions,
  { command, now, signal }: Asking<PartCommand>,
): Promise<Reply> {
  const resolved = await serviceOf(options, { command, signal });
  if ('answer' in resolved) return resolved;
  const { service } = resolved;
  const asked = { ...command, service };
  const found = await traceIdOf(options, { command: asked, now, signal });
  if ('answer' in found) return found;
  const { notices = [] } = found;
  const trace = await options.traces.trace(found.traceId, signal);
  if (trace === undefined) return { answer: nothing(noTrace(found.traceId)) };
  const requestId = command.kind === 'request-latency' ? { requestId: command.requestId } : {};
  const part = partInService({ trace, service, ...requestId }, { now, links: options.links });
  if (part === undefined) {
    const view = traceView(trace, { now, links: options.links });
    return {
      answer: notInService(service, {
        found: `Trace ${found.traceId} is there`,
        traces: view === undefined ? [] : [view],
      }),
    };
  }
  const { serverSpans } = part;
  const view = { ...part.view, notices: [...notices, ...part.view.notices] };
  if (serverSpans === undefined) return { answer: { kind: 'part', view }, again: asked };
  const ended = toEpochMs(epochUs(view.start + view.rootDuration));
  const percentiles = await options.rankRequest({ spans: [serverSpans], ended, now }, signal);
  return { answer: { kind: 'part', view: { ...view, percentiles } }, again: asked };
}

/** Its own trace does not show that it waited for them. */
const CALLS_ELSEWHERE = 'Calls that are in another of these traces count as own code here.';

const nothing = (text: string): Answer => ({ kind: 'nothing', text, links: [] });

/** Of a request that fell apart into several traces, the one in which the service took longest. */
async function traceIdOf(
  { findRequest }: CommandsOptions,
  { command, now, signal }: Asking<PartCommand>,
): Promise<{ readonly traceId: string; readonly notices?: readonly string[] } | { readonly answer: Answer }> {
  if (command.kind === 'trace-latency') return { traceId: command.traceId };
  const { requestId, service } = command;
  const found = await findRequest({ requestId, now, service }, signal);
  if (found.kind === 'absent') return { answer: nothing(absenceText(requestId, found)) };
  const { inService, traces } = found.view;
  return inService === undefined
    ? { answer: notInService(service, { found: `Request ${requestId} has a trace`, traces }) }
    : {
        traceId: inService.traceId,
        notices: [...found.view.notices, ...(traces.length > 1 ? [CALLS_ELSEWHERE] : [])],
      };
}

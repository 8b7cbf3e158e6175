import { absenceReason } from '../../domain/trace/request-id.ts';
import { DAY } from '../../domain/units.ts';
import type { FoundRequest } from '../find-request.ts';
import type { Command } from '../use-cases.ts';
import type { Answer, RequestView } from '../views.ts';
import { type Asking, type CommandsOptions, type Reply, serviceOf } from './asking.ts';

type InspectCommand = Extract<Command, { kind: 'inspect-trace' }>;
type RequestCommand = Extract<Command, { kind: 'find-request' | 'request-latency' }>;

/** Answers `/trace <trace id>`. */
export async function answerTrace(
  { inspectTrace }: CommandsOptions,
  { command, signal }: Asking<InspectCommand>,
): Promise<Reply> {
  const view = await inspectTrace(command.traceId, signal);
  if (view !== undefined) return { answer: { kind: 'trace', view }, again: command };
  return {
    answer: {
      kind: 'nothing',
      text: noTrace(command.traceId),
      links: [],
    },
  };
}

/** Why a trace may not be there, as a sentence. */
export const noTrace = (traceId: string): string =>
  `Jaeger has no trace ${traceId}: it was not sampled, is older than what Jaeger keeps, or has not arrived yet (spans take up to a minute).`;

/** Answers `/trace <request id>` and `/latency <service> <request id>`. */
export async function answerRequest(
  options: CommandsOptions,
  { command, now, signal }: Asking<RequestCommand>,
): Promise<Reply> {
  if (command.kind === 'find-request') {
    const found = await options.findRequest({ requestId: command.requestId, now }, signal);
    return found.kind === 'absent'
      ? { answer: nothing(absent(command.requestId, found)) }
      : { answer: { kind: 'request', view: found.view }, again: command };
  }
  const resolved = await serviceOf(options, { command, signal });
  if ('answer' in resolved) return resolved;
  const { service } = resolved;
  const found = await options.findRequest({ requestId: command.requestId, now, service }, signal);
  if (found.kind === 'absent') return { answer: nothing(absent(command.requestId, found)) };
  if (found.view.inService === undefined) return { answer: notInService(service, found.view) };
  return { answer: { kind: 'request', view: found.view }, again: { ...command, service } };
}

const nothing = (text: string): Answer => ({ kind: 'nothing', text, links: [] });

/** What was searched for a request that was not found, and why it may have no trace. */
export function absent(
  requestId: string,
  { searched, services, isWhole }: Extract<FoundRequest, { kind: 'absent' }>,
): string {
  const where = `in the last ${Math.round(searched / DAY)} days in ${services} ${services === 1 ? 'service' : 'services'}`;
  const start = isWhole
    ? `No trace of request ${requestId} ${where}.`
    : `No trace of request ${requestId} was found, but not all of it could be searched (${where}).`;
  return `${start} ${absenceReason(requestId)}`;
}

function notInService(service: string, { requestId, traces }: RequestView): Answer {
  const others = [...new Set(traces.flatMap(({ services }) => services.map(({ name }) => name)))];
  const more = others.length > 8 ? ` and ${others.length - 8} more` : '';
  return {
    kind: 'nothing',
    text: `Request ${requestId} has a trace, but ${service} has no span in it. It passed ${others.slice(0, 8).join(', ')}${more}.`,
    links: traces.flatMap(({ url }) => (url === undefined ? [] : [{ label: 'Trace', url }])).slice(0, 3),
  };
}

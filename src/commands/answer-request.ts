import type { RequestView } from '../traces/find-request.ts';
import { absenceText } from './absence.ts';
import type { Answer } from './answer.ts';
import type { Asking, CommandsOptions, Reply } from './asking.ts';
import type { Command } from './command.ts';

type InspectCommand = Extract<Command, { kind: 'inspect-trace' }>;
type RequestCommand = Extract<Command, { kind: 'find-request' }>;

/** Answers `/trace <trace id>`. */
export async function answerTrace(
  { inspectTrace }: CommandsOptions,
  { command, signal }: Asking<InspectCommand>,
): Promise<Reply> {
  const { traceId, isUnsampled = false } = command;
  const view = await inspectTrace(traceId, signal);
  if (view === undefined)
    return { answer: nothing(isUnsampled ? noTraceSampled(traceId) : noTrace(traceId)) };
  const notices = isUnsampled ? [SAMPLED_LATER, ...view.notices] : view.notices;
  return { answer: { kind: 'trace', view: { ...view, notices } }, again: command };
}

const SAMPLED_LATER =
  'The header says that the caller did not sample this request: what is here was recorded by a service that decided otherwise, and may be only a part.';

const noTraceSampled = (traceId: string): string =>
  `Jaeger has no trace ${traceId}, as expected: the header says that the caller did not sample this request (its sampled flag is 0), so nobody recorded it.`;

/** Why a trace may not be there, as a sentence. */
export const noTrace = (traceId: string): string =>
  `Jaeger has no trace ${traceId}: it was not sampled, is older than what Jaeger keeps, or has not arrived yet (spans take up to a minute).`;

/** Answers `/trace <request id>`. */
export async function answerRequest(
  options: CommandsOptions,
  { command, now, signal }: Asking<RequestCommand>,
): Promise<Reply> {
  const { requestId, evenUnsampled = false } = command;
  const found = await options.findRequest({ requestId, now, evenUnsampled }, signal);
  return found.kind === 'absent'
    ? { answer: nothing(absenceText(requestId, found)) }
    : { answer: { kind: 'request', view: found.view }, again: command };
}

const nothing = (text: string): Answer => ({ kind: 'nothing', text, links: [] });

/** What the traces passed in place of the service. `found` begins the sentence: `Request 17 has a trace`. */
export function notInService(
  service: string,
  { found, traces }: Pick<RequestView, 'traces'> & { readonly found: string },
): Answer {
  const others = [...new Set(traces.flatMap(({ services }) => services.map(({ name }) => name)))];
  const more = others.length > 8 ? ` and ${others.length - 8} more` : '';
  return {
    kind: 'nothing',
    text: `${found}, but ${service} has no span in it. It passed ${others.slice(0, 8).join(', ')}${more}.`,
    links: traces.flatMap(({ url }) => (url === undefined ? [] : [{ label: 'Trace', url }])).slice(0, 3),
  };
}

import { epochUs, toEpochMs } from '../lib/units.ts';
import { traceView } from '../traces/inspect-trace.ts';
import { serviceInRequest } from '../traces/service-in-request.ts';
import { type Answer, nothing, SERVICE } from './answer.ts';
import { breachStart } from './breach-start.ts';
import type {
  CommandDeps,
  CommandForm,
  CommandInput,
  CommandRequest,
  Parsed,
  Reply,
  RequestReference,
} from './command.ts';
import { findService } from './find-service.ts';
import { missingRequest, missingTrace, notInService } from './missing-trace.ts';
import { isName, parseOptions, unknownWord, writeName } from './options.ts';
import { joinTokens, type Token, word } from './tokens.ts';
import { traceOrCopy } from './trace-evidence.ts';
import { parseRequestReference, parseTraceReference } from './trace-reference.ts';

/** `/latency <service> <id>`: one request in one service. */
export interface RequestLatencyCommand {
  readonly kind: 'request-latency';
  readonly service: string;
  readonly request: RequestReference;
}

export const latencyOfRequest: CommandForm<RequestLatencyCommand> = {
  slash: '/latency',
  kind: 'request-latency',
  usage: '<service> <trace or request id> [share]',
  summary: "The service's spans in that request, and their percentile rank",
  system: 'jaeger',
  parse,
  write,
  run,
};

/** Whether a word identifies a request. */
const isReference = ({ text, isQuoted }: Token): boolean =>
  !isQuoted && parseTraceReference(text).kind !== 'other';

/** A single word is the name of a service unless it cannot be one. */
const isCertainReference = ({ text, isQuoted }: Token): boolean =>
  !isQuoted && (parseTraceReference(text).kind === 'request' || /^[0-9a-f]{32}$/i.test(text));

/** The word that identifies a request, if any. */
export const requestAmong = (words: readonly Token[]): Token | undefined =>
  words.length > 1 ? words.findLast(isReference) : words.find(isCertainReference);

function parse({ tokens }: CommandInput): Parsed<RequestLatencyCommand> | undefined {
  const parsed = parseOptions(tokens, ['last', 'share']);
  if ('problem' in parsed) return parsed;
  const { words, options } = parsed;
  const request = requestAmong(words);
  if (request === undefined) return undefined;
  const [service, extra] = words.filter((token) => token !== request);
  if (service === undefined)
    return {
      problem: `Specify a service: /latency checkout ${request.text}. For all services: /trace ${request.text}.`,
    };
  if (!isName(service.text)) return { problem: 'Specify a service: /latency checkout.' };
  if (extra !== undefined) return unknownWord(tokens, extra, ['last', 'share']);
  const { last, share = false } = options;
  const rebuilt = (id: Token) => joinTokens([service, id, ...(share ? [word('share')] : [])]);
  if (last !== undefined)
    return { problem: 'last cannot be combined with a request id.', fixed: rebuilt(request) };
  const reference = parseRequestReference(request.text);
  if ('problem' in reference) {
    const { problem, fixed } = reference;
    return { problem, fixed: fixed && rebuilt(fixed) };
  }
  return { command: { kind: 'request-latency', service: service.text, request: reference }, share };
}

function write({ service, request }: RequestLatencyCommand): string {
  return `${writeName(service)} ${request.kind === 'trace' ? request.traceId : request.requestId}`;
}

async function run(
  { command: typed, now, signal }: CommandRequest<RequestLatencyCommand>,
  deps: CommandDeps,
): Promise<Reply<RequestLatencyCommand>> {
  const retry = `/latency ${write({ ...typed, service: SERVICE })}`;
  const resolved = await findService(deps, { name: typed.service, retry }, signal);
  if ('answer' in resolved) return resolved;
  const { service } = resolved;
  const command = { ...typed, service };
  const found = await findTrace({ command, now, signal }, deps);
  if ('answer' in found) return found;
  const { notices = [] } = found;
  const read = await traceOrCopy(found.traceId, deps, { now, signal });
  if (read === undefined) return { answer: nothing(missingTrace(found.traceId)) };
  const { trace } = read;
  const { request } = command;
  const requestId = request.kind === 'request' ? request.requestId : undefined;
  const inRequest = serviceInRequest({ trace, service, requestId }, { now, links: deps.links });
  if (inRequest === undefined) {
    const view = traceView(trace, { now, links: deps.links });
    const traces = view === undefined ? [] : [view];
    return { answer: notInService(service, { found: `Trace ${found.traceId} exists`, traces }) };
  }
  const { serverSpan } = inRequest;
  const view = { ...inRequest.view, notices: [...read.notices, ...notices, ...inRequest.view.notices] };
  const ended = toEpochMs(epochUs(view.start + view.rootDuration));
  const services = [...new Set(trace.spans.map((span) => span.serviceName))];
  const start = await breachStart(deps, { services, at: ended });
  const percentiles =
    serverSpan === undefined
      ? undefined
      : await deps.rankRequest({ spans: [serverSpan], ended, now, breachStart: start }, signal);
  return { answer: { kind: 'request-latency', view: { ...view, percentiles } }, again: command };
}

/** The service's own trace does not show that it waited for them. */
const CALLS_ELSEWHERE = 'Calls recorded in another trace of this request are counted as own code.';

/** Of a request with several traces, the one in which the service took longest. */
async function findTrace(
  { command, now, signal }: Omit<CommandRequest<RequestLatencyCommand>, 'by'>,
  { findRequest }: CommandDeps,
): Promise<{ readonly traceId: string; readonly notices?: readonly string[] } | { readonly answer: Answer }> {
  const { service, request } = command;
  if (request.kind === 'trace') return { traceId: request.traceId };
  const { requestId } = request;
  const found = await findRequest({ requestId, now, service }, signal);
  if (found.kind === 'absent') return { answer: nothing(missingRequest(requestId, found)) };
  const { inService, traces, notices } = found.view;
  return inService === undefined
    ? { answer: notInService(service, { found: `Request ${requestId} has a trace`, traces }) }
    : {
        traceId: inService.traceId,
        notices: traces.length > 1 ? [...notices, CALLS_ELSEWHERE] : notices,
      };
}

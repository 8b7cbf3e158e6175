import { existingLinks } from '../lib/links.ts';
import { DAY, epochUs, toEpochMs } from '../lib/units.ts';
import type { FoundRequest, RequestView } from '../traces/find-request.ts';
import type { TraceView } from '../traces/inspect-trace.ts';
import { absenceReason, isUuid, readRequestId } from '../traces/request-id.ts';
import { type Answer, nothing } from './answer.ts';
import { breachStart } from './breach-start.ts';
import type {
  CommandDeps,
  CommandError,
  CommandForm,
  CommandInput,
  CommandRequest,
  Parsed,
  Reply,
} from './command.ts';
import { isId, nearestKeyword, parseShare, writeName } from './options.ts';
import { isWord, joinTokens, shortened, type Token, word } from './tokens.ts';
import type { CompareCommand } from './trace-compare.ts';
import { parsePasted, parseTraceReference, type TraceReference } from './trace-reference.ts';

/** `/trace <trace id or header>`. `isUnsampled`: the header says that the caller did not sample the request. */
export interface TraceCommand {
  readonly kind: 'trace';
  readonly traceId: string;
  readonly isUnsampled?: true;
}

/** `/trace <request id>`. `evenUnsampled`: it is searched although its id says that it was not sampled. */
export interface RequestCommand {
  readonly kind: 'request';
  readonly requestId: string;
  readonly evenUnsampled?: true;
}

export const traceLookup: CommandForm<TraceCommand, TraceCommand | RequestCommand | CompareCommand> = {
  slash: '/trace',
  kind: 'trace',
  usage: '<trace id, request id, header, log line or link> [share]',
  summary: 'Critical path, network, retries, first errors, percentile rank, and a picture',
  system: 'jaeger',
  parse: ({ tokens }) => parseReference(tokens) ?? unknownWords(tokens),
  write: ({ traceId }) => traceId,
  run: runTrace,
};

export const traceRequest: CommandForm<RequestCommand> = {
  slash: '/trace',
  kind: 'request',
  keywords: ['request'],
  usage: 'request <request id> [share]',
  summary: 'The same for a request id in any format, even if Envoy did not sample the request',
  system: 'jaeger',
  parse: parseRequest,
  write: ({ requestId, evenUnsampled }) =>
    isUuid(requestId) && evenUnsampled !== true ? requestId : `request ${writeName(requestId)}`,
  run: runRequest,
};

/** Parses a pasted id, header, link or line. Undefined: it may be a command with a typo. */
function parseReference(
  tokens: readonly Token[],
): Parsed<TraceCommand | RequestCommand | CompareCommand> | undefined {
  const [first, ...rest] = tokens;
  if (first === undefined) return { problem: 'Specify a service, a trace id or a request id.' };
  const isLine = isField(first) && rest.some((token) => !isWord(token, ['share']));
  const reference: TraceReference = isLine ? { kind: 'other' } : parseTraceReference(first.text);
  if (reference.kind !== 'other') {
    const words = rest.filter((token) => !isPunctuation(token));
    return commandOf(reference, [first], words);
  }
  const isShared = tokens.length > 1 && isWord(tokens.at(-1), ['share']);
  const pasted = isShared ? tokens.slice(0, -1) : tokens;
  return commandOf(parsePasted(pasted), pasted, isShared ? [word('share')] : []);
}

/** The first of several fields: what follows belongs to it. */
const isField = ({ text }: Token): boolean => /[=:][^=]/.test(text) && !/^\W?https?:/i.test(text);

/** Was copied together with an id. */
const isPunctuation = ({ text, isQuoted }: Token): boolean => !isQuoted && /^[,.;:)\]}]+$/.test(text);

/** The command for a reference, which is all of `start`, with the words after it. */
function commandOf(
  reference: TraceReference,
  start: readonly Token[],
  rest: readonly Token[],
): Parsed<TraceCommand | RequestCommand | CompareCommand> | undefined {
  switch (reference.kind) {
    case 'other':
      return undefined;
    case 'invalid': {
      const { problem, fixed } = reference;
      if (fixed === undefined) return { problem, isCertain: true };
      return { problem, fixed: [fixed, ...(rest.length === 0 ? [] : [joinTokens(rest)])].join(' ') };
    }
    case 'comparison': {
      const [a, b] = reference.traceIds;
      const command = {
        kind: 'compare',
        a: { kind: 'trace', traceId: a },
        b: { kind: 'trace', traceId: b },
      } as const;
      return withShare(command, start, rest);
    }
    default:
      return withShare(reference, start, rest);
  }
}

/** Nothing may follow a reference but `share`. */
function withShare<C>(command: C, start: readonly Token[], rest: readonly Token[]): Parsed<C> {
  const {
    words: [extra],
    share,
  } = parseShare(rest);
  if (extra === undefined) return { command, share };
  const isShare = nearestKeyword(extra.text, ['share']) !== undefined;
  return {
    problem: `"${shortened(extra.text)}" is not valid after an id.`,
    fixed: joinTokens([...start, ...(isShare ? [word('share')] : [])]),
  };
}

/** The first word is neither a form nor an id: a typo, or a service whose slowest traces are requested. */
function unknownWords(tokens: readonly Token[]): CommandError {
  const first = tokens[0]?.text ?? '';
  if (/^(?=.*\d)(?=.*[a-f])[0-9a-f]{6,8}$/i.test(first)) {
    return {
      problem: `"${first}" looks like the beginning of a trace id. Paste all 16 or 32 hex digits, or a link to the trace.`,
    };
  }
  if (ZERO_ID.test(first))
    return { problem: 'A trace id of zeros means that the request was not traced.', isCertain: true };
  const form = MAYBE_ID.test(first) ? 'request' : MAYBE_SERVICE.test(first) ? 'slowest' : undefined;
  return {
    problem: `"${shortened(first)}" is not a /trace command, a trace id, a link or a request id.`,
    fixed: form === undefined ? undefined : `${form} ${joinTokens(tokens)}`,
  };
}

/** Every format of trace headers writes this for "no id", alone or inside a header. */
const ZERO_ID = /(?<![0-9a-z])(?:0{16}){1,2}(?![0-9a-z])/i;
/** Request numbers are long; numbers in names of services are versions. */
const MAYBE_ID = /^(?=.*\d{5})(?!.*[0-9a-f]{16})[\w.:-]+$/i;
/** Names of services have letters, and neither the punctuation of data nor the long numbers of headers. */
const MAYBE_SERVICE = /^(?=.*\p{L})(?!.*[0-9a-f]{16})[\p{L}\p{N}_./@ -]+$/u;

/** An id in any format. Requested explicitly, a request that Envoy did not sample is searched too. */
function parseRequest({ tokens: [id, ...rest] }: CommandInput): Parsed<RequestCommand> {
  if (id === undefined || !isId(id.text))
    return { problem: 'Specify a request id: /trace request <request id>.' };
  const evenUnsampled = readRequestId(id.text) === 'not-sampled' ? true : undefined;
  return withShare({ kind: 'request', requestId: id.text, evenUnsampled }, [id], rest);
}

async function runTrace(
  request: CommandRequest<TraceCommand>,
  deps: CommandDeps,
): Promise<Reply<TraceCommand>> {
  const { command, signal } = request;
  const { traceId, isUnsampled } = command;
  const view = await deps.inspectTrace(traceId, signal);
  if (view === undefined)
    return { answer: nothing(isUnsampled === true ? unsampledTrace(traceId) : missingTrace(traceId)) };
  const ranked = await withPercentiles(view, request, deps);
  const notices = isUnsampled === true ? [SAMPLED_LATER, ...view.notices] : view.notices;
  return { answer: { kind: 'trace', view: { ...ranked, notices } }, again: command };
}

async function runRequest(
  request: CommandRequest<RequestCommand>,
  deps: CommandDeps,
): Promise<Reply<RequestCommand>> {
  const { command, now, signal } = request;
  const { requestId, evenUnsampled } = command;
  const found = await deps.findRequest({ requestId, now, evenUnsampled }, signal);
  if (found.kind === 'absent') return { answer: nothing(missingRequest(requestId, found)) };
  const [only, ...others] = found.view.traces;
  const traces =
    only === undefined || others.length > 0
      ? found.view.traces
      : [await withPercentiles(only, request, deps)];
  return { answer: { kind: 'request', view: { ...found.view, traces } }, again: command };
}

/** Adds the percentile rank of the request in each of its services. */
async function withPercentiles(
  view: TraceView,
  { now, signal }: CommandRequest<unknown>,
  deps: CommandDeps,
): Promise<TraceView> {
  const { serverSpans: spans, services } = view;
  if (spans.length === 0) return view;
  const ended = toEpochMs(epochUs(view.start + view.duration));
  const start = await breachStart(deps, { services: services.map(({ name }) => name), at: ended });
  return { ...view, percentiles: await deps.rankRequest({ spans, ended, now, breachStart: start }, signal) };
}

const SAMPLED_LATER =
  'The header says that the caller did not sample this request. This trace was recorded by a service that decided otherwise, and may be incomplete.';

const unsampledTrace = (traceId: string): string =>
  `Jaeger has no trace ${traceId}, as expected: the header says that the caller did not sample this request (its sampled flag is 0).`;

/** The text for a trace that Jaeger does not have. */
export const missingTrace = (traceId: string): string =>
  `Jaeger has no trace ${traceId}: it was not sampled, is older than Jaeger's retention, or has not arrived yet (up to a minute).`;

type Absent = Extract<FoundRequest, { readonly kind: 'absent' }>;

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))}%`;

/** The text for a request without a trace: what was searched, and why there is none, as far as that is known. */
export function missingRequest(requestId: string, absent: Absent): string {
  const { searched, services, isComplete, recorded } = absent;
  if (searched === 0) return unsampledRequest(requestId, absent);
  const where = `in the last ${Math.round(searched / DAY)} days in ${services} ${services === 1 ? 'service' : 'services'}`;
  const start = isComplete
    ? `No trace of request ${requestId} ${where}.`
    : `No trace of request ${requestId} was found; the search was incomplete (${where}).`;
  switch (recorded?.kind) {
    case 'no-traces':
      return `${start} Jaeger has no traces of this time at all: check that the mesh sends them to it.`;
    case 'otherwise':
      return `${start} ${otherAttribute(recorded.attribute)}`;
    default:
      return `${start} ${absenceReason(requestId)}`;
  }
}

/** Nothing was searched: the id says that the request was not sampled. */
function unsampledRequest(requestId: string, { sampled }: Absent): string {
  const rate =
    sampled === undefined
      ? 'Istio traces 1% of requests unless its Telemetry resource says otherwise.'
      : `${percent(sampled)} of requests were traced in the last hour.`;
  return `Request ${requestId} has no trace. ${absenceReason(requestId)} ${rate} To search anyway: /trace request ${requestId}`;
}

const otherAttribute = (attribute: string | undefined): string =>
  attribute === undefined
    ? 'The spans have no request id (no attribute guid:x-request-id), so requests cannot be found by it. Look up the trace id in the logs.'
    : `The spans have request ids as ${attribute}, not as guid:x-request-id, and this id is not among those either.`;

/** The answer for a request that did not pass a service. `found` begins the sentence: `Request 17 has a trace`. */
export function notInService(
  service: string,
  { found, traces }: Pick<RequestView, 'traces'> & { readonly found: string },
): Answer {
  const others = [...new Set(traces.flatMap(({ services }) => services.map(({ name }) => name)))];
  const more = others.length > 8 ? ` and ${others.length - 8} more` : '';
  return nothing(
    `${found}, but no span of ${service}. Its services: ${others.slice(0, 8).join(', ')}${more}.`,
    existingLinks(traces.map(({ url }) => ['Trace', url] as const)).slice(0, 3),
  );
}

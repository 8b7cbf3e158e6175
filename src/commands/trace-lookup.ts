import { UpstreamError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { epochUs, toEpochMs } from '../lib/units.ts';
import type { RequestView } from '../traces/find-request.ts';
import { type TraceView, traceView } from '../traces/inspect-trace.ts';
import { isUuid, readRequestId } from '../traces/request-id.ts';
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
  RequestReference,
} from './command.ts';
import { missingRequest, missingTrace } from './missing-trace.ts';
import { isId, nearestKeyword, parseShare, writeName } from './options.ts';
import { isWord, joinTokens, quote, shortened, type Token, word } from './tokens.ts';
import type { CompareCommand } from './trace-compare.ts';
import { copyOf } from './trace-evidence.ts';
import {
  isMachineMade,
  OTHER,
  parsePasted,
  parseTraceReference,
  type TraceReference,
} from './trace-reference.ts';

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
  const isShared = tokens.length > 1 && isWord(tokens.at(-1), ['share']);
  const pasted = isShared ? tokens.slice(0, -1) : tokens;
  const line =
    pasted.length > 1 || parseTraceReference(first.text).kind === 'other' ? parseLine(pasted) : OTHER;
  if (line.kind !== 'other') return commandOf(line, pasted, isShared ? [word('share')] : []);
  const words = rest.filter((token) => !isPunctuation(token));
  if (pasted.length > 1 && startsLine(first)) return undefined;
  return commandOf(parseTraceReference(first.text), [first], words);
}

/** Several words as a whole. `other`: they are not one text, and the first word may be an id. */
function parseLine(pasted: readonly Token[]): TraceReference {
  const words = pasted.filter((token) => !isPunctuation(token));
  const each = words.map((token) => parseTraceReference(token.text));
  const references = each.flatMap((found) =>
    found.kind === 'trace' || found.kind === 'request' ? [found] : [],
  );
  const areAlone = references.length === words.length && !words.some(isField);
  const distinct = [...new Map(references.map((each) => [idOf(each).toLowerCase(), each])).values()];
  if (references.length > 1 && areAlone) return severalOf(distinct);
  const line = parsePasted(pasted);
  return startsWithId(pasted) && !isWhole(line, { first: each[0], rest: pasted.slice(1) }) ? OTHER : line;
}

const idOf = (reference: RequestReference): string =>
  reference.kind === 'trace' ? reference.traceId : reference.requestId;

function severalOf(references: readonly RequestReference[]): TraceReference {
  const [only, ...others] = references;
  return only !== undefined && others.length === 0 ? only : { kind: 'several', references };
}

const startsWithId = ([start]: readonly Token[]): boolean =>
  start !== undefined && !isField(start) && parseTraceReference(start.text).kind !== 'other';

/** Whether a text that starts with an id is a line: with several ids, a number at its start, or fields after the id. */
const isWhole = (
  line: TraceReference,
  { first, rest }: { readonly first: TraceReference | undefined; readonly rest: readonly Token[] },
): boolean =>
  line.kind === 'several' ||
  (first?.kind === 'invalid' && line.kind !== 'invalid') ||
  rest.some(({ text }) => isMachineMade(text) || HEADER_NAME.test(text));

/** The first of several fields: what follows belongs to it. */
const isField = ({ text }: Token): boolean => /[=:][^=]|,\S/.test(text) && !/^\W?https?:/i.test(text);

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
    case 'several':
      // The keyword has a typo.
      return nearest(start[0]?.text ?? '', ['compare']).length > 0
        ? undefined
        : severalIds(reference.references);
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

/** Each of several ids is offered as a command, and two of them as a comparison. */
function severalIds(references: readonly RequestReference[]): CommandError {
  const ids = references.map((each) => (each.kind === 'trace' ? each.traceId : writeId(each.requestId)));
  const commands = ids.map((id) => (id.startsWith('"') ? `request ${id}` : id));
  const choices = ids.length === 2 ? [...commands, `compare ${ids.join(' ')}`] : commands;
  return { problem: `This text contains ${ids.length} ids.`, choices };
}

/** Only a UUID is recognized as a request id without quotes. */
const writeId = (requestId: string): string => (isUuid(requestId) ? requestId : quote(requestId));

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
  if (tokens.some(({ text }) => ZERO_ID.test(text)))
    return { problem: 'A trace id of zeros means that the request was not traced.', isCertain: true };
  if (HEADER_NAME.test(first))
    return {
      problem:
        tokens.length === 1
          ? `"${first}" is the name of a header. Paste its value.`
          : `No trace id or request id was found in the value of "${shortened(first)}".`,
      isCertain: true,
    };
  if (OTHER_HEADER.test(first))
    return {
      problem: `"${shortened(first)}" is the name of a header or field that holds no id. Paste a trace id, a request id or a link.`,
      isCertain: true,
    };
  const form = formFor(first);
  return {
    problem: `"${shortened(first)}" is not a /trace command, a trace id, a link or a request id.`,
    fixed: form === undefined ? undefined : `${form} ${joinTokens(tokens)}`,
  };
}

/** What a word probably stands for. */
function formFor(first: string): 'request' | 'slowest' | undefined {
  if (STARTS_LINE.test(first)) return undefined;
  if (MAYBE_ID.test(first)) return 'request';
  return MAYBE_SERVICE.test(first) ? 'slowest' : undefined;
}

/** Every format of trace headers writes this for "no id", alone or inside a header. */
const ZERO_ID = /(?<![0-9a-z])(?:0{16}){1,2}(?![0-9a-z])/i;
/** Request numbers are long; numbers in names of services are versions. */
const MAYBE_ID = /^(?=.*\d{5})(?!.*[0-9a-f]{16})[\w.:-]+$/i;
/** The beginning of a line of a log: a date, a time, an address, seconds since 1970, or a level. */
const STARTS_LINE =
  /^\[?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d|\d{1,3}(?:\.\d{1,3}){3}|\d{10,14}(?:\.\d+)?$|\d{8}T\d{4}|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL)\]?:?$)/;
const startsLine = ({ text }: Token): boolean => STARTS_LINE.test(text);
/** The name of a header or a field that holds an id. */
const HEADER_NAME =
  /^["']?(?:traceparent|tracestate|baggage|b3|sw8|grpc-trace-bin|uber-trace-id|(?:x-)?(?:[a-z]+[-_.])*(?:trace|span|request|correlation)[-_.]?id|x-b3-[a-z]+)["']?[:=]?$/i;
/** Another header: a name with a colon, or one that is no name of a service. */
const OTHER_HEADER =
  /^["']?(?:[a-z][\w-]*["']?:|x-[a-z-]+|user-agent|content-(?:type|length|encoding)|accept-[a-z]+|set-cookie|cache-control|grpc-[a-z]+)$/i;
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
  const { command } = request;
  const { traceId, isUnsampled } = command;
  const { view, isCopy } = await inspect(request, deps);
  if (view !== undefined && isCopy) return { answer: { kind: 'trace', view }, again: command };
  if (view === undefined && isUnsampled === true) return { answer: nothing(unsampledTrace(traceId)) };
  if (view === undefined) {
    const found = await requestWithSameDigits(traceId, request, deps);
    return found === undefined
      ? { answer: nothing(missingTrace(traceId)) }
      : { answer: await requestAnswer(found, request, deps), again: command };
  }
  const ranked = await withPercentiles(view, request, deps);
  const notices = isUnsampled === true ? [SAMPLED_LATER, ...view.notices] : view.notices;
  return { answer: { kind: 'trace', view: { ...ranked, notices } }, again: command };
}

/** The trace as Jaeger has it, else from the copy kept with an alert. Throws Jaeger's error where there is no copy. */
async function inspect(
  { command: { traceId }, now, signal }: CommandRequest<TraceCommand>,
  deps: CommandDeps,
): Promise<{ readonly view: TraceView | undefined; readonly isCopy: boolean }> {
  const viewOfCopy = async (): Promise<TraceView | undefined> => {
    const copy = await copyOf(traceId, deps, now);
    const view = copy && traceView(copy.trace, { now, links: deps.links });
    return view && { ...view, notices: [...copy.notices, ...view.notices] };
  };
  try {
    const view = await deps.inspectTrace(traceId, signal);
    if (view !== undefined) return { view, isCopy: false };
  } catch (error) {
    const view = await viewOfCopy();
    if (view === undefined) throw error;
    return { view, isCopy: true };
  }
  return { view: await viewOfCopy(), isCopy: true };
}

async function runRequest(
  request: CommandRequest<RequestCommand>,
  deps: CommandDeps,
): Promise<Reply<RequestCommand>> {
  const { command, now, signal } = request;
  const { requestId, evenUnsampled } = command;
  const found = await deps.findRequest({ requestId, now, evenUnsampled }, signal);
  return found.kind === 'absent'
    ? { answer: nothing(missingRequest(requestId, found)) }
    : { answer: await requestAnswer(found.view, request, deps), again: command };
}

/** A request id may be hex digits too, as nginx's `$request_id`. */
async function requestWithSameDigits(
  traceId: string,
  { now, signal }: CommandRequest<TraceCommand>,
  { findRequest }: CommandDeps,
): Promise<RequestView | undefined> {
  try {
    const found = await findRequest({ requestId: traceId.replace(/^0{16}/, ''), now }, signal);
    return found.kind === 'found' ? found.view : undefined;
  } catch (error) {
    // That there is no such trace is an answer without this search.
    if (!(error instanceof UpstreamError)) throw error;
    return undefined;
  }
}

async function requestAnswer(
  view: RequestView,
  request: CommandRequest<unknown>,
  deps: CommandDeps,
): Promise<Answer> {
  const [only, ...others] = view.traces;
  const traces =
    only === undefined || others.length > 0 ? view.traces : [await withPercentiles(only, request, deps)];
  return { kind: 'request', view: { ...view, traces } };
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

import { MINUTE, toEpochMs } from '../lib/units.ts';
import {
  comparisonView,
  findTypical,
  type TraceToCompare,
  TYPICAL_WITHIN,
} from '../traces/compare-traces.ts';
import { isUuid } from '../traces/request-id.ts';
import { extentOf } from '../traces/trace.ts';
import { nothing } from './answer.ts';
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
import { isId, nearestKeyword, parseShare } from './options.ts';
import { joinTokens, quote, type Token, word } from './tokens.ts';
import { traceOrCopy } from './trace-evidence.ts';
import { parseRequestReference, parseTraceReference } from './trace-reference.ts';

/** `/trace compare`. */
export interface CompareCommand {
  readonly kind: 'compare';
  /** Absent: a typical request, similar to the other one. */
  readonly a?: RequestReference;
  readonly b: RequestReference;
}

export const traceCompare: CommandForm<CompareCommand> = {
  slash: '/trace',
  kind: 'compare',
  keywords: ['compare'],
  usage: 'compare [<id>] <id> [share]',
  summary: 'Two requests side by side, or one with a typical one',
  system: 'jaeger',
  parse,
  write: ({ a, b }) => ['compare', ...[a, b].flatMap(writeReference)].join(' '),
  run,
};

const NO_IDS: CommandError = {
  problem:
    'Specify two requests: /trace compare <id> <id>, the slow one last. A single id is compared with a typical request.',
};

/** Words that people put between two things that they compare. */
const BETWEEN = /^(?:and|with|to|vs\.?|versus|against|,)$/i;

/** Two ids of any format, the link of a comparison, or a single id. */
function parse({ tokens }: CommandInput): Parsed<CompareCommand> {
  const given = parseShare(tokens);
  const { share } = given;
  const words = given.words.flatMap(separated);
  if (words.length === 0) return NO_IDS;
  if (words.length > 2) return tooMany(words, share);
  const references = words.map(({ text, isQuoted }) =>
    // A quoted word is a request id in any format.
    isQuoted && isId(text) ? ({ kind: 'request', requestId: text } as const) : parseRequestReference(text),
  );
  const invalid = references.find((reference) => 'problem' in reference);
  if (invalid !== undefined && 'problem' in invalid) {
    const fixed = references.map((each, index) => ('problem' in each ? each.fixed : words[index]));
    return {
      problem: invalid.problem,
      fixed: fixed.every((each) => each !== undefined) ? rebuilt(fixed, share) : undefined,
    };
  }
  const [first, second] = references as unknown as readonly [RequestReference, RequestReference?];
  return {
    command: second === undefined ? { kind: 'compare', b: first } : { kind: 'compare', a: first, b: second },
    share,
  };
}

/** A link of a comparison holds both ids. */
function separated(token: Token): readonly Token[] {
  const reference = token.isQuoted ? undefined : parseTraceReference(token.text);
  return reference?.kind === 'comparison' ? reference.traceIds.map(word) : [token];
}

const rebuilt = (words: readonly Token[], share: boolean): string =>
  joinTokens([...words, ...(share ? [word('share')] : [])]);

function tooMany(words: readonly Token[], share: boolean): CommandError {
  const without = words.filter(({ text, isQuoted }) => isQuoted || !BETWEEN.test(text));
  if (without.length === 2)
    return { problem: 'Specify the two ids without a word between them.', fixed: rebuilt(without, share) };
  const isShare = words.slice(2).some(({ text }) => nearestKeyword(text, ['share']) !== undefined);
  return {
    problem: `compare takes at most two ids: found ${words.length} words.`,
    fixed: rebuilt(words.slice(0, 2), share || isShare),
  };
}

function writeReference(of: RequestReference | undefined): readonly string[] {
  if (of === undefined) return [];
  if (of.kind === 'trace') return [of.traceId];
  return [isUuid(of.requestId) ? of.requestId : quote(of.requestId)];
}

/** The trace of a reference, or the sentence that says why there is none. */
type Found = (TraceToCompare & { readonly notices?: readonly string[] }) | { readonly problem: string };

async function run(
  request: CommandRequest<CompareCommand>,
  deps: CommandDeps,
): Promise<Reply<CompareCommand>> {
  const { command, now } = request;
  const [a, b] =
    command.a === undefined
      ? await withTypical(await findTrace(command.b, request, deps), request, deps)
      : await Promise.all([findTrace(command.a, request, deps), findTrace(command.b, request, deps)]);
  const problems = [a, b].flatMap((found) => ('problem' in found ? [found.problem] : []));
  if ('problem' in a || 'problem' in b) return { answer: nothing([...new Set(problems)].join('\n')) };
  if (a.trace.traceId === b.trace.traceId)
    return { answer: nothing(`Both ids are of the same trace, ${a.trace.traceId}.`) };
  const view = comparisonView({ a, b }, { now, links: deps.links });
  if (view === undefined) return { answer: nothing('One of the two traces has no spans.') };
  const copies = new Set([...(a.notices ?? []), ...(b.notices ?? [])]);
  return {
    answer: { kind: 'comparison', view: { ...view, notices: [...copies, ...view.notices] } },
    again: command,
  };
}

/** The request, and before it a similar one that took as long as such requests usually do. */
async function withTypical(
  found: Found,
  { now, signal }: CommandRequest<CompareCommand>,
  deps: CommandDeps,
): Promise<readonly [Found, Found]> {
  if ('problem' in found) return [found, found];
  const { trace } = found;
  const services = [...new Set(trace.spans.map(({ serviceName }) => serviceName))];
  const start = await breachStart(deps, { services, at: toEpochMs(extentOf(trace).start) });
  const typical = await findTypical(deps.traces, { trace, now, breachStart: start }, signal);
  if (typical !== undefined) return [typical, found];
  const problem = `No request similar to ${found.trace.traceId} was found within ${Math.round(TYPICAL_WITHIN / MINUTE)} minutes of it. Specify two ids.`;
  return [{ problem }, found];
}

/** Of a request with several traces, the first: it holds the entry span. */
async function findTrace(
  reference: RequestReference,
  { now, signal }: CommandRequest<CompareCommand>,
  deps: CommandDeps,
): Promise<Found> {
  if (reference.kind === 'trace') {
    const read = await traceOrCopy(reference.traceId, deps, { now, signal });
    return read ?? { problem: missingTrace(reference.traceId) };
  }
  const { requestId } = reference;
  const found = await deps.findRequest({ requestId, now }, signal);
  if (found.kind === 'absent') return { problem: missingRequest(requestId, found) };
  const traceId = found.view.traces[0]?.traceId;
  const trace = traceId === undefined ? undefined : await deps.traces.trace(traceId, signal);
  return trace === undefined ? { problem: missingTrace(traceId ?? requestId) } : { trace, requestId };
}

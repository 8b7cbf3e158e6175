import { MINUTE } from '../lib/units.ts';
import { comparisonView, type ToCompare } from '../traces/compare-traces.ts';
import { AROUND, findUsual } from '../traces/find-usual.ts';
import { absenceText } from './absence.ts';
import type { Answer } from './answer.ts';
import { noTrace } from './answer-request.ts';
import type { Asking, CommandsOptions, Reply } from './asking.ts';
import type { Command, RequestReference } from './command.ts';

type CompareCommand = Extract<Command, { kind: 'compare' }>;

/** What a reference led to: a trace, or the sentence that says why there is none. */
type Found = ToCompare | { readonly problem: string };

/** Answers `/trace compare`. */
export async function answerComparison(
  options: CommandsOptions,
  { command, now, signal }: Asking<CompareCommand>,
): Promise<Reply> {
  const find = (reference: RequestReference) => findTrace(options, { command: reference, now, signal });
  const [a, b] =
    command.a === undefined
      ? await withUsual(options, await find(command.b), signal)
      : await Promise.all([find(command.a), find(command.b)]);
  const problems = [a, b].flatMap((found) => ('problem' in found ? [found.problem] : []));
  if ('problem' in a || 'problem' in b) return { answer: nothing([...new Set(problems)].join('\n')) };
  if (a.trace.traceId === b.trace.traceId) {
    return { answer: nothing(`Both are the same trace, ${a.trace.traceId}: there is nothing to compare.`) };
  }
  const view = comparisonView({ a, b }, { now, links: options.links });
  return view === undefined
    ? { answer: nothing('One of the two traces holds no spans.') }
    : { answer: { kind: 'comparison', view }, again: command };
}

/** The request and, before it, one like it that took as long as usual. */
async function withUsual(
  { traces }: CommandsOptions,
  found: Found,
  signal: AbortSignal,
): Promise<readonly [Found, Found]> {
  if ('problem' in found) return [found, found];
  const usual = await findUsual(traces, found.trace, signal);
  if (usual !== undefined) return [{ trace: usual.trace, usualAmong: usual.among }, found];
  const problem = `No other request like ${found.trace.traceId} was found within ${Math.round(AROUND / MINUTE)} minutes of it: give the id of one to compare it with.`;
  return [{ problem }, found];
}

const nothing = (text: string): Answer => ({ kind: 'nothing', text, links: [] });

/** Of a request that fell apart into several traces, the first: it holds the way in. */
async function findTrace(
  { traces, findRequest }: CommandsOptions,
  { command: reference, now, signal }: Omit<Asking, 'command'> & { readonly command: RequestReference },
): Promise<Found> {
  if (reference.kind === 'trace') {
    const trace = await traces.trace(reference.traceId, signal);
    return trace === undefined ? { problem: noTrace(reference.traceId) } : { trace };
  }
  const { requestId } = reference;
  const found = await findRequest({ requestId, now }, signal);
  if (found.kind === 'absent') return { problem: absenceText(requestId, found) };
  const traceId = found.view.traces[0]?.traceId;
  const trace = traceId === undefined ? undefined : await traces.trace(traceId, signal);
  return trace === undefined ? { problem: noTrace(traceId ?? requestId) } : { trace, requestId };
}

import type { LatencyBreakdown } from '../latency/breakdown.ts';
import { CALL_ENDS, type CallFigures, callFigures, callOutcomes, callSelector } from '../latency/calls.ts';
import type { Labels } from '../lib/labels.ts';
import { existingLinks, type Link } from '../lib/links.ts';
import { before, type EpochMs, formatDuration, HOUR, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { meanBySideExpr } from '../rules/queries.ts';
import { resolveName, withoutAlias } from '../traces/resolve-service.ts';
import { type Answer, nothing, SERVICE, unknownService } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { isName, type OptionName, parseOptions, unknownWord, writeName } from './options.ts';
import { isWord } from './tokens.ts';

/** `/latency <service> to <service>`. */
export interface CallLatencyCommand {
  readonly kind: 'call-latency';
  readonly caller: string;
  readonly callee: string;
  readonly last: Milliseconds;
}

/** The calls from one service to another, as both ends measured them. */
export interface CallLatencyView {
  readonly caller: string;
  readonly callee: string;
  readonly window: Milliseconds;
  readonly at: EpochMs;
  readonly now: CallFigures;
  readonly hourAgo: CallFigures;
  readonly outcomes?: LatencyBreakdown['outcomes'];
  readonly links: readonly Link[];
}

const DEFAULT_LAST = ms(15 * MINUTE);
const OPTIONS: readonly OptionName[] = ['last', 'share'];

export const latencyOfCall: CommandForm<CallLatencyCommand> = {
  slash: '/latency',
  kind: 'call-latency',
  usage: '<service> to <service> [last 15m] [share]',
  summary: 'What the caller waited, what the called service took, the difference; rate, errors, flags',
  system: 'prometheus',
  parse,
  write: ({ caller, callee, last }) =>
    `${writeName(caller)} to ${writeName(callee)} last ${formatDuration(last)}`,
  run,
};

function parse({ tokens }: CommandInput): Parsed<CallLatencyCommand> | undefined {
  if (!tokens.some((token) => isWord(token, ['to', '->', '→']))) return undefined;
  const parsed = parseOptions(tokens, OPTIONS);
  if ('problem' in parsed) return parsed;
  const [caller, between, callee, extra] = parsed.words;
  if (!isWord(between, ['to', '->', '→'])) return undefined;
  if (caller === undefined || callee === undefined || !isName(caller.text) || !isName(callee.text))
    return { problem: 'Specify two services: /latency checkout to payments.' };
  if (extra !== undefined) return unknownWord(tokens, extra, OPTIONS);
  const { last = DEFAULT_LAST, share = false } = parsed.options;
  return { command: { kind: 'call-latency', caller: caller.text, callee: callee.text, last }, share };
}

async function run(
  { command: typed, now, signal }: CommandRequest<CallLatencyCommand>,
  deps: CommandDeps,
): Promise<Reply<CallLatencyCommand>> {
  const caller = await findEnd(deps, { end: 'caller', name: typed.caller, matchLabels: {} }, signal);
  if ('unknown' in caller) return { answer: unknown(typed, 'caller', caller) };
  const callee = await findEnd(
    deps,
    { end: 'callee', name: typed.callee, matchLabels: caller.matchLabels },
    signal,
  );
  if ('unknown' in callee) return { answer: unknown(typed, 'callee', callee) };
  const command = { ...typed, caller: caller.title, callee: callee.title };
  const query = { matchLabels: { ...caller.matchLabels, ...callee.matchLabels }, window: command.last };
  const [figures, hourAgo, outcomes] = await Promise.all([
    callFigures(deps.metrics, { ...query, at: now }, signal),
    callFigures(deps.metrics, { ...query, at: before(now, HOUR) }, signal),
    callOutcomes(deps.metrics, { ...query, at: now }, signal),
  ]);
  if (figures.caller.requestsPerSecond === undefined && figures.callee.requestsPerSecond === undefined)
    return { answer: nothing(`${caller.title} has not called ${callee.title} in this time.`) };
  const view: CallLatencyView = {
    caller: caller.title,
    callee: callee.title,
    window: command.last,
    at: now,
    now: figures,
    hourAgo,
    outcomes,
    links: linksOf(deps, query.matchLabels, { at: now, window: command.last }),
  };
  return { answer: { kind: 'call-latency', view }, again: command };
}

function linksOf(
  { links }: CommandDeps,
  matchLabels: Labels,
  { at, window }: { readonly at: EpochMs; readonly window: Milliseconds },
): readonly Link[] {
  const expr = meanBySideExpr(PRESETS.istio.family, matchLabels, {
    window: ms(Math.min(window, 5 * MINUTE)),
  });
  return existingLinks([
    ['Prometheus', links.graph({ expr, window: { start: before(at, window), end: at } })],
  ]);
}

type End = keyof typeof CALL_ENDS;

/** One end of a call: the labels that select it, and its name with the namespace where several have it. */
interface FoundEnd {
  readonly matchLabels: Labels;
  readonly title: string;
}

type UnknownEnd = { readonly unknown: Parameters<typeof unknownService>[1] };

/**
 * A service by the name that metrics have, by an alias, or with its namespace as traces write it. Services of one name are
 * never added up: the default namespace is used, or a person chooses.
 */
async function findEnd(
  { metrics, ruleSet }: CommandDeps,
  { end, name, matchLabels }: { readonly end: End; readonly name: string; readonly matchLabels: Labels },
  signal: AbortSignal,
): Promise<FoundEnd | UnknownEnd> {
  const { service, namespace } = CALL_ENDS[end];
  const valuesOf = (label: string, labels: Labels): Promise<readonly string[]> =>
    metrics.labelValues({ label, match: callSelector('source', labels) }, signal);
  const known = (await valuesOf(service, matchLabels)).filter((value) => value !== '' && value !== 'unknown');
  const { naming } = ruleSet();
  const spelled = withoutAlias(name, known, naming);
  const [first = '', typedNamespace] = known.includes(spelled) ? [spelled] : spelled.split('.');
  const resolved = resolveName(first, known);
  if (resolved.kind !== 'found') return { unknown: resolved };
  const named = { [service]: resolved.service };
  const namespaces = (await valuesOf(namespace, { ...matchLabels, ...named })).filter(
    (value) => value !== '',
  );
  const candidates = namespaces.map((value) => `${resolved.service}.${value}`).sort();
  if (typedNamespace === undefined && namespaces.length < 2)
    return { matchLabels: named, title: resolved.service };
  const typed = typedNamespace === undefined ? resolved.service : `${resolved.service}.${typedNamespace}`;
  const full = resolveName(typed, candidates, naming);
  if (full.kind !== 'found') return { unknown: full };
  const value = full.service.slice(resolved.service.length + 1);
  return { matchLabels: { ...named, [namespace]: value }, title: full.service };
}

function unknown(typed: CallLatencyCommand, end: End, { unknown: resolved }: UnknownEnd): Answer {
  const retry = `/latency ${latencyOfCall.write?.({ ...typed, [end]: SERVICE }) ?? ''}`;
  return unknownService(typed[end], resolved, retry);
}

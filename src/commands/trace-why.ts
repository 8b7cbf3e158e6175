import type { ExampleTrace, WhySlow } from '../culprit/collect.ts';
import type { MeasuredObjective } from '../culprit/coverage.ts';
import { existingLinks, type Link } from '../lib/links.ts';
import { MINUTE, type Milliseconds, ms, type TimeWindow, toUs } from '../lib/units.ts';
import { escapeRegex } from '../rules/promql.ts';
import type { ServiceObjective } from '../rules/rule.ts';
import { nothing, SERVICE } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { findService } from './find-service.ts';
import { type OptionName, parseServiceWindow, timeText, windowUntil, writeName } from './options.ts';
import { quote } from './tokens.ts';
import { filterOf, operationsOf, unknownOperation } from './trace-slowest.ts';

/** `/trace why`. */
export interface WhyCommand {
  readonly kind: 'why';
  readonly service: string;
  readonly operation?: string;
  readonly last: Milliseconds;
  /** A fixed window, given as `at <start>/<end>` in ISO 8601: buttons use it to repeat an answer. */
  readonly window?: TimeWindow;
}

/** An example with its page in Jaeger. */
export interface LinkedExample extends ExampleTrace {
  readonly url?: string;
}

/** Which service made requests of a service slow. */
export interface WhyView {
  /** The command with the full name of the service. */
  readonly command: WhyCommand;
  readonly why: WhySlow;
  readonly examples: { readonly slow?: LinkedExample; readonly normal?: LinkedExample };
  /** The searched windows. */
  readonly links: readonly Link[];
}

const DEFAULT_LAST = ms(15 * MINUTE);
const OPTIONS: readonly OptionName[] = ['last', 'operation', 'window', 'share'];

export const traceWhy: CommandForm<WhyCommand> = {
  slash: '/trace',
  kind: 'why',
  keywords: ['why'],
  usage: 'why <service> [last 15m] [op X] [share]',
  summary: 'Which service, operation and cause made its requests slow, compared with normal ones',
  system: 'jaeger',
  parse,
  write,
  run,
};

function parse({ tokens }: CommandInput): Parsed<WhyCommand> {
  const parsed = parseServiceWindow(tokens, {
    allowed: OPTIONS,
    example: '/trace why checkout',
    defaultLast: DEFAULT_LAST,
  });
  if ('problem' in parsed) return parsed;
  const { service, last, window } = parsed;
  const { operation, share = false } = parsed.options;
  return { command: { kind: 'why', service, operation, last, window }, share };
}

function write({ service, operation, last, window }: WhyCommand): string {
  return [
    `why ${writeName(service)}`,
    timeText({ last, window }),
    ...(operation === undefined ? [] : [`op ${quote(operation)}`]),
  ].join(' ');
}

async function run(
  { command: typed, now, signal }: CommandRequest<WhyCommand>,
  deps: CommandDeps,
): Promise<Reply<WhyCommand>> {
  const retry = `/trace ${write({ ...typed, service: SERVICE })}`;
  const found = await findService(deps, { name: typed.service, retry }, signal);
  if ('answer' in found) return found;
  const { service } = found;
  const command = { ...typed, service };
  const window = windowUntil(now, command);
  const filter = await filterOf(deps, command, signal);
  const objective = objectiveOf(deps.ruleSet().objectives, service);
  const threshold = objective && toUs(objective.threshold);
  const query = {
    service,
    ...filter,
    window,
    threshold,
    objective: objective && measuredOf(objective, service),
  };
  const why = await deps.explainSlowness(query, signal);
  if (why.excess === undefined && filter.operation !== undefined) {
    const known = await operationsOf(deps, service, signal);
    if (known.length > 0 && !known.includes(filter.operation))
      return { answer: nothing(unknownOperation(service, filter.operation, known)) };
  }
  const withUrl = (of: ExampleTrace | undefined): LinkedExample | undefined =>
    of && { ...of, url: deps.links.trace(of.traceId) };
  const view: WhyView = {
    command,
    why,
    examples: { slow: withUrl(why.slow.example), normal: withUrl(why.normal.example) },
    links: searchLinks(deps, service, why),
  };
  return { answer: { kind: 'why', view }, again: { ...command, window } };
}

/**
 * The objective of the service. One that names the service in its metric selector comes before one for all services; of several,
 * the one with the lowest threshold applies. Istio's histogram names the service `checkout`, its traces `checkout.shop`.
 */
function objectiveOf(objectives: readonly ServiceObjective[], service: string): ServiceObjective | undefined {
  const names = [service, nameIn(service)];
  const own: ServiceObjective[] = [];
  const all: ServiceObjective[] = [];
  for (const objective of objectives) {
    const named = serviceMatcher(objective.family);
    if (named === undefined) all.push(objective);
    else if (names.some((name) => named.includes(name))) own.push(objective);
  }
  return [...(own.length > 0 ? own : all)].sort((a, b) => a.threshold - b.threshold)[0];
}

const nameIn = (service: string): string => service.split('.', 1)[0] ?? service;

/** The metric of the objective, of this service. */
const measuredOf = (objective: ServiceObjective, service: string): MeasuredObjective => ({
  ...objective,
  matchLabels: {
    [objective.family.serviceLabel]: (serviceMatcher(objective.family) ?? []).includes(nameIn(service))
      ? nameIn(service)
      : service,
  },
});

/** The services that a metric selector names, `a` or `a|b`; undefined when it has no matcher for the service. */
function serviceMatcher({
  serviceLabel,
  selector,
}: ServiceObjective['family']): readonly string[] | undefined {
  const found = new RegExp(`(?:^|,)\\s*"?${escapeRegex(serviceLabel)}"?\\s*(?:=~|=)\\s*"([^"]*)"`, 'u').exec(
    selector,
  );
  return found?.[1]?.split('|');
}

/** Jaeger's page lists at most this many. */
const LINK_LIMIT = 100;

function searchLinks({ links }: CommandDeps, service: string, why: WhySlow): readonly Link[] {
  const { slow, normal, excess, endpoint } = why;
  const search = { service, operation: endpoint.operation, limit: LINK_LIMIT };
  const minDuration = excess?.threshold;
  return existingLinks([
    ['Slow traces in Jaeger', links.traceSearch({ ...search, window: slow.window, minDuration })],
    ['Normal traces in Jaeger', links.traceSearch({ ...search, window: normal.window })],
  ]);
}

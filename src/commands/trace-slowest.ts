import { durationText, windowText } from '../lib/format.ts';
import { formatInstant } from '../lib/instant.ts';
import { kialiApplication, type Link } from '../lib/links.ts';
import { nearest } from '../lib/nearest.ts';
import {
  before,
  formatDuration,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  toUs,
} from '../lib/units.ts';
import type { SlowestResult } from '../traces/find-slowest.ts';
import { type Answer, nothing, SERVICE, unknownService } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { isName, type OptionName, parseOptions, unknownWord, writeName } from './options.ts';
import { quote } from './tokens.ts';

/** `/trace slowest`. */
export interface SlowestCommand {
  readonly kind: 'slowest';
  readonly service: string;
  readonly operation?: string;
  readonly last: Milliseconds;
  /** A fixed window, given as `at <start>/<end>` in ISO 8601: buttons use it to repeat an answer. */
  readonly window?: TimeWindow;
  readonly over?: Milliseconds;
  readonly top: number;
}

/** The slowest traces of a service. */
export interface SlowestView {
  /** The command with the full name of the service. */
  readonly command: SlowestCommand;
  readonly window: TimeWindow;
  readonly result: SlowestResult;
  /** The same search, and the service's traces, in other tools. */
  readonly links: readonly Link[];
}

const DEFAULT_LAST: Milliseconds = ms(30 * 60_000);
const DEFAULT_TOP = 5;
const OPTIONS: readonly OptionName[] = ['last', 'over', 'top', 'operation', 'window', 'share'];

export const traceSlowest: CommandForm<SlowestCommand> = {
  slash: '/trace',
  kinds: ['slowest'],
  words: ['slowest'],
  usage: 'slowest <service> [last 30m] [op X] [over 500ms] [top 5] [share]',
  example: 'slowest checkout last 1h over 500ms',
  summary: "The slowest traces, ranked by the service's own span, with a completeness guarantee",
  system: 'jaeger',
  parse,
  write,
  run,
};

function parse({ tokens }: CommandInput): Parsed<SlowestCommand> {
  const parsed = parseOptions(tokens, OPTIONS);
  if ('problem' in parsed) return parsed;
  const [service, extra] = parsed.words;
  if (service === undefined || !isName(service.text))
    return { problem: 'Specify a service: /trace slowest checkout.' };
  if (extra !== undefined) return unknownWord(tokens, extra, OPTIONS);
  const { operation, last, window, over, top = DEFAULT_TOP, share = false } = parsed.options;
  if (last !== undefined && window !== undefined) return { problem: 'Specify either last or at, not both.' };
  const length = window === undefined ? DEFAULT_LAST : ms(window.end - window.start);
  return {
    command: { kind: 'slowest', service: service.text, operation, last: last ?? length, window, over, top },
    share,
  };
}

function write({ service, operation, last, window, over, top }: SlowestCommand): string {
  return [
    `slowest ${writeName(service)}`,
    window === undefined
      ? `last ${formatDuration(last)}`
      : `at ${formatInstant(window.start)}/${formatInstant(window.end)}`,
    ...(operation === undefined ? [] : [`op ${quote(operation)}`]),
    ...(over === undefined ? [] : [`over ${formatDuration(over)}`]),
    ...(top === DEFAULT_TOP ? [] : [`top ${top}`]),
  ].join(' ');
}

/** A search: the command with the full name of its service, its window, and which spans count. */
interface Search {
  readonly command: SlowestCommand;
  readonly window: TimeWindow;
  readonly filter: Filter;
}

async function run(
  { command: typed, now, signal }: CommandRequest<SlowestCommand>,
  deps: CommandDeps,
): Promise<Reply<SlowestCommand>> {
  const resolved = await deps.resolveService(typed.service, signal);
  if (resolved.kind !== 'found') {
    const retry = `/trace ${write({ ...typed, service: SERVICE })}`;
    return { answer: unknownService(typed.service, resolved, retry) };
  }
  const { service } = resolved;
  const command = { ...typed, service };
  const { over } = command;
  const window = command.window ?? { start: before(now, command.last), end: now };
  const filter = await filterOf(deps, command, signal);
  const search = { command, window, filter };
  const result = await deps.findSlowest(
    {
      service,
      window,
      count: command.top,
      ...filter,
      minDuration: over === undefined ? undefined : toUs(over),
    },
    signal,
  );
  if (result.rows.length === 0) return { answer: await noTraces(deps, { ...search, result }, signal) };
  return {
    answer: { kind: 'slowest', view: viewOf(search, result, deps) },
    again: { ...command, window },
  };
}

/** Which of the service's spans count: those of one name, or those of requests to one path. */
interface Filter {
  readonly operation?: string;
  readonly asked?: string;
}

/**
 * Reads `op` as the name of spans, by which the backend filters, or as the request that answers show (`POST /checkout`)
 * where a mesh names all spans after their host. Only the latter has a path.
 */
async function filterOf(
  { traces }: CommandDeps,
  { operation, service }: SlowestCommand,
  signal: AbortSignal,
): Promise<Filter> {
  if (operation === undefined) return {};
  if (!operation.includes('/')) return { operation };
  const names = await traces.operations(service, signal).catch((): readonly string[] => []);
  const isName = names.length === 0 || names.includes(operation) || nearest(operation, names).length > 0;
  return isName ? { operation } : { asked: operation };
}

/** Leaves room for other traces of the same duration. */
const LINK_LIMIT = 100;

function viewOf(
  { command, window, filter }: Search,
  result: SlowestResult,
  { links }: CommandDeps,
): SlowestView {
  const { service } = command;
  const application = kialiApplication(service);
  const urls: readonly (readonly [string, string | undefined])[] = [
    [
      'Search in Jaeger',
      links.traceSearch({
        service,
        window,
        operation: filter.operation,
        // The page cannot sort: the duration of the last row as a minimum makes it show the same traces.
        minDuration: result.rows.at(-1)?.duration,
        limit: LINK_LIMIT,
      }),
    ],
    ['Traces in Kiali', application === undefined ? undefined : links.kialiTraces(application)],
  ];
  return {
    command,
    window,
    result: { ...result, rows: result.rows.map((row) => ({ ...row, url: links.trace(row.traceId) })) },
    links: urls.flatMap(([label, url]) => (url === undefined ? [] : [{ label, url }])),
  };
}

interface Absence extends Search {
  readonly result: SlowestResult;
}

async function noTraces(deps: CommandDeps, absence: Absence, signal: AbortSignal): Promise<Answer> {
  const { filter, command, window } = absence;
  const { service } = command;
  const { operation } = filter;
  const url = deps.links.traceSearch({ service, window, operation, limit: LINK_LIMIT });
  const unknown =
    operation === undefined ? undefined : await unknownOperation(deps, { service, operation }, signal);
  return nothing(
    unknown ?? absenceText(absence),
    url === undefined ? [] : [{ label: 'Search in Jaeger', url }],
  );
}

/** The text when the service has no such operation. Undefined when it has, or when Jaeger does not answer. */
async function unknownOperation(
  { traces }: CommandDeps,
  { service, operation }: { readonly service: string; readonly operation: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const known = await traces.operations(service, signal).catch((): readonly string[] => []);
  if (known.length === 0 || known.includes(operation)) return undefined;
  const near = nearest(operation, known, { count: 3 });
  const shown = near.length > 0 ? near : known.slice(0, 5);
  return `${service} has no operation "${operation}". ${near.length > 0 ? 'Similar' : 'Operations'}: ${shown.map((name) => `"${name}"`).join(', ')}.`;
}

function absenceText({ command, filter, window, result: { isExact, arriving } }: Absence): string {
  const { service, operation, over } = command;
  const where = `in ${windowText(window)}`;
  const of = operation === undefined ? service : `"${operation}" of ${service}`;
  if (!isExact)
    return `No trace of ${of} was found ${where} before the search timed out. Use a shorter time range.`;
  const slow = over === undefined ? '' : ` of ${durationText(toUs(over))} or more`;
  const late =
    arriving === undefined ? '' : ` The last ${Math.round(arriving / SECOND)} s may still be arriving.`;
  if (filter.asked !== undefined)
    return `${service} has no span named "${filter.asked}", and no request${slow} to it ${where}.${late}`;
  if (over !== undefined)
    return `No traced request to ${of} took ${durationText(toUs(over))} or more ${where}.${late}`;
  return `No trace of ${of} ${where}. Jaeger knows the service, so it has been traced before: there was no traffic, none of it was sampled, or its spans have not arrived yet (up to a minute).`;
}

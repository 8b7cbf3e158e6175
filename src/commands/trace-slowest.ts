import { count, durationText, windowText } from '../lib/format.ts';
import { existingLinks, kialiApplication, type Link } from '../lib/links.ts';
import { nearest } from '../lib/nearest.ts';
import { formatDuration, type Milliseconds, ms, SECOND, type TimeWindow, toUs } from '../lib/units.ts';
import type { SlowestResult } from '../traces/find-slowest.ts';
import { nothing, SERVICE } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { findService } from './find-service.ts';
import { type OptionName, parseServiceWindow, timeText, windowUntil, writeName } from './options.ts';
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
  /** Only traces in which a span of the service failed. */
  readonly failed?: true;
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
const OPTIONS: readonly OptionName[] = ['last', 'over', 'top', 'operation', 'window', 'failed', 'share'];

export const traceSlowest: CommandForm<SlowestCommand> = {
  slash: '/trace',
  kind: 'slowest',
  keywords: ['slowest'],
  usage: 'slowest <service> [last 30m] [op X] [over 500ms] [failed] [top 5] [share]',
  example: 'slowest checkout last 1h over 500ms',
  summary: "The slowest traces, ranked by the service's own span, with a completeness guarantee",
  system: 'jaeger',
  parse,
  write,
  run,
};

function parse({ tokens }: CommandInput): Parsed<SlowestCommand> {
  const parsed = parseServiceWindow(tokens, {
    allowed: OPTIONS,
    example: '/trace slowest checkout',
    defaultLast: DEFAULT_LAST,
  });
  if ('problem' in parsed) return parsed;
  const { service, last, window } = parsed;
  const { operation, over, failed, top = DEFAULT_TOP, share = false } = parsed.options;
  return { command: { kind: 'slowest', service, operation, last, window, over, failed, top }, share };
}

function write({ service, operation, last, window, over, failed, top }: SlowestCommand): string {
  return [
    `slowest ${writeName(service)}`,
    timeText({ last, window }),
    ...(operation === undefined ? [] : [`op ${quote(operation)}`]),
    ...(over === undefined ? [] : [`over ${formatDuration(over)}`]),
    ...(failed === true ? ['failed'] : []),
    ...(top === DEFAULT_TOP ? [] : [`top ${top}`]),
  ].join(' ');
}

/** A search and its result: the command has the full name of the service. */
interface Search {
  readonly command: SlowestCommand;
  readonly window: TimeWindow;
  readonly filter: Filter;
  readonly result: SlowestResult;
}

async function run(
  { command: typed, now, signal }: CommandRequest<SlowestCommand>,
  deps: CommandDeps,
): Promise<Reply<SlowestCommand>> {
  const retry = `/trace ${write({ ...typed, service: SERVICE })}`;
  const found = await findService(deps, { name: typed.service, retry }, signal);
  if ('answer' in found) return found;
  const { service } = found;
  const command = { ...typed, service };
  const { over, failed: isFailed, top: count } = command;
  const window = windowUntil(now, command);
  const filter = await filterOf(deps, command, signal);
  const minDuration = over === undefined ? undefined : toUs(over);
  const result = await deps.findSlowest({ service, window, count, ...filter, minDuration, isFailed }, signal);
  const search = { command, window, filter, result };
  if (result.rows.length === 0)
    return { answer: nothing(await absenceText(deps, search, signal), searchLinks(deps, search)) };
  const view: SlowestView = {
    command,
    window,
    result: { ...result, rows: result.rows.map((row) => ({ ...row, url: deps.links.trace(row.traceId) })) },
    links: [...searchLinks(deps, search), ...kialiLinks(deps, service)],
  };
  return { answer: { kind: 'slowest', view }, again: { ...command, window } };
}

/** Which of the service's spans count: those of one name, or those of requests to one path. */
interface Filter {
  readonly operation?: string;
  readonly requestLine?: string;
}

/**
 * Reads `op` as the name of spans, by which the backend filters, or as the request that answers show (`POST /checkout`)
 * where a mesh names all spans after their host. Only the latter has a path.
 */
export async function filterOf(
  deps: CommandDeps,
  { operation, service }: Pick<SlowestCommand, 'operation' | 'service'>,
  signal: AbortSignal,
): Promise<Filter> {
  if (operation?.includes('/') !== true) return { operation };
  const known = await operationsOf(deps, service, signal);
  const isName = known.length === 0 || known.includes(operation) || nearest(operation, known).length > 0;
  return isName ? { operation } : { requestLine: operation };
}

/** The operations of a service; none when Jaeger does not answer. */
export const operationsOf = async ({ traces }: CommandDeps, service: string, signal: AbortSignal) =>
  await traces.operations(service, signal).catch((): readonly string[] => []);

/** Leaves room for other traces of the same duration. */
const LINK_LIMIT = 100;

/** The page cannot sort: the duration of the last row as a minimum makes it show the same traces. */
function searchLinks(
  { links }: CommandDeps,
  { command: { service, failed: isFailed }, window, filter: { operation }, result: { rows } }: Search,
): readonly Link[] {
  const minDuration = rows.at(-1)?.duration;
  const url = links.traceSearch({ service, window, operation, minDuration, isFailed, limit: LINK_LIMIT });
  return existingLinks([['Search in Jaeger', url]]);
}

function kialiLinks({ links }: CommandDeps, service: string): readonly Link[] {
  const application = kialiApplication(service);
  return existingLinks([['Traces in Kiali', application && links.kialiTraces(application)]]);
}

const lateText = (arriving: Milliseconds | undefined): string =>
  arriving === undefined ? '' : ` The last ${Math.round(arriving / SECOND)} s may still be arriving.`;

async function absenceText(deps: CommandDeps, search: Search, signal: AbortSignal): Promise<string> {
  const { command, filter, window, result } = search;
  const { service, operation, over, failed } = command;
  if (filter.operation !== undefined) {
    const known = await operationsOf(deps, service, signal);
    if (known.length > 0 && !known.includes(filter.operation))
      return unknownOperation(service, filter.operation, known);
  }
  const { isComplete, arriving, searches } = result;
  const where = windowText(window);
  const of = operation === undefined ? service : `"${operation}" of ${service}`;
  const found = `No trace of ${of}${failed === true ? ' in which its span failed' : ''} was found ${where}`;
  if (!isComplete)
    return `${found}, but the search is incomplete after ${count(searches, 'request')} to Jaeger. Use a shorter time range.`;
  if (failed === true) return `${found}.${lateText(arriving)}`;
  const atLeast = over === undefined ? '' : `${durationText(toUs(over))} or more`;
  const late = lateText(arriving);
  if (filter.requestLine !== undefined) {
    const slow = atLeast === '' ? '' : ` of ${atLeast}`;
    return `${service} has no span named "${filter.requestLine}", and no request${slow} to it ${where}.${late}`;
  }
  if (atLeast !== '') return `No traced request to ${of} took ${atLeast} ${where}.${late}`;
  return `No trace of ${of} ${where}. Jaeger knows the service, so it has been traced before: there was no traffic, none of it was sampled, or its spans have not arrived yet (up to a minute).`;
}

export function unknownOperation(service: string, operation: string, known: readonly string[]): string {
  const near = nearest(operation, known, { count: 3 });
  const shown = near.length > 0 ? near : known.slice(0, 5);
  return `${service} has no operation "${operation}". ${near.length > 0 ? 'Similar' : 'Operations'}: ${shown.map((name) => `"${name}"`).join(', ')}.`;
}

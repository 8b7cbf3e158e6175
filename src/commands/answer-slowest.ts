import { durationText, windowText } from '../lib/format.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import { nearest } from '../lib/nearest.ts';
import { before, type Microseconds, type TimeWindow, toUs } from '../lib/units.ts';
import type { SlowestResult, TraceRow } from '../traces/find-slowest.ts';
import type { Answer } from './answer.ts';
import { type Asking, type CommandsOptions, type Reply, serviceOf } from './asking.ts';
import type { Command } from './command.ts';

type SlowestCommand = Extract<Command, { kind: 'slowest' }>;

/** What was searched, with the service's full name and a fixed window. */
interface Searched {
  readonly command: SlowestCommand;
  readonly service: string;
  readonly filter: Filter;
  readonly window: TimeWindow;
  readonly minDuration?: Microseconds;
}

/** Answers `/trace slowest`. */
export async function answerSlowest(
  options: CommandsOptions,
  { command, now, signal }: Asking<SlowestCommand>,
): Promise<Reply> {
  const resolved = await serviceOf(options, { command, signal });
  if ('answer' in resolved) return resolved;
  const { service } = resolved;
  const window = command.window ?? { start: before(now, command.last), end: now };
  const filter = await filterOf(options, { operation: command.operation, service }, signal);
  const searched: Searched = {
    command,
    service,
    filter,
    window,
    minDuration: command.over === undefined ? undefined : toUs(command.over),
  };
  const result = await options.findSlowest(
    {
      service,
      window,
      count: command.top,
      ...filter,
      ...(searched.minDuration === undefined ? {} : { minDuration: searched.minDuration }),
    },
    signal,
  );
  if (result.rows.length === 0) {
    return { answer: await nothing(options, { ...searched, result }, signal) };
  }
  return {
    answer: { kind: 'slowest', view: viewOf(searched, result, options.links) },
    again: { ...command, service, window },
  };
}

/** Which of the service's spans count: those of one name, or those that were asked for one thing. */
interface Filter {
  readonly operation?: string;
  readonly asked?: string;
}

/**
 * What `op` means: the name of spans, by which the backend filters, or what answers show in its place, `POST /checkout`, where
 * a mesh names all spans after their host. Only a request has a path.
 */
async function filterOf(
  { traces }: CommandsOptions,
  { operation, service }: { readonly operation: string | undefined; readonly service: string },
  signal: AbortSignal,
): Promise<Filter> {
  if (operation === undefined) return {};
  if (!operation.includes('/')) return { operation };
  const names = await traces.operations(service, signal).catch((): readonly string[] => []);
  const isName = names.length === 0 || names.includes(operation) || nearest(operation, names).length > 0;
  return isName ? { operation } : { asked: operation };
}

/** As far as the backend's own search page can be notified. */
const pageFilter = ({ operation }: Filter): Pick<Filter, 'operation'> =>
  operation === undefined ? {} : { operation };

function viewOf(
  { command, service, filter, window, minDuration }: Searched,
  result: SlowestResult,
  links: Links,
): SlowestView {
  const slowest = result.rows.at(-1)?.duration;
  const searchUrl = links.traceSearch({
    service,
    window,
    ...pageFilter(filter),
    // The page cannot be notified to sort: a floor at the last row makes it show the same traces.
    ...(slowest === undefined ? {} : { minDuration: slowest }),
    limit: LINK_LIMIT,
  });
  return {
    service,
    operation: command.operation,
    window,
    minDuration,
    rows: result.rows.map((row) => withUrl(row, links)),
    asked: command.top,
    isExact: result.isExact,
    completeness: result.completeness,
    searchUrl,
    links: elsewhere(service, links),
  };
}

/** Kiali shows an application's traces against the others of the last minutes. */
function elsewhere(service: string, links: Links): readonly Link[] {
  const application = kialiApplication(service);
  const url = application === undefined ? undefined : links.kialiTraces(application);
  return url === undefined ? [] : [{ label: 'Traces in Kiali', url }];
}

/** Room for others of the same duration. */
const LINK_LIMIT = 100;

function withUrl(row: TraceRow, links: Links): TraceRow {
  const url = links.trace(row.traceId);
  return url === undefined ? row : { ...row, url };
}

interface Absence extends Searched {
  readonly result: SlowestResult;
}

async function nothing(options: CommandsOptions, absence: Absence, signal: AbortSignal): Promise<Answer> {
  const { filter, service, window } = absence;
  const url = options.links.traceSearch({ service, window, ...pageFilter(filter), limit: LINK_LIMIT });
  const links: readonly Link[] = url === undefined ? [] : [{ label: 'Search in Jaeger', url }];
  const unknown =
    filter.operation === undefined
      ? undefined
      : await unknownOperation(options, { service, operation: filter.operation }, signal);
  return { kind: 'nothing', text: unknown ?? absenceText(absence), links };
}

/** Set when the operation is none of the service's, which explains everything. A failure here explains nothing. */
async function unknownOperation(
  { traces }: CommandsOptions,
  { service, operation }: { readonly service: string; readonly operation: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const known = await traces.operations(service, signal).catch((): readonly string[] => []);
  if (known.length === 0 || known.includes(operation)) return undefined;
  const near = nearest(operation, known, { count: 3 });
  const shown = near.length > 0 ? near : known.slice(0, 5);
  return `${service} has no operation "${operation}". ${near.length > 0 ? 'Near it' : 'It has'}: ${shown.map((name) => `"${name}"`).join(', ')}.`;
}

function absenceText({ service, command, filter, window, minDuration, result }: Absence): string {
  const where = `in ${windowText(window)}`;
  const of = command.operation === undefined ? service : `"${command.operation}" of ${service}`;
  const { isExact, arriving } = result;
  if (!isExact)
    return `Nothing of ${of} was found ${where} before the time for this was over: try a shorter time.`;
  const late =
    arriving === undefined ? '' : ` The last ${Math.round(arriving / 1_000)} s may still be arriving.`;
  if (filter.asked !== undefined) {
    const slow = minDuration === undefined ? '' : `of ${durationText(minDuration)} or more `;
    return `No span of ${service} is named "${filter.asked}", and none ${slow}was asked for it ${where}.${late}`;
  }
  if (minDuration !== undefined) {
    return `No traced request to ${of} took ${durationText(minDuration)} or more ${where}.${late}`;
  }
  return `No trace of ${of} ${where}. Jaeger knows the service, so it has been traced before: there was no traffic, none of it was sampled, or its spans have not arrived yet (they take up to a minute).`;
}

/** The slowest traces of a service. */
export interface SlowestView {
  readonly service: string;
  readonly operation?: string;
  readonly window: TimeWindow;
  readonly minDuration?: Microseconds;
  readonly rows: readonly TraceRow[];
  readonly asked: number;
  /** Whether no slower trace can be missing. */
  readonly isExact: boolean;
  /** What was proven, or why nothing is, as a sentence. */
  readonly completeness: string;
  readonly searchUrl?: string;
  /** The service's traces in other tools. */
  readonly links?: readonly Link[];
}

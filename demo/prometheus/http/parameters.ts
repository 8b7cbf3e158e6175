import { parseDuration } from '../../../src/lib/units.ts';
import { QueryError } from '../promql/errors.ts';

/** A request's parameters: those of the form body first, then those of the address, as Go's FormValue reads them. */
export interface Parameters {
  /** The first value, or '' when there is none. */
  first(name: string): string;
  all(name: string): readonly string[];
}

/** Joins the parameters of a form body and of the address. */
export function createParameters(body: URLSearchParams, query: URLSearchParams): Parameters {
  const all = (name: string): readonly string[] => [...body.getAll(name), ...query.getAll(name)];
  return { all, first: (name) => all(name)[0] ?? '' };
}

/** A parameter that cannot be read; worded as Prometheus does. */
export const invalidParameter = (name: string, reason: string): QueryError =>
  new QueryError('bad_data', `invalid parameter "${name}": ${reason}`);

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** An instant in ms since the epoch: Unix seconds with an optional fraction, or RFC 3339. Undefined when it is neither. */
export function parseInstant(text: string): number | undefined {
  if (NUMBER.test(text)) {
    const t = Math.round(Number(text) * 1_000);
    return Number.isFinite(t) ? t : undefined;
  }
  const t = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(t) ? undefined : t;
}

/** A length of time in ms: seconds with an optional fraction, or a Prometheus duration. Undefined when it is neither. */
function parseSpan(text: string): number | undefined {
  if (NUMBER.test(text)) return Math.trunc(Number(text) * 1_000_000) / 1_000;
  return parseDuration(text);
}

/** A required instant. */
export function requiredInstant(parameters: Parameters, name: string): number {
  const text = parameters.first(name);
  const t = parseInstant(text);
  if (t === undefined)
    throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return t;
}

/** An instant that may be left out. */
export function optionalInstant(parameters: Parameters, name: string, absent: number): number {
  const text = parameters.first(name);
  if (text === '') return absent;
  const t = parseInstant(text);
  if (t !== undefined) return t;
  const reason = `invalid time value for '${name}': cannot parse ${JSON.stringify(text)} to a valid timestamp`;
  throw invalidParameter(name, reason);
}

/** A required length of time in ms. */
export function requiredSpan(parameters: Parameters, name: string): number {
  const text = parameters.first(name);
  const span = parseSpan(text);
  if (span === undefined)
    throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  return span;
}

/** A length of time in ms that may be left out. */
export const optionalSpan = (parameters: Parameters, name: string, absent: number): number =>
  parameters.first(name) === '' ? absent : requiredSpan(parameters, name);

/** `limit`: how many results at most; 0 or absent means all. */
export function limitOf(parameters: Parameters): number {
  const text = parameters.first('limit');
  if (text === '') return 0;
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const limit = Number(text);
  if (limit < 0) throw invalidParameter('limit', 'limit must be non-negative');
  return limit;
}

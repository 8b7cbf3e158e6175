import { z } from 'zod';
import type { Span, Trace } from '../traces/trace.ts';
import { errorTextOf } from './request.ts';
import { readLegacyTraces } from './wire-legacy.ts';
import { readResourceSpans } from './wire-otlp.ts';

/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Where a text stops being JSON. */
export interface JsonFault extends TextPlace {
  /** The text is the beginning of a document: it was cut off. */
  readonly isCutOff: boolean;
}

const SPACE = /[ \t\r\n]*/y;
/** One token; a text that is not closed, or another character, matches none. */
const TOKEN =
  /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null|[{}[\],:]/iuy;

/**
 * The place of the first fault of a text that `JSON.parse` refuses; its own message names none in older versions of Node.js
 * and for short texts. Grammar: RFC 8259. Undefined for valid JSON.
 */
export function jsonFault(text: string): JsonFault | undefined {
  const reader = createReader();
  let at = skipSpace(text, 0);
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return faultAt(text, at, isUnclosedText(text, at));
    if (!reader.accepts(token)) return faultAt(text, at, false);
    at = skipSpace(text, at + token.length);
  }
  return reader.isComplete() ? undefined : faultAt(text, text.length, true);
}

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from;
  return from + (SPACE.exec(text)?.[0].length ?? 0);
}

/** What may come next. `first-*` also accepts the end of an empty list or object. */
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'separator' | 'nothing';

function createReader(): { accepts(token: string): boolean; isComplete(): boolean } {
  const open: ('[' | '{')[] = [];
  let expected: Expected = 'value';
  const closed = (): boolean => {
    expected = open.length === 0 ? 'nothing' : 'separator';
    return true;
  };
  const expect = (next: Expected): boolean => {
    expected = next;
    return true;
  };
  const isExpected = (...any: readonly Expected[]): boolean => any.includes(expected);
  const begin = (bracket: '[' | '{', next: Expected): boolean =>
    isExpected('value', 'first-value') && open.push(bracket) > 0 && expect(next);
  const close = (bracket: '[' | '{', empty: Expected): boolean =>
    isExpected('separator', empty) && open.pop() === bracket && closed();
  const scalar = (token: string): boolean =>
    isExpected('key', 'first-key')
      ? token.startsWith('"') && expect('colon')
      : isExpected('value', 'first-value') && closed();
  const punctuation = new Map([
    ['{', () => begin('{', 'first-key')],
    ['[', () => begin('[', 'first-value')],
    ['}', () => close('{', 'first-key')],
    [']', () => close('[', 'first-value')],
    [':', () => isExpected('colon') && expect('value')],
    [',', () => isExpected('separator') && expect(open.at(-1) === '{' ? 'key' : 'value')],
  ]);
  return {
    isComplete: () => expected === 'nothing',
    accepts: (token) => punctuation.get(token)?.() ?? scalar(token),
  };
}

/** A text whose closing quote is missing up to the end of the document. */
function isUnclosedText(text: string, at: number): boolean {
  const rest = text.slice(at);
  return rest.startsWith('"') && !/[^\\]"|\p{Cc}/u.test(rest.slice(1));
}

function faultAt(text: string, at: number, isCutOff: boolean): JsonFault {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - lineStart + 1, isCutOff };
}

/** A document that holds no readable traces. `message` has no place and no final period. */
export class TraceExportError extends Error {
  override readonly name = 'TraceExportError';
  /** Where in the document, if known. */
  readonly place: TextPlace | undefined;

  constructor(message: string, place?: TextPlace) {
    super(message);
    this.place = place;
  }
}

/**
 * Reads traces as other tools export them: Jaeger (its page and `/api/traces`, `/api/v3/traces`), Tempo (`/api/traces` with
 * `batches`, `/api/v2/traces` with `trace`), OTLP (`resourceSpans`), a list of any of them, or one after the other, as the file
 * exporter of the OpenTelemetry Collector writes them in lines. Spans of one trace are joined. Throws `TraceExportError`.
 */
export function readExportedTraces(text: string): readonly Trace[] {
  const documents = documentsOf(text);
  const traces =
    documents === undefined
      ? tracesIn(parsed(text, 1), undefined)
      : documents.flatMap(({ text, line }) => tracesIn(parsed(text, line), { line, column: 1 }));
  const all = joinedTraces(traces);
  if (all.length === 0) throw new TraceExportError('no traces');
  return all;
}

/**
 * The documents of a text that holds several, each from the start of a line: one per line, or printed over several lines by
 * `jq`. Undefined for a single document.
 */
function documentsOf(text: string): readonly { readonly text: string; readonly line: number }[] | undefined {
  const pieces = text.split(/\n(?=[{[])/);
  const [first = '', second] = pieces;
  if (second === undefined || !isJson(first)) return undefined;
  let line = 1;
  return pieces.map((piece) => {
    const document = { text: piece, line };
    line += piece.split('\n').length;
    return document;
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsed(text: string, firstLine: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const fault = jsonFault(text);
    if (fault === undefined || text.trim() === '') throw new TraceExportError('the file is empty');
    const { line, column, isCutOff } = fault;
    const place = { line: firstLine + line - 1, column };
    throw new TraceExportError(isCutOff ? 'invalid JSON: the document ends early' : 'invalid JSON', place);
  }
}

/** The traces of one document, which may begin at a place of its file. */
function tracesIn(document: unknown, place: TextPlace | undefined): readonly Trace[] {
  try {
    return Array.isArray(document) ? document.flatMap(tracesOf) : tracesOf(document);
  } catch (error) {
    if (error instanceof TraceExportError) throw new TraceExportError(error.message, place);
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    const path = issue?.path.map(String).join('.') ?? '';
    throw new TraceExportError(`${issue?.message ?? 'unreadable'}${path === '' ? '' : ` at ${path}`}`, place);
  }
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

function tracesOf(document: unknown): readonly Trace[] {
  const fields = fieldsOf(document);
  const { data } = fields;
  if (Array.isArray(data) && data.length > 0) return readLegacyTraces(document);
  const failure = errorTextOf(document);
  if (failure !== undefined) throw new TraceExportError(`an error of the tracing backend: ${failure}`);
  if (Array.isArray(fields['spans']) && 'traceID' in fields) return readLegacyTraces({ data: [document] });
  for (const [path, inner] of [
    ['', fields],
    ['result.', fieldsOf(fields['result'])],
    ['trace.', fieldsOf(fields['trace'])],
  ] as const) {
    for (const key of ['resourceSpans', 'batches'])
      if (Array.isArray(inner[key])) return readResourceSpans(inner[key], `${path}${key}`);
  }
  return withoutSpans(fields);
}

/** A known document without spans has no traces; another one is refused. */
function withoutSpans(fields: Fields): readonly Trace[] {
  if (['traces', 'summaries'].some((key) => Array.isArray(fields[key])))
    throw new TraceExportError('a list of search results, which hold no spans');
  // Proto JSON leaves out empty lists.
  if (['data', 'result', 'trace'].some((key) => key in fields)) return [];
  throw new TraceExportError('not an export of Jaeger, Tempo or OTLP');
}

/**
 * Each trace once. Its spans may stand in several documents, since an exporter writes them as they end; a span that
 * two documents hold, as the results of two searches do, is read once.
 */
export function joinedTraces(traces: readonly Trace[]): readonly Trace[] {
  const byId = new Map<string, Map<string, Span>>();
  for (const { traceId, spans } of traces) {
    const known = byId.get(traceId) ?? new Map<string, Span>();
    byId.set(traceId, known);
    for (const span of spans) {
      const { spanId, kind, serviceName, spanName, start, duration } = span;
      // The two sides of a call can share an id.
      known.set([spanId, kind, serviceName, spanName, start, duration].join('\n'), span);
    }
  }
  return [...byId].flatMap(([traceId, spans]) =>
    spans.size === 0 ? [] : [{ traceId, spans: [...spans.values()] }],
  );
}

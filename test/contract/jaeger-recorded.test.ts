import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { fromOtlp, type OtlpTraces } from '../../demo/jaeger/otlp.ts';
import { createJaegerServer, type JaegerServer } from '../../demo/jaeger/server.ts';
import type { ServerVersion } from '../../demo/jaeger/server-version.ts';
import { createJaegerStore } from '../../demo/jaeger/store.ts';

/**
 * Replays what was asked of real Jaegers and expects the recorded answers. Orders that a real Jaeger leaves open do not count: those of
 * traces, services, operations, resource groups and the spans of a trace. Inside a span everything counts, the order of its tags too.
 * Requests are replayed one after the other, as they were recorded, because 2.20 changes what it stores while it reads.
 */
interface Recorded {
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly body?: unknown;
  readonly text?: string;
}

interface Recording {
  readonly base: string;
  readonly requests: readonly Recorded[];
}

type Json = Record<string, unknown>;

const GENERATIONS: readonly ServerVersion[] = ['2.13', '2.20', 'after-2.20'];
const EXPECTED_COUNT = 109;

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/jaeger/${name}`, import.meta.url), 'utf8');

/**
 * Requests that a real Jaeger answers with the page of its UI. The recorded page is the placeholder of a build without the UI, and the
 * stand-in shows pages of its own, so only status and content type are compared.
 */
const UI_PAGE: Readonly<Record<ServerVersion, readonly string[]>> = {
  '2.13': ['/api/nope', '/nope', '/api/v3/nope', '/api/v3/trace-summaries', '/api/v3/dependencies'],
  '2.20': ['/nope'],
  'after-2.20': ['/nope'],
};

let server: JaegerServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(serverVersion: ServerVersion, base: string): Promise<string> {
  const store = createJaegerStore({ maxTraces: 100_000 });
  store.add(fromOtlp(JSON.parse(fixture('population.otlp.json')) as OtlpTraces));
  server = createJaegerServer({ store, serverVersion, clock: { now: () => Date.parse(base) } });
  return (await server.listen()).url;
}

interface Got {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly body: unknown;
}

async function get(url: string): Promise<Got> {
  const response = await fetch(url);
  const text = await response.text();
  const isJson = /^\s*[{[]/.test(text);
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    text,
    body: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}

const byText = (a: unknown, b: unknown): number => {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
};

/** Piled-up warnings depend on which traces an arbitrary, truncated answer happened to contain before. */
function onceEach(warnings: unknown, serverVersion: ServerVersion): unknown {
  return Array.isArray(warnings) && serverVersion === '2.13' ? [...new Set(warnings)] : warnings;
}

interface OlderTrace {
  readonly traceID: string;
  readonly spans: readonly Json[];
  readonly processes: Readonly<Record<string, unknown>>;
}

function olderTrace(trace: OlderTrace, serverVersion: ServerVersion): unknown {
  const spans = trace.spans
    .map(({ processID, warnings, ...span }) => ({
      ...span,
      warnings: onceEach(warnings, serverVersion),
      process: trace.processes[String(processID)],
    }))
    .sort(byText);
  return { id: trace.traceID, spans, processCount: Object.keys(trace.processes).length };
}

function v3Span(span: Json, serverVersion: ServerVersion): Json {
  const attributes =
    (span.attributes as { key: string; value: { arrayValue?: { values: unknown[] } } }[]) ?? [];
  return {
    ...span,
    attributes: attributes.map((pair) =>
      pair.key === '@jaeger@warnings' && serverVersion === '2.13'
        ? [...new Set(pair.value.arrayValue?.values.map((value) => JSON.stringify(value)))]
        : pair,
    ),
  };
}

function v3Traces(groups: readonly Json[], serverVersion: ServerVersion): { id: string; spans: unknown[] }[] {
  const traces = new Map<string, unknown[]>();
  for (const { resource, scopeSpans } of groups) {
    for (const { scope, spans } of scopeSpans as { scope: unknown; spans: Json[] }[]) {
      const id = String(spans[0]?.traceId);
      // A group belongs to one trace and one process.
      const group = { resource, scope, spans: spans.map((span) => v3Span(span, serverVersion)).sort(byText) };
      traces.set(id, [...(traces.get(id) ?? []), group]);
    }
  }
  return [...traces].map(([id, spans]) => ({ id, spans: spans.sort(byText) }));
}

interface Comparable {
  readonly traces: readonly unknown[] | undefined;
  readonly rest: unknown;
}

/** Takes a body apart into its traces (or other unordered items) and the rest. */
function takeApart(body: unknown, serverVersion: ServerVersion): Comparable {
  const { data, result, ...rest } = body as { data?: unknown; result?: { resourceSpans: Json[] } } & Json;
  if (result !== undefined)
    return { traces: v3Traces(result.resourceSpans, serverVersion).sort(byText), rest };
  if (Array.isArray(data)) {
    const items = data.map((item: unknown) =>
      typeof item === 'object' && item !== null && 'spans' in item
        ? olderTrace(item as OlderTrace, serverVersion)
        : item,
    );
    return { traces: items.sort(byText), rest };
  }
  const lists = Object.entries(rest).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.toSorted(byText) : value,
  ]);
  if ('summaries' in rest) return { traces: (rest.summaries as unknown[]).toSorted(byText), rest: {} };
  return { traces: undefined, rest: { data, ...Object.fromEntries(lists) } };
}

const LIMIT = /((?:[?&]|query\.)(?:limit|num_traces|searchDepth))=(\d+)/;

/** The recorded limit, when the answer was as long as it allowed and so may be any choice among more. */
function truncatedAt(recorded: Recorded, comparable: Comparable): number | undefined {
  const limit = Number(LIMIT.exec(recorded.path)?.[2] ?? NaN);
  return comparable.traces?.length === limit ? limit : undefined;
}

async function differences(url: string, recorded: Recorded, serverVersion: ServerVersion): Promise<string[]> {
  const got = await get(url + recorded.path);
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown): void => {
    const [left, right] = [JSON.stringify(ours), JSON.stringify(theirs)];
    if (left !== right) found.push(`${recorded.path}\n  ${what}\n  ours   ${left}\n  theirs ${right}`);
  };
  compare('status', got.status, recorded.status);
  compare('content type', got.contentType, recorded.contentType);
  if (UI_PAGE[serverVersion].includes(recorded.path.replace(/\?.*/, ''))) return found;
  if (recorded.text !== undefined) compare('text', got.text, recorded.text);
  if (recorded.body === undefined) return found;
  const long = (recorded.body as { long?: { traceIdsInOrder: string[]; spans: number } }).long;
  const ours = takeApart(got.body, serverVersion);
  if (long !== undefined) {
    compare(
      'trace ids',
      ours.traces?.map((trace) => (trace as { id: string }).id).sort(),
      long.traceIdsInOrder.toSorted(),
    );
    compare('span count', countSpans(got.body), long.spans);
    return found;
  }
  const theirs = takeApart(recorded.body, serverVersion);
  compare('rest', sortKeys(ours.rest), sortKeys(theirs.rest));
  const limit = truncatedAt(recorded, theirs);
  if (limit === undefined) {
    compare('items', sortKeys(ours.traces), sortKeys(theirs.traces));
    return found;
  }
  compare('count', ours.traces?.length, limit);
  const all = takeApart((await get(url + recorded.path.replace(LIMIT, '$1=1000'))).body, serverVersion);
  const allTexts = new Set(all.traces?.map((trace) => JSON.stringify(sortKeys(trace))));
  for (const trace of theirs.traces ?? []) {
    if (!allTexts.has(JSON.stringify(sortKeys(trace))))
      compare('a trace among all that match', undefined, trace);
  }
  return found;
}

function countSpans(body: unknown): number {
  const { data, result } = body as {
    data?: OlderTrace[];
    result?: { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] };
  };
  const groups = result?.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans) ?? data ?? [];
  return groups.reduce((sum, { spans }) => sum + spans.length, 0);
}

/** JSON objects have no order; arrays do. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(pairs.map(([key, inner]) => [key, sortKeys(inner)]));
}

describe.each(GENERATIONS)('the stand-in for Jaeger %s', (serverVersion) => {
  test('answers every recorded request as the real one did', async () => {
    const recording = JSON.parse(fixture(`${serverVersion}.json`)) as Recording;
    const url = await start(serverVersion, recording.base);
    const found: string[] = [];
    for (const recorded of recording.requests)
      found.push(...(await differences(url, recorded, serverVersion)));
    expect(recording.requests).toHaveLength(EXPECTED_COUNT);
    expect(found.join('\n')).toBe('');
  });
});

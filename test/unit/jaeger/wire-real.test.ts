import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';

/** Real traces that are not part of the project; where they are absent there is nothing to read. */
const folder = new URL('../../../../shared/data/traces/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

interface RawTrace {
  readonly traceID: string;
  readonly spans: readonly {
    readonly spanID: string;
    readonly startTime: number;
    readonly duration: number;
  }[];
}

describe.skipIf(files.length === 0)('a real trace', () => {
  it.each(files)('%s is read whole', (name) => {
    const body = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { data: readonly RawTrace[] };
    const traces = readLegacyTraces(body);
    expect(traces.map(({ spans }) => spans.length)).toEqual(body.data.map(({ spans }) => spans.length));
    for (const [i, trace] of traces.entries()) {
      const raw = body.data[i]?.spans ?? [];
      expect(trace.spans.map(({ start, duration }) => [start, duration])).toEqual(
        raw.map(({ startTime, duration }) => [startTime, duration]),
      );
      const summary = summarize(trace);
      expect(summary?.spanCount).toBeGreaterThan(0);
      expect(summary?.services.every(({ name }) => name !== '')).toBe(true);
    }
  });
});

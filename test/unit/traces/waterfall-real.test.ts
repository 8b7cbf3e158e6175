import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { laidOut } from './laid-out.ts';

/** Real traces that are not part of the project; where they are absent there is nothing to lay out. */
const folder = new URL('../../../../shared/data/traces/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

describe.skipIf(files.length === 0)('a real trace', () => {
  it.each(files)('%s is laid out, all of the critical path of its rows inside them', (name) => {
    const body: unknown = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    for (const trace of readLegacyTraces(body)) {
      const { rows, hiddenSpans, spanCount, window, ticks } = laidOut(trace);
      expect(rows.length).toBeLessThanOrEqual(10);
      expect(rows.length + hiddenSpans).toBeLessThanOrEqual(spanCount);
      expect(hiddenSpans === 0 || rows.length === 10).toBe(true);
      expect(window.end).toBeGreaterThan(window.start);
      expect(ticks.length).toBeGreaterThan(0);
      for (const { start, duration, onPath, gaps } of rows) {
        for (const stretch of [...onPath, ...gaps]) {
          expect(stretch.end).toBeGreaterThan(stretch.start);
          expect(stretch.start).toBeGreaterThanOrEqual(start);
          expect(stretch.end).toBeLessThanOrEqual(start + duration);
        }
      }
    }
  });
});

import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { readOtlpTraces } from '../../../src/jaeger/wire-otlp.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import {
  asSent,
  canonical,
  GENERATIONS,
  type Recording,
  recordingsOf,
  sentSpans,
  sorted,
} from './recordings.ts';

const sent = sentSpans();

const isTraces = ({ path, status, body }: Recording, prefix: string): boolean =>
  path.startsWith(prefix) && status === 200 && typeof body === 'object' && body !== null && !('long' in body);

function tracesOf(
  recordings: readonly Recording[],
  prefix: string,
  read: (body: unknown) => readonly Trace[],
) {
  return recordings
    .filter((recording) => isTraces(recording, prefix))
    .flatMap((recording) => read(recording.body).map((trace) => ({ path: recording.path, trace })));
}

describe.each(GENERATIONS)('what a Jaeger of version %s sent', (serverVersion) => {
  const recordings = recordingsOf(serverVersion);
  const legacy = tracesOf(recordings, '/api/traces', readLegacyTraces);
  const v3 = tracesOf(recordings, '/api/v3/traces', readOtlpTraces);

  it('is there to be read, in both apiVersions', () => {
    expect(legacy.length).toBeGreaterThan(5);
    expect(v3.length).toBeGreaterThan(5);
  });

  it('is read without a wrong or missing span', () => {
    for (const { trace } of [...legacy, ...v3]) {
      const expected = sent.filter(({ traceId }) => traceId === trace.traceId);
      expect(sorted(trace.spans.map(asSent))).toEqual(sorted(expected));
    }
  });

  it('reads the same in both apiVersions', () => {
    const adjusted = ({ path }: { path: string }): boolean => !/raw/i.test(path);
    const byId = new Map(v3.filter(adjusted).map(({ trace }) => [trace.traceId, trace]));
    const both = legacy.filter(adjusted).filter(({ trace }) => byId.has(trace.traceId));
    expect(both.length).toBeGreaterThan(5);
    for (const { trace } of both) expect(canonical(trace)).toEqual(canonical(byId.get(trace.traceId)!));
  });

  it('has every attribute with its type', () => {
    const trace = v3.find(({ trace }) => trace.traceId === '9d4a5d4fffbf712017f5a8c6d1ddef44')?.trace;
    const [odd, child] = [...(trace?.spans ?? [])].sort((a, b) => a.start - b.start);
    expect(odd?.attributes).toEqual({
      'a.b': 'dot',
      arr: '["a","b"]',
      b: true,
      big: '9007199254740993',
      bytes: 'AQL/',
      d: 1.5,
      empty: '',
      i: 42,
      'k:v': 'colon',
      s: 'x',
      'otel.status_description': 'failed',
    });
    expect(odd).toMatchObject({
      isError: true,
      kind: 'server',
      resource: { 'k8s.pod.name': 'odd.shop-0', 'service.version': 'v1' },
      events: [{ attributes: { event: 'early', n: 1 } }, { attributes: { event: 'late', n: 1 } }],
    });
    expect(odd).not.toMatchObject({ parentSpanId: expect.anything() });
    expect(child?.parentSpanId).toBe(odd?.spanId);
    expect(child?.warnings).toEqual([
      'clock skew adjustment disabled; not applying calculated delta of -611.1615ms',
    ]);
  });
});

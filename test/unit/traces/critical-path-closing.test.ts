import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { hopEdgesOf } from '../../../src/traces/hops.ts';
import { pathBreakdown } from '../../../src/traces/path-breakdown.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { traceNotices } from '../../../src/traces/trace-notices.ts';
import { outlineOf, type TraceOutline } from '../../../src/traces/trace-summary.ts';
import { runsOf } from '../../support/runs.ts';
import { timed } from '../../support/timed-trace.ts';

const outline = (trace: Trace): TraceOutline => {
  const found = outlineOf(trace);
  if (found === undefined) throw new Error('the trace has spans');
  return found;
};

/** `mysql database 57.5`: the largest entry of the path. */
const largest = (trace: Trace): string => {
  const [first] = pathBreakdown(outline(trace).path);
  return `${first?.service} ${first?.kind} ${(first?.time ?? 0) / 1_000}`;
};

const NOW = epochMs(2_000_000_000_000);
const notices = (trace: Trace): string => traceNotices(outline(trace), NOW).join(' ');

describe('a child that ends after its parent', () => {
  it.each([0.6, 0.7, 2])('closes %f ms after its sidecar: the database is still the cause', (late) => {
    const trace = timed(`
      sidecar server 0-64.2
        otel server 0.2-${64.2 + late}
          otel client 1-63
            paysidecar server 1.5-62.5
              payments server 2-62
                payments client 3-60.5 db.system=mysql
    `);
    expect(largest(trace)).toBe('payments database 57.5');
    expect(notices(trace)).toBe('');
  });

  it.each([5, 20, 40, 60, 200])('of a request of %d ms: the database is the cause', (duration) => {
    const trace = timed(`
      charge server 0-${duration}
        charge client ${duration * 0.2}-${duration + 0.5} db.system=mysql
    `);
    expect(largest(trace)).toBe(`charge database ${duration * 0.8}`);
  });

  it("a sidecar's client that closes after the application's leaves only its overhead to the network", () => {
    const trace = timed(`
      app client 1-6
        app client 1.1-6.06
          payments server 1.3-5.9
    `);
    expect(largest(trace)).toBe('payments own 4.6');
  });

  it.each([-2, -0.9, 0, 0.5, 2])(
    "a gateway's handler that does not hide its call by closing %f ms after it",
    (late) => {
      const trace = timed(`
      gateway server 0-340
        gateway internal 1-${335 + late}
        gateway client 1.5-335
          food server 3-333
    `);
      expect(largest(trace)).toBe('food own 330');
    },
  );

  it('names spans that were not waited for only where they change the path', () => {
    const aside = (child: string) => notices(timed(`a server 0-100\n  b internal 10-90\n  ${child}`));
    expect(aside('c internal 95-400')).toContain('not waited for');
    expect(aside('c consumer 20-400')).toContain('not waited for');
    expect(aside('c internal 99.5-99.9')).toBe('');
    expect(aside('c internal 120-400')).not.toContain('not waited for');
  });
});

describe('a server span that starts before its client', () => {
  const early = (ms: number) =>
    timed(`
      a server 10-60
        a client 20-50
          b server ${20 - ms}-45
    `);
  it.each([0.002, 0.5, 0.999])('by %f ms: rounding, which moves nothing', (ms) => {
    expect(outline(early(ms)).path.sections.map(({ start, end }) => [start / 1_000, end / 1_000])).toEqual([
      [10, 20],
      [20, 45],
      [45, 50],
      [50, 60],
    ]);
    expect(notices(early(ms))).toBe('');
  });
  it('by 1 ms: the clocks differ', () => {
    expect(notices(early(1))).toContain('Clock skew');
  });
});

describe('a server span that ends after its client', () => {
  const late = (server: string, failed = '') =>
    timed(`
      a server 0-60
        a client 10-40 ${failed}
          ${server}
    `);
  it('and fits into it is moved to its middle: the clocks differ', () => {
    const trace = late('b server 30-50');
    expect(largest(trace)).toBe('a own 30');
    expect(outline(trace).breakdown.map(({ kind, time }) => [kind, time / 1_000])).toEqual([
      ['own', 30],
      ['own', 20],
      ['network', 10],
    ]);
    expect(outline(trace).duration).toBe(60_000);
    expect(hopEdgesOf(outline(trace).tree)).toMatchObject([{ overhead: 10_000, split: undefined }]);
    expect(notices(trace)).toContain('Clock skew');
  });
  it.each([
    ['a client that timed out', late('b server 30-50', 'error=true')],
    ['a server that failed', late('b server 30-50 error=true')],
    ['a longer server', late('b server 12-50')],
    ['one of several servers', late('b server 30-50\n          b server 12-39')],
  ])('of %s is clipped, and measures no overhead', (_, trace) => {
    expect(notices(trace)).not.toContain('Clock skew');
    expect(hopEdgesOf(outline(trace).tree)).toEqual([]);
  });
});

/** Calls in sequence, nested up to four levels, each service with pauses between its calls. */
const requestArbitrary = fc
  .array(fc.record({ level: fc.nat(3), length: fc.integer({ min: 8, max: 60 }), pause: fc.nat(4) }), {
    minLength: 2,
    maxLength: 8,
  })
  .map((items) => {
    const spans: Partial<Span>[] = [];
    let clock = 0;
    let open: number[] = [];
    const begin = (level: number) => {
      spans.push({
        spanId: `s${spans.length}`,
        serviceName: `service ${spans.length}`,
        kind: level % 2 === 0 ? 'server' : 'client',
        start: epochUs(clock * 1_000),
        ...(level === 0 ? {} : { parentSpanId: `s${open[level - 1]}` }),
      });
      open.push(spans.length - 1);
    };
    const endDownTo = (level: number) => {
      for (const index of open.slice(level).reverse()) {
        const span = spans[index];
        if (span !== undefined) spans[index] = { ...span, duration: us(clock * 1_000 - (span.start ?? 0)) };
      }
      open = open.slice(0, level);
    };
    begin(0);
    for (const { level, length, pause } of items) {
      endDownTo(Math.min(level, open.length - 1) + 1);
      clock += pause;
      begin(open.length);
      clock += length;
    }
    endDownTo(0);
    return spans;
  });

it('moving the end of any span by up to 2 ms changes no cause', () => {
  fc.assert(
    fc.property(requestArbitrary, fc.nat(), fc.integer({ min: -2_000, max: 2_000 }), (spans, pick, by) => {
      const traceOf = (all: readonly Partial<Span>[]): Trace => ({
        traceId: '1',
        spans: all.map((span) => ({ ...timed('a internal 0-1').spans[0], ...span }) as Span),
      });
      const before = pathBreakdown(outline(traceOf(spans)).path);
      // Where two causes are nearly as large, 2 ms decide.
      fc.pre((before[0]?.time ?? 0) - (before[1]?.time ?? 0) > 4_000);
      const index = 1 + (pick % (spans.length - 1));
      const moved = spans.map((span, i) =>
        i === index ? { ...span, duration: us((span.duration ?? 0) + by) } : span,
      );
      const after = pathBreakdown(outline(traceOf(moved)).path);
      expect(after[0]).toMatchObject({ service: before[0]?.service, kind: before[0]?.kind });
    }),
    { numRuns: runsOf(2_000) },
  );
});

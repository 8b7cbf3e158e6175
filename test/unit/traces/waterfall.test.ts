import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span } from '../../../src/traces/trace.ts';
import type { Waterfall, WaterfallInterval } from '../../../src/traces/waterfall.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { family, laidOut } from './laid-out.ts';

/** Milliseconds: a drawing has one character for each. */
const stretches = (all: readonly WaterfallInterval[]): string =>
  all.map(({ start, end }) => `${start / 1_000}-${end / 1_000}`).join(' ');

/** A row in one line: indent, service, when, then what is special about it. */
const lines = ({ rows }: Waterfall): readonly string[] =>
  rows.map((row) =>
    [
      `${'. '.repeat(row.depth)}${row.service} ${stretches([{ start: row.start, end: us(row.start + row.duration) }])}`,
      ...(row.onPath.length === 0 ? [] : [`path ${stretches(row.onPath)}`]),
      ...(row.gaps.length === 0 ? [] : [`gaps ${stretches(row.gaps)}`]),
      ...(row.attempt === undefined ? [] : [`try ${row.attempt.number}/${row.attempt.of}`]),
      ...(row.isError ? ['error'] : []),
      ...(row.isUnawaited ? ['async'] : []),
      ...(row.isOrphan ? ['orphan'] : []),
    ].join(', '),
  );

const CASES: Readonly<Record<string, { readonly drawing: string; readonly rows: readonly string[] }>> = {
  'one span is one row, all of it on the path': {
    drawing: 'a   |=========|',
    rows: ['a 0-10, path 0-10'],
  },
  'a client and its server are one row, named after the server; what the server leaves free is network': {
    drawing: `
      client:c           |===================|
      server:s<client        |============|
    `,
    rows: ['server 0-20, path 0-4 17-20 4-17, gaps 0-4 17-20'],
  },
  'attempts are rows of their own below the call, and the pauses between them are its gaps': {
    drawing: `
      client:c           |===================|
      first@pay:s<client  |=!=|
      second@pay:s<client        |=========|
    `,
    rows: [
      'client 0-20, path 0-1 5-8 18-20, gaps 0-1 5-8 18-20',
      '. pay 1-5, path 1-5, try 1/2, error',
      '. pay 8-18, path 8-18, try 2/2',
    ],
  },
  'the way to the proxy that made the call is network, too': {
    drawing: `
      client:c           |===================|
      side:c<client        |===========|
      server:s<side          |======|
    `,
    rows: [
      'client 0-20, path 0-2 14-20, gaps 0-2 14-20',
      '. server 2-14, path 2-4 11-14 4-11, gaps 2-4 11-14',
    ],
  },
  'a failure of the server marks the row of the call': {
    drawing: `
      client:c           |=========|
      server:s<client      |=!==|
    `,
    rows: ['server 0-10, path 0-2 7-10 2-7, gaps 0-2 7-10, error'],
  },
  'a span that is not waited for is not on the path': {
    drawing: `
      a           |=========|
      mail<a         |~~~~~~~~~~|
    `,
    rows: ['a 0-10, path 0-10', '. mail 3-14, async'],
  },
  'a server whose clock is wrong is put in the middle of its call': {
    drawing: `
      client:c                |===================|
      server:s<client   |=========|
      query<server         |==|
    `,
    rows: ['server 0-20, path 0-5 15-20 5-8 11-15, gaps 0-5 15-20', '. query 8-11, path 8-11'],
  },
  'a span whose parent is missing is outside the tree of the root': {
    drawing: `
      a              |=========|
      b<a              |====|
      lost<gone          |====|
    `,
    rows: ['a 0-10, path 0-2 7-10', '. b 2-7, path 2-7', 'lost 4-9, orphan'],
  },
  'several roots stand below each other, the one the path is of first': {
    drawing: `
      a   |=========|
      b      |====|
    `,
    rows: ['a 0-10, path 0-10', 'b 3-8'],
  },
};

describe('the rows of a waterfall', () => {
  it.each(Object.entries(CASES))('%s', (_, { drawing, rows }) => {
    expect(lines(laidOut(drawn(drawing)))).toEqual(rows);
  });

  it('are the same wherever on the clock the trace lies', () => {
    const { drawing } = Object.values(CASES)[2] ?? { drawing: '' };
    expect(lines(laidOut(drawn(drawing, 1_700_000_000_000_000)))).toEqual(lines(laidOut(drawn(drawing))));
  });
});

describe('what is left out', () => {
  it('is nothing of a trace that fits', () => {
    const { rows, hiddenSpans } = laidOut(family(Array.from({ length: 9 }, (_, i) => i + 1)));
    expect([rows.length, hiddenSpans]).toEqual([10, 0]);
  });

  it('is counted, and is the shortest of what lies beside the path', () => {
    const { rows, hiddenSpans } = laidOut(family(Array.from({ length: 40 }, (_, i) => i + 1)));
    expect(hiddenSpans).toBe(31);
    // The longest is on the path; of the others the eight longest are shown, in the order of the tree.
    expect(rows.map(({ service }) => service).slice(1)).toEqual(
      Array.from({ length: 9 }, (_, i) => `child-${31 + i}`),
    );
  });

  it('counts both spans of a call that is shown as one row', () => {
    const { rows, spanCount, hiddenSpans } = laidOut(
      drawn(`
        client:c           |===================|
        server:s<client        |============|
      `),
    );
    expect([rows.length, spanCount, hiddenSpans]).toEqual([1, 2, 0]);
  });

  it('is not a failure, even where longer spans went well', () => {
    const { traceId, spans } = family(Array.from({ length: 40 }, (_, i) => i + 1));
    const failing = spans.map((span) => (span.serviceName === 'child-3' ? { ...span, isError: true } : span));
    const { rows } = laidOut(aTrace(traceId, failing));
    expect(rows.filter(({ isError }) => isError).map(({ service }) => service)).toEqual(['child-3']);
    expect(rows).toHaveLength(10);
  });

  it('is most of many failures: the longest three are enough to see that there are some', () => {
    const { traceId, spans } = family(Array.from({ length: 40 }, (_, i) => i + 1));
    const failing = spans.map((span, i) => (i > 0 && i < 20 ? { ...span, isError: true } : span));
    expect(laidOut(aTrace(traceId, failing)).rows.filter(({ isError }) => isError)).toHaveLength(3);
  });

  it('is not the critical path, however long others beside it are', () => {
    const path = Array.from({ length: 7 }, () => 90);
    const beside = Array.from(
      { length: 30 },
      (_, i): Partial<Span> => ({
        spanId: `b${i}`,
        parentSpanId: 'root',
        serviceName: 'beside',
        kind: 'internal',
        start: epochUs(50_000),
        duration: us(800_000 + i),
        followsFrom: true,
      }),
    );
    const { traceId, spans } = family(path, { sequential: true });
    const { rows } = laidOut(aTrace(traceId, [...spans, ...beside]));
    const services = rows.map(({ service }) => service);
    expect(services.filter((service) => service.startsWith('child-'))).toHaveLength(7);
    expect(services.filter((service) => service === 'beside')).toHaveLength(2);
  });
});

describe('the axis', () => {
  const axis = ({ window, ticks }: Waterfall): string =>
    `${stretches([window])} at ${ticks.map((tick) => tick / 1_000).join(' ')}`;

  it('shows the root, with round ticks', () => {
    expect(axis(laidOut(family([])))).toBe('0-1000 at 0 200 400 600 800 1000');
  });

  it('shows some of what goes on after the root, and cuts what goes on for long', () => {
    expect(
      axis(
        laidOut(
          drawn(`
            a           |=========|
            mail<a         |~~~~~~~~~~|
          `),
        ),
      ),
    ).toBe('0-14 at 0 5 10');
    const late: Partial<Span> = {
      spanId: 'late',
      parentSpanId: 'root',
      kind: 'internal',
      start: epochUs(500_000),
      duration: us(5_000_000),
    };
    expect(axis(laidOut(aTrace('1', [...family([]).spans, late])))).toBe('0-1500 at 0 500 1000 1500');
  });

  it('shows all of the work that a short root only set off', () => {
    const work: Partial<Span> = {
      spanId: 'work',
      parentSpanId: 'root',
      kind: 'consumer',
      start: epochUs(500_000),
      duration: us(60_000_000),
    };
    const { window, ticks } = laidOut(aTrace('1', [...family([]).spans, work]));
    expect(window).toEqual({ start: 0, end: 60_500_000 });
    expect(ticks.map((tick) => tick / 1e6)).toEqual([0, 20, 40, 60]);
  });

  it('is not stretched by a lost span with a clock of another day', () => {
    const lost: Partial<Span> = { spanId: 'lost', parentSpanId: 'gone', start: epochUs(86_400e6) };
    expect(axis(laidOut(aTrace('1', [...family([]).spans, lost])))).toBe('0-1500 at 0 500 1000 1500');
  });

  it.each([0, 1, 7, 999, 59_999_999, 3_600_000_000, 86_400_000_000])(
    'has at most seven ticks for %d µs',
    (duration) => {
      const { ticks, window } = laidOut(aTrace('1', [{ duration: us(duration) }]));
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks).toContain(0);
      expect(window.end).toBeGreaterThan(window.start);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { type CriticalPath, criticalPathOf } from '../../../src/traces/critical-path.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const pathOf = (trace: Trace): CriticalPath => criticalPathOf(buildTree(trace).roots[0]!);

/** `a 2, b 5, a 1`: whose time it is, in order, in milliseconds. */
const outline = ({ sections }: CriticalPath): string =>
  sections.map(({ node, start, end }) => `${node.span.spanId} ${(end - start) / 1_000}`).join(', ');

describe('the critical path', () => {
  interface Case {
    drawing: string;
    path: string;
    moved?: number;
    unawaited?: number;
  }
  const cases: Readonly<Record<string, Case>> = {
    'a span alone': { drawing: 'a |====|', path: 'a 5' },
    'a child and what is left around it': {
      drawing: `
        a   |==========|
        b<a   |====|
      `,
      path: 'a 2, b 5, a 4',
    },
    'into the grandchild': {
      drawing: `
        a   |============|
        b<a   |========|
        c<b      |===|
      `,
      path: 'a 2, b 3, c 4, b 2, a 2',
    },
    'siblings in sequence, with pauses': {
      drawing: `
        a   |=============|
        b<a  |==|
        c<a       |===|
      `,
      path: 'a 1, b 3, a 2, c 4, a 4',
    },
    'siblings back to back leave nothing to the parent': {
      drawing: `
        a   |==========|
        b<a |====|
        c<a      |=====|
      `,
      path: 'b 5, c 6',
    },
    'of parallel siblings the one that ends last': {
      drawing: `
        a   |===========|
        b<a  |====|
        c<a  |========|
      `,
      path: 'a 1, c 9, a 2',
    },
    'of siblings that end together the one that began first': {
      drawing: `
        a   |===========|
        b<a     |====|
        c<a  |=======|
        d<a       |==|
      `,
      path: 'a 1, c 8, a 3',
    },
    'one that still runs when the next begins did not start it': {
      drawing: `
        a   |===========|
        b<a |=====|
        c<a     |=======|
      `,
      path: 'a 4, c 8',
    },
    'what follows from a span is not waited for, even inside it': {
      drawing: `
        a   |===========|
        b<a   |~~~~~|
        c<a  |==|
      `,
      path: 'a 1, c 3, a 8',
      unawaited: 1,
    },
    'a child that outlives its parent was not waited for': {
      drawing: `
        a   |===========|
        b<a   |==|
        c<a      |=============|
      `,
      path: 'a 2, b 3, a 7',
      unawaited: 1,
    },
    'nor one that starts after its end': {
      drawing: `
        a   |===|
        b<a        |====|
      `,
      path: 'a 4',
    },
    'a producer does not wait for the consumer that runs later': {
      drawing: `
        a     |==========|
        b:p<a  |===|
        c:k<b        |=======|
      `,
      path: 'a 1, b 4, a 6',
    },
    'but it does for one that ends inside it': {
      drawing: `
        a     |==========|
        b:p<a  |=======|
        c:k<b    |===|
      `,
      path: 'a 1, b 2, c 4, b 2, a 2',
    },
    'a server span is clipped where its client timed out': {
      drawing: `
        a     |============|
        b:c<a   |======|
        c:s<b     |==========|
      `,
      path: 'a 2, b 2, c 5, a 4',
    },
    'a server that begins before its client is moved to its middle': {
      drawing: `
        a        |============|
        b:c<a      |======|
        c:s<b  |===|
      `,
      path: 'a 2, b 1.5, c 4, b 1.5, a 4',
      moved: 1,
    },
    'a server that lies behind its client altogether is moved, with all that is below it': {
      drawing: `
        a     |============|
        b:c<a   |======|
        c:s<b               |===|
        d<c                  |=|
      `,
      path: 'a 2, b 1.5, c 1, d 2, c 1, b 1.5, a 4',
      moved: 1,
    },
    'a server that begins before its client and is longer fills it': {
      drawing: `
        a     |============|
        b:c<a   |======|
        c:s<b  |=========|
      `,
      path: 'a 2, c 7, a 4',
      moved: 1,
    },
    'a child that starts before its parent counts from there': {
      drawing: `
        a     |=====|
        b<a |====|
      `,
      path: 'b 3, a 3',
    },
    'a child without duration is not on the path': {
      drawing: `
        a   |=====|
        b<a    |
      `,
      path: 'a 6',
    },
    'a root of no length has no path': { drawing: 'a |', path: '' },
    'without its root, the path of the orphan': {
      drawing: `
        b<lost  |======|
        c<b       |==|
      `,
      path: 'b 2, c 3, b 2',
    },
    'of several roots, the first only: never longer than it': {
      drawing: `
        a    |=====|
        b        |========|
      `,
      path: 'a 6',
    },
    'a ring has a path too': {
      drawing: `
        a<b |=======|
        b<a   |==|
      `,
      path: 'a 2, b 3, a 3',
    },
  };
  it.each(Object.entries(cases))('%s', (_, { drawing, path, moved = 0, unawaited = 0 }) => {
    for (const origin of [0, 1_700_000_000_000_000]) {
      const found = pathOf(drawn(drawing, origin));
      expect(outline(found)).toBe(path);
      expect(found).toMatchObject({ movedCount: moved, unawaitedCount: unawaited });
    }
  });

  it('clips a child to the end of its parent', () => {
    const [a, b] = [
      { spanId: 'a', kind: 'internal', start: epochUs(0), duration: us(1_000) },
      { spanId: 'b', parentSpanId: 'a', kind: 'internal', start: epochUs(500) },
    ] as const;
    for (const duration of [510, 511, 999]) {
      expect(outline(pathOf(aTrace('1', [a, { ...b, duration: us(duration) }])))).toBe('a 0.5, b 0.5');
    }
    expect(outline(pathOf(aTrace('1', [a, { ...b, duration: us(1_000) }])))).toBe('a 1');
  });
});

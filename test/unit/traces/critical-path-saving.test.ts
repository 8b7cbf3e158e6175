import { describe, expect, it } from 'vitest';
import { criticalPathOf } from '../../../src/traces/critical-path.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';

describe('what the absence of a span would save at most', () => {
  const drags: Readonly<
    Record<string, { drawing: string; potentialSaving: Readonly<Record<string, number>> }>
  > = {
    'all of it when nothing ran beside it': {
      drawing: `
        a   |==========|
        b<a   |====|
      `,
      potentialSaving: { a: 11, b: 5 },
    },
    'up to the end of what ran beside it': {
      drawing: `
        a   |==========|
        b<a   |======|
        c<a  |====|
      `,
      potentialSaving: { b: 3 },
    },
    'nothing when something else ended at the same time': {
      drawing: `
        a   |==========|
        b<a  |=====|
        c<a   |====|
      `,
      potentialSaving: { b: 0 },
    },
    'below, no more than above': {
      drawing: `
        a   |============|
        b<a   |======|
        c<a  |====|
        d<b   |======|
      `,
      potentialSaving: { d: 3 },
    },
  };
  it.each(Object.entries(drags))('%s', (_, { drawing, potentialSaving }) => {
    const found = criticalPathOf(buildTree(drawn(drawing)).roots[0]!);
    const byId = new Map(
      found.sections.map(({ node, potentialSaving: saved }) => [node.span.spanId, saved / 1_000]),
    );
    for (const [id, saved] of Object.entries(potentialSaving)) expect(byId.get(id)).toBe(saved);
  });
});

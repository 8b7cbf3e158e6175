import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { selfTimeOf, selfTimesOf } from '../../../src/traces/path-breakdown.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const selfMs = (trace: Trace, name: string): number =>
  (buildTree(trace)
    .nodes.filter(({ span }) => span.spanName === name)
    .map(selfTimeOf)[0] ?? Number.NaN) / 1_000;

describe('self time', () => {
  const cases: Readonly<Record<string, { drawing: string; self: Readonly<Record<string, number>> }>> = {
    'a span without children is all its own': {
      drawing: 'a |==========|',
      self: { a: 11 },
    },
    'children that overlap are counted once': {
      drawing: `
        a   |==================|
        b<a   |=====|
        c<a      |=====|
      `,
      self: { a: 10, b: 6, c: 6 },
    },
    'children side by side, back to back': {
      drawing: `
        a   |==========|
        b<a |====|
        c<a      |=====|
      `,
      self: { a: 0 },
    },
    'a child that runs over the end counts up to it': {
      drawing: `
        a   |========|
        b<a      |==========|
      `,
      self: { a: 5, b: 11 },
    },
    'a child that starts before the beginning counts from it': {
      drawing: `
        a      |========|
        b<a |=====|
      `,
      self: { a: 6 },
    },
    'a child outside altogether takes nothing': {
      drawing: `
        a   |====|
        b<a         |=====|
      `,
      self: { a: 5 },
    },
    'a grandchild takes from its parent only': {
      drawing: `
        a   |============|
        b<a  |========|
        c<b    |====|
      `,
      self: { a: 4, b: 4, c: 5 },
    },
    'a server whose clock is ahead or behind is moved into its caller': {
      drawing: `
        a:c         |=========|
        b:s<a  |=====|
        c:c                     |=========|
        d:s<c                               |=================|
      `,
      self: { a: 4, b: 6, c: 0 },
    },
    'beside other children too': {
      drawing: `
        a:c         |=========|
        x<a                  ||
        b:s<a  |=====|
      `,
      self: { a: 3 },
    },
    'what follows from a span is not waited for': {
      drawing: `
        a   |============|
        b<a    |~~~~~~|
      `,
      self: { a: 13, b: 7 },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { drawing, self }) => {
    const trace = drawn(drawing);
    for (const [name, expected] of Object.entries(self)) expect(selfMs(trace, name)).toBe(expected);
  });

  it('adds up per service and operation, the largest first', () => {
    const trace = aTrace('1', [
      { spanId: 'r', serviceName: 'gateway', spanName: '/', start: epochUs(0), duration: us(100) },
      {
        spanId: 'x',
        parentSpanId: 'r',
        serviceName: 'db',
        spanName: 'query',
        start: epochUs(10),
        duration: us(30),
      },
      {
        spanId: 'y',
        parentSpanId: 'r',
        serviceName: 'db',
        spanName: 'query',
        start: epochUs(50),
        duration: us(40),
      },
    ]);
    expect(selfTimesOf(buildTree(trace))).toEqual([
      { service: 'db', operation: 'query', selfTime: 70, spans: 2 },
      { service: 'gateway', operation: '/', selfTime: 30, spans: 1 },
    ]);
  });
});

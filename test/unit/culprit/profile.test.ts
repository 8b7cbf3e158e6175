import { describe, expect, it } from 'vitest';
import { profileOf } from '../../../src/culprit/profile.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { drawn } from '../../support/drawn-trace.ts';

/** Milliseconds on the critical path by `kind service>callee`. */
function piecesOf(trace: Trace): Readonly<Record<string, number>> {
  const profile = profileOf(trace);
  return Object.fromEntries(
    [...(profile?.pieces ?? [])].flatMap(([{ kind, service, callee }, { time, visits }]) =>
      visits === 0 ? [] : [[`${kind} ${service}${callee === '' ? '' : `>${callee}`}`, time / 1_000]],
    ),
  );
}

describe('the critical path is split into', () => {
  it('own code around children that ran in sequence', () => {
    const trace = drawn(`
      root:s       |==========|
      one<root       |===|
      two<root            |==|
    `);
    expect(piecesOf(trace)).toEqual({ 'own root': 4, 'own one': 4, 'own two': 3 });
  });

  it('calls in sequence, of which one is closed just after the next one began', () => {
    const trace = drawn(`
      root:s       |================|
      one<root       |======|
      two<root             |======|
    `);
    expect(piecesOf(trace)).toEqual({ 'own root': 4, 'own one': 6, 'own two': 7 });
  });

  it('the longest of calls that ran beside each other', () => {
    const trace = drawn(`
      root:s       |================|
      one<root       |=======|
      two<root          |========|
    `);
    expect(piecesOf(trace)).toEqual({ 'own root': 8, 'own two': 9 });
  });

  it('the legs of calls without client spans, which share the time between them', () => {
    const trace = drawn(`
      root:s       |====================|
      pay:s<root      |====|
      cart:s<root              |====|
    `);
    expect(piecesOf(trace)).toEqual({
      'request root>pay': 3,
      'own pay': 5,
      'response root>pay': 2,
      'request root>cart': 2,
      'own cart': 5,
      'response root>cart': 4,
    });
  });

  it('the legs of a call and the work of the called service', () => {
    const trace = drawn(`
      root:s       |==============|
      call:c<root    |==========|
      pay:s<call         |====|
    `);
    expect(piecesOf(trace)).toEqual({
      'own root': 4,
      'request call>pay': 4,
      'own pay': 5,
      'response call>pay': 2,
    });
  });

  it('legs whose sum is right when the clocks differ', () => {
    const trace = drawn(`
      root:s       |==============|
      call:c<root    |==========|
      pay:s<call   |====|
    `);
    const pieces = piecesOf(trace);
    expect(pieces['request call>pay']).toBe(-2);
    expect((pieces['request call>pay'] ?? 0) + (pieces['response call>pay'] ?? 0)).toBe(6);
  });

  it('attempts before the last one', () => {
    const trace = drawn(`
      root:s       |==================|
      call:c<root    |==============|
      a@pay:s<call    |==|!
      b@pay:s<call            |====|
    `);
    expect(piecesOf(trace)).toMatchObject({ 'retry call>pay': 8, 'own pay': 5 });
  });

  it('an external call, where the other side leaves no span', () => {
    const trace = drawn(`
      root:s       |==========|
      call:c<root    |=====|
    `);
    expect(piecesOf(trace)).toEqual({ 'own root': 5, 'external call': 6 });
  });

  it('nothing that the root did not wait for', () => {
    const trace = drawn(`
      root:s       |==========|
      late<root        |~~~~~~~~~~~~|
    `);
    expect(piecesOf(trace)).toEqual({ 'own root': 11 });
  });
});

it('a filter span that ends last does not hide the call', () => {
  const trace = drawn(`
    root:s       |====================================================================|
    call:c<root    |================================================================|
    pay:s<call       |============================================================|
    filter<root                                                                     ||
  `);
  expect(piecesOf(trace)).toHaveProperty('own pay');
});

it('a trace without its root is measured by its topmost span', () => {
  expect(profileOf(drawn('orphan:s<nobody |====|'))).toMatchObject({ hasRoot: false, duration: 5_000 });
});

import { describe, expect, it } from 'vitest';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import { culpritText } from '../../../src/culprit/text.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { drawn } from '../../support/drawn-trace.ts';

/** So many traces of one drawing. */
const copies = (count: number, drawing: string): readonly Trace[] =>
  Array.from({ length: count }, (_, i) => drawn(drawing, i * 1_000_000));

const NORMAL = `
  shop:s            |==================|
  s@shop:c<shop       |====|
  stock:s<s            |==|
  q@shop:c<shop       |====|
  quote:s<q            |==|
  p@shop:c<shop               |====|
  pay:s<p                      |==|
`;

describe('two services that became slow at once are both named', () => {
  it('a caller, and the network to one of several services that it calls', () => {
    const slow = `
      shop:s            |======================================================|
      s@shop:c<shop                   |====|
      stock:s<s                        |==|
      q@shop:c<shop                         |====|
      quote:s<q                              |==|
      p@shop:c<shop                                |==============|
      pay:s<p                                            |==|
    `;
    expect(findCulprit(copies(20, slow), copies(20, NORMAL))).toMatchObject({
      confidence: 'medium',
      candidates: expect.toSatisfy(([first]) => first.service === 'shop' && first.kind === 'own-code'),
      second: { service: 'pay', kind: 'network', detail: 'shop' },
    });
  });

  it('a service that ran in parallel to a slower one', () => {
    const slow = `
      shop:s            |=====================================================|
      s@shop:c<shop       |============================|
      stock:s<s            |==========================|
      q@shop:c<shop       |=======================================|
      quote:s<q            |=====================================|
      p@shop:c<shop                                                  |====|
      pay:s<p                                                         |==|
    `;
    const result = findCulprit(copies(20, slow), copies(20, NORMAL));
    expect(result).toMatchObject({
      confidence: 'medium',
      candidates: expect.toSatisfy(([first]) => first.service === 'quote'),
      second: { service: 'stock', kind: 'own-code', parallelTo: 'quote' },
    });
    expect(culpritText(result)).toContain(
      'Also slower, in parallel to quote: stock, stock, own code: +24 ms.',
    );
  });
});

describe('no second service is named', () => {
  it('for one that takes as long as before in parallel to the slow one', () => {
    const slow = `
      shop:s            |======================================|
      s@shop:c<shop       |====|
      stock:s<s            |==|
      q@shop:c<shop       |========================|
      quote:s<q            |======================|
      p@shop:c<shop                                   |====|
      pay:s<p                                          |==|
    `;
    expect(findCulprit(copies(20, slow), copies(20, NORMAL))).toMatchObject({
      confidence: 'high',
      second: undefined,
    });
  });

  it("for a gateway's span beside the call that it measures", () => {
    const [normal, slow] = ['====', '========================================'].map(
      (time) => `
        gate:s         |=${time}=|
        handle@gate<gate |${time}|
        c@gate:c<gate    |${time}|
        shop:s<c         |${time}|
      `,
    );
    const result = findCulprit(copies(20, slow ?? ''), copies(20, normal ?? ''));
    expect(result).toMatchObject({ confidence: 'high', second: undefined });
  });

  it('for one that was slow in a single trace', () => {
    const slow = (pay: string): string => `
      shop:s            |==================================${pay}|
      s@shop:c<shop       |====|
      stock:s<s            |==|
      q@shop:c<shop       |====================|
      quote:s<q            |==================|
      p@shop:c<shop                               |==${pay}|
      pay:s<p                                      |${pay}|
    `;
    const traces = [...copies(19, slow('==')), drawn(slow('='.repeat(120)))];
    expect(findCulprit(traces, copies(20, NORMAL))).toMatchObject({ second: undefined });
  });

  it('for one that the path leads through more often, each time for as long as before', () => {
    // `stock` and `quote` end in turn last: each is on half of the paths.
    const before = (stock: string, quote: string): string => `
      shop:s            |==================|
      s@shop:c<shop       |${stock}|
      stock:s<s           |${stock}|
      q@shop:c<shop       |${quote}|
      quote:s<q           |${quote}|
      p@shop:c<shop               |====|
      pay:s<p                      |==|
    `;
    const slow = `
      shop:s            |====================================|
      s@shop:c<shop       |===|
      stock:s<s           |===|
      q@shop:c<shop       |======|
      quote:s<q           |======|
      p@shop:c<shop               |======================|
      pay:s<p                      |====================|
    `;
    const normal = [...copies(15, before('======', '===')), ...copies(5, before('===', '======'))];
    expect(findCulprit(copies(20, slow), normal)).toMatchObject({
      confidence: 'high',
      second: undefined,
    });
  });
});

it('traces of which a single one is slower name no culprit', () => {
  const slow = `
    shop:s            |====================================|
    p@shop:c<shop        |==============================|
    pay:s<p               |============================|
  `;
  const result = findCulprit([...copies(5, NORMAL), drawn(slow)], copies(20, NORMAL));
  expect(result).toMatchObject({
    confidence: 'unclear',
    caveats: expect.arrayContaining([
      expect.stringMatching(/^Only \d+% of the resamples are slower than normal\.$/),
    ]),
  });
});

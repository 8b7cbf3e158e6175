import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../../src/alerts/record-codec.ts';

describe('a record', () => {
  it('is decoded as it was encoded, with numbers of every kind', () => {
    const record = fc.dictionary(
      fc.string(),
      fc.oneof(
        fc.double().filter((number) => !Object.is(number, -0)),
        fc.string(),
        fc.array(fc.double({ min: 0 })),
      ),
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(record, (given) => {
        expect(decodeRecord(encodeRecord(given))).toEqual(given);
      }),
    );
  });

  it.each([
    ['a label with the name of the mark', { $number: '5' }],
    ['a label set that only looks like a number', { $number: 'NaN', service: 'a' }],
  ])('keeps %s', (_, labels) => {
    expect(decodeRecord(encodeRecord({ labels }))).toEqual({ labels });
  });

  it.each<[string, object]>([
    [
      'numbers that JSON does not have beside a text that says null',
      { text: 'null', value: Number.NaN, peak: -Infinity },
    ],
    ['an absent value', { value: null, texts: ['null', '$number'] }],
    ['only plain numbers', { value: 0.5, ticks: [1, 2, 3] }],
  ])('keeps %s', (_, record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it('that cannot be decoded is an error of the store', () => {
    expect(() => decodeRecord('{"half":')).toThrow(
      expect.objectContaining({ system: 'store', code: 'bad-answer' }),
    );
  });
});

describe('the version of a store', () => {
  it('1 is known', () => {
    expect(() => requireKnownVersion('1', { known: 1, where: 'It' })).not.toThrow();
  });

  it.each(['0', '2', '99', 'other'])('%s is rejected, without a retry', (version) => {
    expect(() => requireKnownVersion(version, { known: 1, where: 'It' })).toThrow(
      expect.objectContaining({ code: 'bad-request', retryable: false }),
    );
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprint, hashTexts, serviceLabelOf, sortedLabels } from '../../../src/lib/labels.ts';

const MASK_64 = 0xffffffffffffffffn;

/** FNV-1a over bytes as the definition has it. */
function referenceHash(bytes: Iterable<number>): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK_64;
  return hash.toString(16).padStart(16, '0');
}

const ascii = fc.string({ unit: 'grapheme-ascii' });

describe('hashTexts', () => {
  it('is FNV-1a of 64 bits with a separator after each text', () => {
    fc.assert(
      fc.property(fc.array(ascii), (texts) => {
        const bytes = texts.flatMap((text) => [...Buffer.from(text, 'latin1'), 0xff]);
        expect(hashTexts(texts)).toBe(referenceHash(bytes));
      }),
    );
  });

  it('of nothing is the offset basis', () => {
    expect(hashTexts([])).toBe('cbf29ce484222325');
  });

  it('distinguishes where one text ends and the next begins, and characters beyond the first 256', () => {
    expect(hashTexts(['ab', 'c'])).not.toBe(hashTexts(['a', 'bc']));
    expect(hashTexts(['ā'])).not.toBe(hashTexts(['Ā']));
  });
});

describe('fingerprint', () => {
  it('does not depend on the order of the labels, nor on empty ones', () => {
    expect(fingerprint({ a: '1', b: '2' })).toBe(fingerprint({ b: '2', c: '', a: '1' }));
  });

  it('distinguishes label sets', () => {
    fc.assert(
      fc.property(fc.dictionary(ascii, ascii), fc.dictionary(ascii, ascii), (one, other) => {
        const isEqual = JSON.stringify(sortedLabels(one)) === JSON.stringify(sortedLabels(other));
        expect(fingerprint(one) === fingerprint(other)).toBe(isEqual);
      }),
    );
  });
});

describe('serviceLabelOf', () => {
  it.each([
    ["Istio's name before the others", ['job', 'destination_service_name'], 'destination_service_name'],
    ['a name written by hand', ['le', 'service', 'job'], 'service'],
    ['none', ['le', 'pod'], undefined],
  ])('finds %s', (_, names, label) => {
    expect(serviceLabelOf(names)).toBe(label);
  });
});

import { describe, expect, it } from 'vitest';
import { purpose } from '../../../src/slack/blocks/trace-analysis.ts';
import type { PathSubject } from '../../../src/traces/path-breakdown.ts';

describe('what a part of a critical path was spent on, in words', () => {
  const words: Readonly<Record<string, Pick<PathSubject, 'kind' | 'operation' | 'peer'>>> = {
    'own code in cart': { kind: 'own', operation: 'cart', peer: '' },
    'own code in cart, or the way to stock': { kind: 'own', operation: 'cart', peer: 'stock' },
    'network and proxies to bank': { kind: 'network', operation: 'charge', peer: 'bank' },
    'pause between attempts at bank': { kind: 'retry', operation: 'charge', peer: 'bank' },
    'waiting for bank, which sent no span': { kind: 'call', operation: 'charge', peer: 'bank' },
    'waiting in charge: what it called sent no span': { kind: 'call', operation: 'charge', peer: '' },
    'database orders: insert': { kind: 'database', operation: 'insert', peer: 'orders' },
    'database: insert': { kind: 'database', operation: 'insert', peer: '' },
  };
  it.each(Object.entries(words))('%s', (expected, subject) => {
    expect(purpose({ ...subject, service: 'checkout' })).toBe(expected);
  });

  it('has the request line in place of the span name', () => {
    const subject = { operation: 'GET', requestLine: 'GET /cart', peer: '', service: 'shop' };
    expect(purpose({ ...subject, kind: 'own' })).toBe('own code in GET /cart');
    expect(purpose({ ...subject, kind: 'call' })).toBe('waiting in GET /cart: what it called sent no span');
  });
});

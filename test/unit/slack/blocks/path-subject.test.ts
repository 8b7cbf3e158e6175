import { describe, expect, it } from 'vitest';
import { subjectText } from '../../../../src/slack/blocks/trace-analysis.ts';
import type { PathSubject } from '../../../../src/traces/path-breakdown.ts';

describe('what a part of a critical path was spent on, in words', () => {
  const words: Readonly<Record<string, Pick<PathSubject, 'kind' | 'operation' | 'peer'>>> = {
    'own code in cart': { kind: 'own', operation: 'cart', peer: '' },
    'own code in cart, or network to stock': { kind: 'own', operation: 'cart', peer: 'stock' },
    'network and proxies to bank': { kind: 'network', operation: 'charge', peer: 'bank' },
    'delay before a retry to bank': { kind: 'retry', operation: 'charge', peer: 'bank' },
    'waiting for bank (no span)': { kind: 'call', operation: 'charge', peer: 'bank' },
    'waiting in charge (no span of the callee)': { kind: 'call', operation: 'charge', peer: '' },
    'database orders: insert': { kind: 'database', operation: 'insert', peer: 'orders' },
    'database: insert': { kind: 'database', operation: 'insert', peer: '' },
  };
  it.each(Object.entries(words))('%s', (expected, subject) => {
    expect(subjectText({ ...subject, service: 'checkout' })).toBe(expected);
  });

  it('has the request line in place of the span name', () => {
    const subject = { operation: 'GET', requestLine: 'GET /cart', peer: '', service: 'shop' };
    expect(subjectText({ ...subject, kind: 'own' })).toBe('own code in GET /cart');
    expect(subjectText({ ...subject, kind: 'call' })).toBe('waiting in GET /cart (no span of the callee)');
  });
});

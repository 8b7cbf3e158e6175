import { describe, expect, it } from 'vitest';
import { type CallRate, propagationOf } from '../../../src/traces/propagation.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { timed } from '../../support/timed-trace.ts';

const named = (text: string) => {
  const [name = '', namespace = ''] = text.split('.');
  return { name, namespace };
};
const rate = (caller: string, callee: string, requestsPerSecond: number): CallRate => ({
  caller: named(caller),
  callee: named(callee),
  requestsPerSecond,
});
const RATES = [rate('gateway.shop', 'checkout.shop', 100), rate('checkout.shop', 'pay.shop', 100)];

const traces = (count: number, text: string): readonly Trace[] =>
  Array.from({ length: count }, () => timed(text));

const WHOLE = `
  gateway.shop server 0-100
    gateway.shop client 1-99
      checkout.shop server 2-98
        checkout.shop client 10-60
          pay.shop server 11-59
`;
const STOPPED = 'gateway.shop server 0-100\n  gateway.shop client 1-99\n    checkout.shop server 2-98';
/** Without headers, the proxy of the caller starts a trace of its own. */
const STARTED = 'checkout.shop client 10-60\n  pay.shop server 11-59';

const resultOf = (all: readonly Trace[], rates: readonly CallRate[] = RATES): string => {
  const [edge] = propagationOf(all, { service: 'checkout.shop', rates });
  return edge === undefined ? '' : `${edge.callee} ${edge.result} ${Math.round(edge.stopShare * 100)}%`;
};

describe('the traces of a service', () => {
  const cases: Readonly<Record<string, readonly [readonly Trace[], string]>> = {
    'go on': [traces(20, WHOLE), 'pay.shop forwarded 0%'],
    'stop where it drops the headers': [traces(20, STOPPED), 'pay.shop dropped 100%'],
    'stop although its calls start traces of their own': [
      [...traces(20, STOPPED), ...traces(20, STARTED)],
      'pay.shop dropped 100%',
    ],
    'stop at part of the calls': [[...traces(10, WHOLE), ...traces(30, STOPPED)], 'pay.shop dropped 75%'],
    'are not continued by the service it calls': [
      traces(20, `${STOPPED}\n      checkout.shop client 10-60 peer.service=pay.shop`),
      'pay.shop not-continued 100%',
    ],
    'are too few to say': [traces(9, STOPPED), 'pay.shop too-few 100%'],
    'may lose single spans': [[...traces(18, WHOLE), ...traces(2, STOPPED)], 'pay.shop forwarded 10%'],
  };
  it.each(Object.entries(cases))('%s', (_, [all, expected]) => {
    expect(resultOf(all)).toBe(expected);
  });

  it('go on where only every fifth request makes the call', () => {
    const rates = [rate('gateway.shop', 'checkout.shop', 100), rate('checkout.shop', 'pay.shop', 20)];
    expect(resultOf([...traces(12, WHOLE), ...traces(48, STOPPED)], rates)).toBe('pay.shop forwarded 0%');
    expect(resultOf(traces(60, STOPPED), rates)).toBe('pay.shop dropped 100%');
  });

  it('go on where the span between was lost', () => {
    const lost = traces(20, WHOLE).map(({ traceId, spans }) => ({
      traceId,
      spans: spans.filter(({ kind, serviceName }) => serviceName !== 'checkout.shop' || kind === 'server'),
    }));
    expect(resultOf(lost)).toBe('pay.shop forwarded 0%');
  });

  it('of a gateway, which no service calls, are compared with what it sends', () => {
    const [edge] = propagationOf(traces(20, WHOLE), { service: 'gateway.shop', rates: RATES });
    expect(edge).toMatchObject({ callee: 'checkout.shop', callsByMetrics: 1, result: 'forwarded' });
  });
});

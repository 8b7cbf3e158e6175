import { describe, expect, it } from 'vitest';
import { editDistance } from '../../../src/lib/nearest.ts';
import { createResolveService, resolveName } from '../../../src/traces/resolve-service.ts';
import { aTraceSourceError, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const services = [
  'cart.shop',
  'checkout.shop',
  'Frontend',
  'istio-ingressgateway.istio-system',
  'payments.shop',
  'payments.staging',
  'payments-db.shop',
];

describe('a typed name', () => {
  const cases: Readonly<Record<string, { typed: string; expected: object }>> = {
    'exact is found': { typed: 'cart.shop', expected: { kind: 'found', service: 'cart.shop' } },
    'the name before the dot is found': {
      typed: 'checkout',
      expected: { kind: 'found', service: 'checkout.shop' },
    },
    'in another case too': { typed: 'FRONTEND', expected: { kind: 'found', service: 'Frontend' } },
    'and both': { typed: 'Checkout', expected: { kind: 'found', service: 'checkout.shop' } },
    'in two namespaces it is ambiguous': {
      typed: 'payments',
      expected: { kind: 'ambiguous', candidates: ['payments.shop', 'payments.staging'] },
    },
    'a beginning is near, not enough': {
      typed: 'check',
      expected: { kind: 'unknown', nearest: ['checkout.shop'], all: services },
    },
    'swapped letters are near': {
      typed: 'chekcout',
      expected: { kind: 'unknown', nearest: ['checkout.shop'], all: services },
    },
    'three are near': {
      typed: 'payment',
      expected: {
        kind: 'unknown',
        nearest: ['payments-db.shop', 'payments.shop', 'payments.staging'],
        all: services,
      },
    },
    'a full name with a typo': {
      typed: 'cart.shp',
      expected: { kind: 'unknown', nearest: ['cart.shop'], all: services },
    },
    'nothing is near to nonsense': {
      typed: 'x'.repeat(3_000),
      expected: { kind: 'unknown', nearest: [], all: services },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { typed, expected }) => {
    expect(resolveName(typed, services)).toEqual(expected);
  });

  const naming = {
    aliases: new Map([
      ['money', 'payments'],
      ['basket', 'cart.shop'],
      ['cart', 'Frontend'],
      ['gone', 'invoices.shop'],
      ['frontend', 'cart.shop'],
    ]),
    namespace: 'staging',
  };
  const called: Readonly<Record<string, { typed: string; expected: object }>> = {
    'an alias, in any case': { typed: 'Basket', expected: { kind: 'found', service: 'cart.shop' } },
    'an alias before what goes on with a dot': {
      typed: 'cart',
      expected: { kind: 'found', service: 'Frontend' },
    },
    'a service before an alias of the same name': {
      typed: 'FRONTEND',
      expected: { kind: 'found', service: 'Frontend' },
    },
    'in several namespaces, the default one': {
      typed: 'payments',
      expected: {
        kind: 'found',
        service: 'payments.staging',
        among: ['payments.shop', 'payments.staging'],
      },
    },
    'an alias of a name in several namespaces': {
      typed: 'money',
      expected: { kind: 'found', service: 'payments.staging' },
    },
    'in one namespace only, that one': {
      typed: 'checkout',
      expected: { kind: 'found', service: 'checkout.shop' },
    },
    'an alias of a service that is not there': { typed: 'gone', expected: { kind: 'unknown' } },
  };
  it.each(Object.entries(called))('as a rule file calls services: %s', (_, { typed, expected }) => {
    expect(resolveName(typed, services, naming)).toMatchObject(expected);
  });

  it('in several namespaces but not in the default one is ambiguous', () => {
    const elsewhere = { ...naming, namespace: 'live' };
    expect(resolveName('payments', services, elsewhere).kind).toBe('ambiguous');
  });

  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['ab', 'ba', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
    ['a'.repeat(500), 'b'.repeat(500), 64],
  ])('the distance of "%s" and "%s" is %d', (one, other, distance) => {
    expect(editDistance(one, other)).toBe(distance);
    expect(editDistance(other, one)).toBe(distance);
  });
});

describe('the list of services', () => {
  function open() {
    const clock = createVirtualClock();
    const traces = createFakeTraceSource();
    for (const name of services) traces.addService(name);
    let reads = 0;
    traces.before('services', () => {
      reads += 1;
    });
    return { clock, traces, resolve: createResolveService({ traces, clock }), reads: () => reads };
  }

  it('is read once a minute', async () => {
    const { clock, resolve, reads } = open();
    await resolve('checkout');
    await clock.advance(59_000);
    await resolve('cart');
    expect(reads()).toBe(1);
    await clock.advance(1_000);
    await resolve('cart');
    expect(reads()).toBe(2);
  });

  it('is read again for a name that is not in it: a service may be new', async () => {
    const { clock, traces, resolve, reads } = open();
    expect((await resolve('invoices')).kind).toBe('unknown');
    expect(reads()).toBe(1);
    await clock.advance(10_000);
    traces.addService('invoices.shop');
    expect(await resolve('invoices')).toEqual({ kind: 'found', service: 'invoices.shop' });
    expect(reads()).toBe(2);
  });

  it('that cannot be read is an error, and is not remembered', async () => {
    const { traces, resolve } = open();
    let isDown = true;
    traces.before('services', () => {
      if (isDown) throw aTraceSourceError();
    });
    await expect(resolve('cart')).rejects.toMatchObject({ code: 'unavailable' });
    isDown = false;
    expect((await resolve('cart')).kind).toBe('found');
  });
});

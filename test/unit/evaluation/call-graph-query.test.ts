import { expect, it } from 'vitest';
import { callGraphOf, createCallGraphQuery } from '../../../src/evaluation/call-graph-query.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { after, before, MINUTE, ms } from '../../../src/lib/units.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const call = (from: string, to: string, service = to): Sample => {
  const [source = '', sourceNamespace = ''] = from.split('.');
  const [destination = '', namespace = ''] = to.split('.');
  return {
    labels: {
      source_workload: source,
      source_workload_namespace: sourceNamespace,
      destination_workload: destination,
      destination_workload_namespace: namespace,
      destination_service_name: service.split('.')[0] ?? '',
    },
    value: 1,
  };
};

it('connects services by name and by name with namespace, and identifies callers by the service of their workload', () => {
  const graph = callGraphOf([
    call('gateway.ingress', 'checkout-v1.shop', 'checkout'),
    call('checkout-v1.shop', 'payments-v2.bank', 'payments'),
  ]);
  expect(graph.get('checkout')).toEqual(new Set(['payments-v2', 'payments']));
  expect(graph.get('checkout.shop')).toEqual(new Set(['payments-v2.bank', 'payments.bank']));
  expect(graph.get('gateway')?.has('checkout')).toBe(true);
  expect(graph.get('payments')).toBeUndefined();
});

it('separates services of one name in two namespaces', () => {
  const graph = callGraphOf([call('checkout.prod', 'payments.prod'), call('checkout.test', 'payments.test')]);
  expect(graph.get('checkout.prod')).toEqual(new Set(['payments.prod']));
});

function setUp(answers: readonly (readonly Sample[] | 'down')[]) {
  const warnings: string[] = [];
  const queriedAt: number[] = [];
  const silent = (): void => undefined;
  const callGraphAt = createCallGraphQuery({
    clock: createVirtualClock(),
    logger: { debug: silent, info: silent, error: silent, warn: (message) => warnings.push(message) },
    metrics: {
      instant: async ({ at }) => {
        const answer = answers[queriedAt.push(at) - 1];
        if (answer === 'down' || answer === undefined)
          throw new UpstreamError({ system: 'prometheus', code: 'unavailable', message: 'down', advice: '' });
        return answer;
      },
    },
  });
  return { callGraphAt, queriedAt, warnings };
}

it('queries once a minute', async () => {
  const { callGraphAt, queriedAt } = setUp([[call('a.n', 'b.n')], []]);
  expect((await callGraphAt(START))?.has('a')).toBe(true);
  expect((await callGraphAt(after(START, ms(MINUTE - 1))))?.has('a')).toBe(true);
  expect((await callGraphAt(after(START, MINUTE)))?.size).toBe(0);
  expect(queriedAt).toEqual([START, after(START, MINUTE)]);
});

it('returns the last call graph while Prometheus does not respond, and queries again after a minute', async () => {
  const { callGraphAt, queriedAt, warnings } = setUp([[call('a.n', 'b.n')], 'down', []]);
  await callGraphAt(START);
  expect((await callGraphAt(after(START, MINUTE)))?.has('a')).toBe(true);
  expect((await callGraphAt(after(START, ms(MINUTE + 1))))?.has('a')).toBe(true);
  expect(queriedAt).toHaveLength(2);
  expect(warnings).toHaveLength(1);
});

it('is undefined before the first response', async () => {
  expect(await setUp(['down']).callGraphAt(before(START, MINUTE))).toBeUndefined();
});

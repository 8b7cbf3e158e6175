import { describe, expect, it } from 'vitest';
import type { ActiveAlert } from '../../../src/actions/alert-actions.ts';
import { breachStart } from '../../../src/commands/breach-start.ts';
import { before, HOUR, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { aTraceSourceError } from '../../support/fake-trace-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { START } from '../../support/virtual-clock.ts';

const latency = aRule({
  lookback: MINUTE,
  objective: {
    family: PRESETS.istio.family,
    by: ['destination_service_name'],
    quantile: ratio(0.99),
    threshold: ms(500),
    window: MINUTE,
  },
});
const ago = (minutes: number) => before(START, ms(minutes * MINUTE));
const checkout = (over: Partial<ActiveAlert['alert']> = {}, rule = latency): ActiveAlert => ({
  group: 'g',
  rule,
  alert: anAlert({ labels: { destination_service_name: 'checkout' }, activeAt: ago(30), ...over }),
});

const startOf = (firing: readonly ActiveAlert[] | Error, services = ['gateway.shop', 'checkout.shop']) =>
  breachStart(
    {
      alerts: {
        acknowledge: async () => ({ kind: 'unknown' }),
        unacknowledge: async () => ({ kind: 'unknown' }),
        close: async () => ({ kind: 'unknown' }),
        firing: async () => {
          if (firing instanceof Error) throw firing;
          return firing;
        },
      },
      logger: createSpyLogger(),
    },
    { services, at: START },
  );

describe('the start of the breach that a request is part of', () => {
  it('is one look-back before the alert', async () => {
    expect(await startOf([checkout()])).toBe(ago(31));
  });
  it('is the earliest of several', async () => {
    expect(await startOf([checkout(), checkout({ activeAt: ago(90) })])).toBe(ago(91));
  });

  const none: Readonly<Record<string, readonly ActiveAlert[]>> = {
    'nothing fires': [],
    'another service is slow': [checkout({ labels: { destination_service_name: 'cart' } })],
    'a service of that name in another namespace is slow': [
      checkout({
        labels: { destination_service_name: 'checkout', destination_service_namespace: 'staging' },
      }),
    ],
    'the alert is not about latency': [checkout({ labels: { service: 'checkout' } }, aRule())],
    'it began after the request': [checkout({ activeAt: before(START, ms(-2 * HOUR)) })],
  };
  it.each(Object.entries(none))('is unknown when %s', async (_, firing) => {
    expect(await startOf(firing)).toBeUndefined();
  });

  it('is unknown when the store does not respond', async () => {
    expect(await startOf(aTraceSourceError())).toBeUndefined();
  });
});

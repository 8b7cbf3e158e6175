import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { createEscalation } from '../../../src/messages/alert-messages.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const objective = (threshold: number): NonNullable<SloRule['objective']> => ({
  family: { metric: 'latency', unit: 'ms', selector: '', serviceLabel: 'service' },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(threshold),
  window: ms(5 * MINUTE),
});
const posted: Partial<Alert> = { refreshedAt: START, postedTo: [{ mentions: [] }] };
const labelled = (severity: string, over: Partial<Alert> = {}): Alert =>
  anAlert({ labels: { alertname: 'x', service: 'checkout', severity }, ...over });

describe('an urgent alert escalates', () => {
  const urgent = aRule({ name: 'checkout-burn-1h', objective: objective(500) });
  const open = labelled('ticket', { ...posted, alertId: 'open' });
  const rows: Readonly<
    Record<string, readonly [{ rule?: Partial<SloRule>; alert?: Alert; self?: Alert }, string | undefined]>
  > = {
    'the message of a ticket about the same objective and subject': [{}, 'open'],
    'the alert group that such a ticket is in': [
      { alert: { ...open, postedTo: [{ mentions: [], alertGroup: 'alertGroup-1' }] } },
      'alertGroup-1',
    ],
    'nothing of another objective': [{ rule: { objective: objective(1_000) } }, undefined],
    'nothing of another subject': [{ alert: { ...open, series: { service: 'cart' } } }, undefined],
    'nothing that is over': [{ alert: { ...open, state: 'resolved' } }, undefined],
    'nothing that nobody was notified of': [{ alert: labelled('ticket') }, undefined],
    'nothing that is as urgent': [{ alert: labelled('page', posted) }, undefined],
    'nothing when it is a ticket itself': [{ self: labelled('ticket') }, undefined],
  };
  it.each(Object.entries(rows))(
    '%s',
    (_, [{ rule = { objective: objective(500) }, alert = open, self }, found]) => {
      const escalation = createEscalation(aGroup(), [
        { rule: aRule({ name: 'checkout-burn-6h', ...rule }), alerts: [alert] },
        { rule: urgent, alerts: [] },
      ]);
      expect(escalation(urgent)(self ?? labelled('page'))).toBe(found);
    },
  );

  it('the ticket of the same name, where rules are written by hand', () => {
    const [ticket, page] = [aRule({ key: 'ticket' }), aRule({ key: 'page' })];
    const escalation = createEscalation(aGroup(), [
      { rule: ticket, alerts: [open] },
      { rule: page, alerts: [] },
    ]);
    expect(escalation(page)(labelled('page'))).toBe('open');
  });
});

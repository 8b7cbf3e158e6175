import { describe, expect, it } from 'vitest';
import type { GroupedAlert } from '../../../../src/alerts/alert.ts';
import { after, MINUTE } from '../../../../src/lib/units.ts';
import type { AlertGroupSnapshot } from '../../../../src/messages/store.ts';
import type { AlertGroupView } from '../../../../src/slack/blocks/alert-group.ts';
import { alertGroupHeadline, alertGroupMessage } from '../../../../src/slack/blocks/alert-group.ts';
import { START } from '../../../support/virtual-clock.ts';
import { anEnrichedView, aView, NAMELESS } from '../views.ts';

const groupedAlertOf = (name: string, over: Partial<GroupedAlert> = {}): GroupedAlert => ({
  fingerprint: name,
  alertId: `alertId-${name}`,
  name,
  severity: 'page',
  state: 'firing',
  value: 0.34,
  peak: 0.5,
  since: START,
  ...over,
});
const over = (name: string, resolveReason: NonNullable<GroupedAlert['resolveReason']>): GroupedAlert =>
  groupedAlertOf(name, { state: 'resolved', resolvedAt: after(START, MINUTE), resolveReason });

const aGroup = (over: Partial<AlertGroupSnapshot> = {}, view = aView()): AlertGroupView => ({
  ...view,
  alertGroup: {
    id: 'alertGroup-0a-17',
    startedAt: START,
    counts: { firing: 37, 'no-data': 0, resolved: 0 },
    rows: [groupedAlertOf('checkout'), groupedAlertOf('cart')],
    ...over,
  },
});
const shown = (view: AlertGroupView): string => JSON.stringify(alertGroupMessage(view).blocks);

describe('the headline says how many, of what, and which rule', () => {
  const ended = { firing: 0, 'no-data': 0, resolved: 2 };
  const rows: Readonly<Record<string, AlertGroupView>> = {
    '🔴 37 services breach CheckoutSlow': aGroup(),
    '🔴 37 of 200 services breach CheckoutSlow': aGroup({}, aView({ watched: 200 })),
    '🔴 37 alerts breach CheckoutSlow': aGroup({}, aView(NAMELESS)),
    '🔴 29 of 37 services still breach CheckoutSlow': aGroup({
      counts: { firing: 29, 'no-data': 1, resolved: 7 },
    }),
    '⚪ CheckoutSlow: no data for 3 of 37 services': aGroup({
      counts: { firing: 0, 'no-data': 3, resolved: 34 },
    }),
    '✅ CheckoutSlow: all 2 services recovered': aGroup({
      counts: ended,
      rows: [over('checkout', 'recovered'), over('cart', 'recovered')],
    }),
    '✅ CheckoutSlow: all 3 services recovered': aGroup({
      counts: { ...ended, resolved: 3 },
      rows: [over('checkout', 'recovered'), over('cart', 'no-longer-breaching')],
    }),
    '☑️ CheckoutSlow: all 2 services closed': aGroup({
      counts: ended,
      rows: [over('checkout', 'recovered'), over('cart', 'rule-removed')],
    }),
    '✅ CheckoutSlow: all 1 services recovered': aGroup({
      counts: { ...ended, resolved: 1 },
      rows: [{ ...over('checkout', 'continued'), continuedAs: 'alertId-page' }, over('page', 'recovered')],
    }),
    '☑️ CheckoutSlow: 1 of 2 services ended, 1 continues in another message': aGroup({
      counts: { ...ended, resolved: 1 },
      rows: [{ ...over('checkout', 'continued'), continuedAs: 'elsewhere' }, over('cart', 'recovered')],
    }),
  };
  it.each(Object.entries(rows))('%s', (headline, view) => {
    expect(alertGroupHeadline(view)).toBe(headline);
  });
});

describe('the message of many alerts', () => {
  const buttonsOf = (rows: readonly GroupedAlert[], unacknowledged = 0): unknown[] =>
    alertGroupMessage(aGroup({ rows, unacknowledged })).blocks.flatMap((block) =>
      block.type === 'actions'
        ? block.elements.flatMap((element) =>
            element.type === 'button' && element.value !== undefined
              ? [[element.text.text, element.value]]
              : [],
          )
        : [],
    );
  const acknowledged = { by: 'U0ANN00000', at: START };
  const silence = ['Silence…', 'alertname="CheckoutSlow"'];

  it('acknowledges all of its alerts and silences its rule, before the figures', () => {
    const { blocks } = alertGroupMessage(aGroup());
    expect(blocks.slice(0, 4).map(({ type }) => type)).toEqual(['header', 'section', 'actions', 'section']);
    expect(buttonsOf([groupedAlertOf('checkout'), groupedAlertOf('cart', { acknowledged })])).toEqual([
      ['Acknowledge all', '/slo acknowledge alertGroup-0a-17'],
      silence,
    ]);
    expect(buttonsOf([groupedAlertOf('checkout', { acknowledged })])).toEqual([
      ['Unacknowledge all', '/slo unacknowledge alertGroup-0a-17'],
      silence,
    ]);
    // One beyond the table is not acknowledged.
    expect(buttonsOf([groupedAlertOf('checkout', { acknowledged })], 1)).toEqual([
      ['Acknowledge all', '/slo acknowledge alertGroup-0a-17'],
      silence,
    ]);
    expect(buttonsOf([over('checkout', 'recovered')])).toEqual([]);
  });

  it('shows the objective, the worst, and a row for each with its state', () => {
    const message = shown(
      aGroup({
        rows: [
          groupedAlertOf('checkout'),
          groupedAlertOf('cart', { acknowledged: { by: 'U0ANN00000', at: START } }),
          groupedAlertOf('auth', { state: 'no-data' }),
          over('mail', 'recovered'),
        ],
      }),
    );
    expect(message).toContain('*Objective*\\np99 below 500 ms over 5 min');
    expect(message).toContain('*Worst*\\n`checkout` 34%');
    for (const state of ['🔴 firing"', '🔴 firing, acknowledged"', '⚪ no data"', '✅ recovered"'])
      expect(message).toContain(`"text":"${state}`);
    expect(message).toContain('The 4 worst of 37. All are listed in the thread.');
  });

  it('marks a latency as interpolated', () => {
    const latency = aView({ valueKind: 'latency' });
    const row = groupedAlertOf('checkout', { value: 812 });
    expect(shown(aGroup({ rows: [row] }, latency))).toContain('"≈ 812 ms"');
  });

  it('offers those in its menu that nobody has taken', () => {
    const menu = alertGroupMessage(
      aGroup({
        rows: [
          groupedAlertOf('checkout'),
          groupedAlertOf('cart', { acknowledged: { by: 'U0ANN00000', at: START } }),
        ],
      }),
    ).blocks.find((block) => block.type === 'actions' && block.block_id !== undefined);
    expect(menu).toMatchObject({ block_id: '/slo acknowledge {service}' });
    expect(JSON.stringify(menu)).toContain('"value":"alertId-checkout"');
    expect(JSON.stringify(menu)).not.toContain('alertId-cart');
  });

  it('has traces of the worst as lines, since its one table is that of the alerts', () => {
    const { blocks } = alertGroupMessage(aGroup({}, anEnrichedView()));
    expect(blocks.filter(({ type }) => type === 'table')).toHaveLength(1);
    expect(JSON.stringify(blocks)).toContain('*Slowest traces* of `checkout`');
  });

  it('calls whom it is to call', () => {
    expect(shown(aGroup({}, aView({ mentions: ['S0ONCALL00'] })))).toContain('<!subteam^S0ONCALL00>');
  });
});

describe('a reply of its thread', () => {
  it.each([
    ['lists those that started together', START, 'Services that started together, list 2'],
    ['says how many joined', after(START, MINUTE), '2 more services breach CheckoutSlow'],
  ])('%s', (_, joinedAt, text) => {
    const reply = alertGroupMessage(aGroup({ detailPage: { number: 2, joinedAt } }));
    expect(reply.text).toBe(text);
    expect(reply.blocks.map(({ type }) => type)).toEqual(['section', 'table', 'actions']);
  });
});

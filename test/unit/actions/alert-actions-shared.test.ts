import { expect, it } from 'vitest';
import { type ActiveAlert, actionUpdates } from '../../../src/actions/alert-actions.ts';
import type { Alert, AlertActions } from '../../../src/alerts/alert.ts';
import { sharedMessages } from '../../../src/messages/plan-groups.ts';
import { withLatestActions } from '../../../src/messages/with-actions.ts';
import { at, many, play, seconds } from '../evaluation/rule-play.ts';

/** An alert group of so many, and one of its alerts as it is stored. */
function alertGroupOf(count: number) {
  const rule = play({ groupThreshold: 10, flapThreshold: 0 });
  rule.tick(0, many(count));
  const alert = rule.alerts()[0] as Alert;
  return { alert, alerts: rule.alerts(), alertGroups: rule.alertGroups() };
}

const active = (alert: Alert, alertGroups: ActiveAlert['alertGroups']): ActiveAlert => ({
  group: at.group.id,
  rule: at.rule,
  alert,
  alertGroups,
});

it.each([
  ['the message, when it shows all alerts', 12, [undefined]],
  ['the message and the reply that lists the alert', 120, [undefined, '3']],
])('an action on an alert of an alert group updates %s', (_, count, pages) => {
  const { alert, alertGroups } = alertGroupOf(count);
  const messages = sharedMessages([alert], alertGroups);
  expect(messages.map(({ key }) => key.split('/')[1])).toEqual(pages);
  expect(messages.map(({ isReply }) => isReply)).toEqual(pages.map((page) => page !== undefined));
});

it('a silence has one line in a shared thread, an acknowledgement none', () => {
  const { alert, alertGroups } = alertGroupOf(12);
  const other: Alert = { ...alert, alertId: 'other' };
  const silence = { what: 'silenced', id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } as const;
  const lines = (given?: typeof silence): readonly (string | undefined)[] =>
    [alert, other].flatMap((each) =>
      actionUpdates([active(each, alertGroups)], { at: seconds(1), silence: given }).map(
        ({ line }) => line?.key,
      ),
    );
  expect(new Set(lines(silence)).size).toBe(1);
  expect(lines()).toEqual([undefined, undefined]);
});

it('a silence of all alerts of an alert group updates each message once', () => {
  const { alerts, alertGroups } = alertGroupOf(120);
  const silence = { what: 'silenced', id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } as const;
  const updates = actionUpdates(
    alerts.map((alert) => active(alert, alertGroups)),
    { at: seconds(1), silence },
  );
  expect(updates.map(({ key }) => key.split('/')[1])).toEqual([undefined, '1', '2', '3']);
  expect(updates.map(({ line }) => line?.kind)).toEqual(['silence', undefined, undefined, undefined]);
});

it('the rows of a message show the current actions', async () => {
  const [main] = play({ groupThreshold: 10, flapThreshold: 0 }).tick(0, many(12));
  const desired = main?.update.desired;
  const [worst, next] = desired?.alertGroup?.rows ?? [];
  const acknowledged = { by: 'U0ANN00000', at: seconds(5) };
  const actions = new Map<string, AlertActions>([[worst?.alertId ?? '', { acknowledged }]]);
  if (desired === undefined) throw new Error('an alert group is notified');
  const { alertGroup } = await withLatestActions({ actions: async () => actions }, desired, undefined);
  expect(alertGroup?.rows[0]).toEqual({ ...worst, acknowledged });
  expect(alertGroup?.rows[1]).toEqual(next);
});

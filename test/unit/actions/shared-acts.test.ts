import { expect, it } from 'vitest';
import { actionEntries } from '../../../src/actions/active-alerts.ts';
import type { Alert, AlertActions } from '../../../src/alerts/alert.ts';
import { sharedEntries } from '../../../src/messages/alert-group-plan.ts';
import type { Store } from '../../../src/messages/store.ts';
import { asItStands } from '../../../src/messages/with-actions.ts';
import { at, many, play, seconds } from '../evaluation/rule-play.ts';

/** An alert group of so many, and one of its alerts as it is stored. */
function alertGroupIdOf(count: number) {
  const rule = play({ groupThreshold: 10, flapThreshold: 0 });
  rule.tick(0, many(count));
  const alert = rule.alerts()[0] as Alert;
  return { alert, alertGroups: rule.alertGroups() };
}

it.each([
  ['the message alone where it shows all of them', 12, [undefined]],
  ['the message and the reply that lists the alert, where there are replies', 120, [undefined, 3]],
])('what a person did is shown in %s', (_, count, pages) => {
  const { alert, alertGroups } = alertGroupIdOf(count);
  const entries = sharedEntries(at, seconds(0), { alerts: [alert], alertGroups });
  expect(entries.map(({ kind, alertGroup }) => [kind, alertGroup?.page?.number])).toEqual(
    pages.map((page) => ['act', page]),
  );
});

it('a silence is notified once to the thread that many share, an acknowledgement is shown for each', () => {
  const { alert, alertGroups } = alertGroupIdOf(12);
  const percentiles = { group: at.group.id, rule: at.rule, evalTime: seconds(0), alert, alertGroups };
  const other: Alert = { ...alert, alertId: 'other' };
  const ids = (name: string, notified?: 'silenced'): readonly string[] =>
    [alert, other].flatMap((each) =>
      actionEntries([{ of: percentiles, alert: each }], {
        name,
        ...(notified === undefined
          ? {}
          : { notified: { what: notified, id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } }),
      }).map(({ id }) => id),
    );
  expect(new Set(ids('silence-1', 'silenced')).size).toBe(1);
  expect(new Set(ids('acknowledged')).size).toBe(2);
});

it('a silence of all that share messages is notified to each message once', () => {
  const rule = play({ groupThreshold: 10, flapThreshold: 0 });
  rule.tick(0, many(120));
  const alertGroups = rule.alertGroups();
  const acted = rule.alerts().map((alert) => ({
    of: { group: at.group.id, rule: at.rule, evalTime: seconds(0), alert, alertGroups },
    alert,
  }));
  const notified = { what: 'silenced', id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } as const;
  const entries = actionEntries(acted, { name: 'silenced:silence-1', notified });
  expect(entries.map(({ alertGroup }) => alertGroup?.page?.number)).toEqual([undefined, 1, 2, 3]);
});

it('the rows of a message show what people did until it is delivered', async () => {
  const [main] = play({ groupThreshold: 10, flapThreshold: 0 }).tick(0, many(12));
  const [worst, next] = main?.alertGroup?.rows ?? [];
  const acknowledged = { by: 'U0ANN00000', at: seconds(5) };
  const actions = new Map<string, AlertActions>([[worst?.alertId ?? '', { acknowledged }]]);
  const store = { actions: async () => actions } satisfies Partial<Store> as unknown as Store;
  if (main === undefined) throw new Error('an alert group is notified');
  const { alertGroup } = await asItStands(store, main);
  expect(alertGroup?.rows[0]).toEqual({ ...worst, acknowledged });
  expect(alertGroup?.rows[1]).toEqual(next);
});

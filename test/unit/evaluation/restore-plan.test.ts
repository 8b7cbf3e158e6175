import { describe, expect, test } from 'vitest';
import type { Alert, GroupedAlert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { planOrphans } from '../../../src/evaluation/restore-messages.ts';
import { planRestore } from '../../../src/evaluation/restore-plan.ts';
import { after, MINUTE, ms } from '../../../src/lib/units.ts';
import type { OpenMessage } from '../../../src/messages/notifier.ts';
import { encodeRestorePoint } from '../../../src/messages/restore-point.ts';
import type { DesiredMessage, ShownMessage } from '../../../src/messages/store.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const group = aGroup();
const NOW = after(START, ms(10 * MINUTE));

const desiredOf = (over: Partial<DesiredMessage> = {}): DesiredMessage => ({
  group: group.id,
  alert: anAlert(),
  rule: aRule(),
  asOf: after(START, MINUTE),
  ...over,
});

let posted = 0;
function found(key: string, desired: DesiredMessage, over: Partial<OpenMessage> = {}): OpenMessage {
  posted += 1;
  const messageTs = `${START / 1_000 + posted}.000100`;
  const restorePoint = encodeRestorePoint(desired) ?? '';
  return { key, channelId: 'C1', messageTs, restorePoint, lineKeys: [], ...over };
}

const alertsIn = (plan: ReturnType<typeof planRestore>): readonly Alert[] =>
  plan.groups.flatMap(({ state }) => Object.values(state.rules).flatMap(({ alerts }) => alerts));

const grouped = (name: string, over: Partial<GroupedAlert> = {}): GroupedAlert => ({
  fingerprint: `f-${name}`,
  alertId: `a-${name}`,
  name,
  state: 'firing',
  value: 0.2,
  peak: 0.3,
  since: START,
  ...over,
});

const wholeGroup = (rows: readonly GroupedAlert[], total = rows.length): DesiredMessage =>
  desiredOf({
    alertGroup: {
      id: 'alertGroup-1',
      startedAt: START,
      counts: { firing: total, 'no-data': 0, resolved: 0 },
      rows,
    },
    destination: { channel: '#shop', mentions: ['S1'] },
  });

describe('open messages in Slack become the state that they came from', () => {
  test('of an alert: identity, times, value, acknowledgement, and every place it was posted to', () => {
    const acknowledged = { by: 'U1', at: after(START, MINUTE) };
    const postedTo = [
      { channel: '#a', mentions: [] },
      { channel: '#b', mentions: [] },
    ];
    const alert = anAlert({ acknowledged, postedTo, noDataSince: after(START, MINUTE) });
    const desired = desiredOf({ alert });
    const plan = planRestore([found(`${alert.alertId}+1`, desired)], [group], { at: NOW, wasLost: false });
    const { fingerprint, alertId, labels, series, activeAt, firedAt, value, peak, noDataSince } = alert;
    expect(alertsIn(plan)).toEqual([
      expect.objectContaining({ fingerprint, alertId, labels, series, activeAt, firedAt, value, peak }),
    ]);
    expect(alertsIn(plan)[0]).toMatchObject({ acknowledged, postedTo, noDataSince, state: 'firing' });
    expect(plan.messages[0]?.desired.destination?.channel).toBe('#b');
    expect(plan.updates).toEqual([]);
  });

  test('an alert with more labels than fit is found by its fingerprint', () => {
    const labels = { alertname: 'CheckoutSlow', service: 'x'.repeat(2_000) };
    const alert = anAlert({ labels, series: { service: labels.service } });
    const [restored] = alertsIn(
      planRestore([found(alert.alertId, desiredOf({ alert }))], [group], { at: NOW, wasLost: false }),
    );
    expect(restored).toMatchObject({ fingerprint: alert.fingerprint, isUnlabeled: true });
  });

  test('an earlier occurrence of the same alert ends, the newest continues', () => {
    const newer = anAlert({ activeAt: after(START, ms(5 * MINUTE)) });
    const older = anAlert();
    const plan = planRestore(
      [found(newer.alertId, desiredOf({ alert: newer })), found(older.alertId, desiredOf({ alert: older }))],
      [group],
      { at: NOW, wasLost: false },
    );
    expect(alertsIn(plan).map(({ alertId }) => alertId)).toEqual([newer.alertId]);
    expect(plan.updates.map(({ key, desired }) => [key, desired?.alert.resolveReason])).toEqual([
      [older.alertId, 'no-longer-returned'],
    ]);
  });

  test('a message whose thread says that it ended is left alone', () => {
    const { alertId } = anAlert();
    const ended = found(alertId, desiredOf(), { lineKeys: [`${alertId}:resolved`] });
    expect(planRestore([ended], [group], { at: NOW, wasLost: false })).toEqual({
      groups: [],
      messages: [],
      updates: [],
      silences: [],
      announced: [],
    });
  });

  test('of a group that is in no rule file: it ends as removed', () => {
    const plan = planRestore([found(anAlert().alertId, desiredOf())], [], { at: NOW, wasLost: false });
    expect(plan.groups).toEqual([]);
    expect(plan.updates.map(({ desired }) => desired?.alert.resolveReason)).toEqual(['rule-removed']);
  });

  test('of an alert group: its open alerts with their names, and its thread', () => {
    const rows = ['checkout', 'cart'].map((name) => grouped(name));
    const gone = grouped('gone', { state: 'resolved' });
    const late = grouped('late');
    const reply = desiredOf({
      parent: 'alertGroup-1',
      alertGroup: {
        id: 'alertGroup-1',
        startedAt: START,
        counts: { firing: 1, 'no-data': 0, resolved: 0 },
        rows: [late],
        detailPage: { number: 2, joinedAt: after(START, MINUTE) },
      },
    });
    const plan = planRestore(
      [found('alertGroup-1', wholeGroup([...rows, gone, late])), found('alertGroup-1/2', reply)],
      [group],
      { at: NOW, wasLost: false },
    );
    const [alertGroup] = plan.groups.flatMap(({ state }) =>
      Object.values(state.rules).flatMap(({ alertGroups = [] }) => alertGroups),
    );
    expect(alertGroup?.replies.map(({ alerts }) => alerts.map(({ name }) => name))).toEqual([
      ['checkout', 'cart'],
      ['late'],
    ]);
    expect(alertsIn(plan).map(({ postedTo }) => postedTo)).toEqual(
      Array.from({ length: 3 }, () => [{ channel: '#shop', mentions: [], alertGroup: 'alertGroup-1' }]),
    );
    expect(plan.messages.map(({ desired }) => desired.parent)).toEqual([undefined, 'alertGroup-1']);
  });

  test('fifty alerts of a reply fit by their fingerprints, without their names', () => {
    const rows = Array.from({ length: 50 }, (_, index) =>
      grouped(`service-${index}-in-some-namespace`, { fingerprint: `${index}`.padStart(16, '0') }),
    );
    const detailPage = { number: 1, joinedAt: START };
    const counts = { firing: 50, 'no-data': 0, resolved: 0 };
    const reply = desiredOf({
      parent: 'g',
      alertGroup: { id: 'g', startedAt: START, counts, rows, detailPage },
    });
    const plan = planRestore([found('g', wholeGroup(rows.slice(0, 15), 50)), found('g/1', reply)], [group], {
      at: NOW,
      wasLost: false,
    });
    expect(alertsIn(plan)).toHaveLength(50);
  });

  test('metadata of anything else is ignored', () => {
    for (const restorePoint of ['', '[]', '{}', 'null', '{"g":1}'])
      expect(
        planRestore([found('k', desiredOf(), { restorePoint })], [group], { at: NOW, wasLost: false })
          .messages,
      ).toEqual([]);
  });
});

describe('a message that was read only after evaluation had gone on', () => {
  const { alertId, fingerprint } = anAlert();
  const since = NOW;
  const at = after(NOW, MINUTE);
  const plan = (
    orphans: readonly OpenMessage[],
    alerts: readonly Alert[],
    { shownTs, rule = aRule() }: { shownTs?: string; rule?: SloRule } = {},
  ) => {
    const state = {
      evalTime: at,
      rules: { [rule.key]: { rule, alerts, health: { kind: 'ok' }, evaluatedAt: at } },
    };
    const shown = shownTs === undefined ? undefined : ({ messageTs: shownTs } as ShownMessage);
    return planOrphans(orphans, {
      groups: [group],
      states: new Map([[group.id, state as RuleGroupState]]),
      shown: new Map([[alertId, shown]]),
      since,
      at,
    });
  };
  const endings = ({ updates }: ReturnType<typeof planOrphans>) =>
    updates.map(({ desired }) => [desired?.alert.resolveReason, desired?.alert.continuedAs?.alertId]);
  const orphan = () => found(alertId, desiredOf());

  test('ends as no longer returned when its alert does not fire any more', () => {
    expect(endings(plan([orphan()], []))).toEqual([['no-longer-returned', undefined]]);
  });

  test('ends with a link to the message that continues it, also where both have one key', () => {
    const again = plan([orphan()], [anAlert()], { shownTs: 'later' });
    expect(endings(again)).toEqual([['continued', alertId]]);
    // The message that continues it keeps its record.
    expect(again.messages.map(({ shown }) => shown.key)).not.toContain(alertId);
  });

  test('is waited for while its alert is pending, or its rule was not evaluated', () => {
    const { firedAt: _fired, ...unfired } = anAlert();
    expect(plan([orphan()], [{ ...unfired, state: 'pending' }])).toMatchObject({
      messages: [],
      isDecided: false,
    });
    expect(plan([orphan()], [], { rule: aRule({ key: 'other' }) }).isDecided).toBe(false);
  });

  test('is left alone when the store knows it, or when it was posted since', () => {
    const known = orphan();
    expect(plan([known], [anAlert()], { shownTs: known.messageTs }).messages).toEqual([]);
    const later = { ...orphan(), messageTs: `${since / 1_000}.000100` };
    expect(plan([later], [anAlert()])).toEqual({ messages: [], updates: [], isDecided: true });
  });

  test('of an alert group ends with its rows, of which those that fire continue', () => {
    const whole = wholeGroup([grouped('checkout', { fingerprint }), grouped('cart')]);
    const { updates } = plan([found('alertGroup-1', whole)], [anAlert()]);
    expect(updates[0]?.desired?.alertGroup?.counts).toEqual({ firing: 0, 'no-data': 0, resolved: 1 });
    expect(updates[0]?.desired?.alertGroup?.rows.map(({ resolveReason }) => resolveReason)).toEqual([
      'continued',
      'no-longer-returned',
    ]);
  });
});

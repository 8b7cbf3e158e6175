import type { ActionsBlock, TableBlock } from '@slack/types';
import type { GroupedAlert } from '../../alerts/alert.ts';
import { isRecovery, serviceOf } from '../../messages/alert-subject.ts';
import type { MessageView } from '../../messages/notifier.ts';
import type { AlertGroupSnapshot } from '../../messages/store.ts';
import { ACKNOWLEDGE } from './alert-actions.ts';
import { unitOf } from './alert-facts.ts';
import { cell, dateRun, richCell } from './block-kit.ts';
import { atLeastPrefix, ruleValue } from './format.ts';
import { literal } from './mrkdwn.ts';

/** The menu that acknowledges one of the alerts: the choice is put into the command that names the block. */
const ACKNOWLEDGE_ONE = `${ACKNOWLEDGE}_one`;
const ACKNOWLEDGE_COMMAND = '/slo acknowledge {service}';

/** Long enough for a service and its namespace; fifty rows of it stay far from a table's 10,000 characters. */
const NAME_LENGTH = 60;
/** A message holds the table and the menu: what both need stays below what Slack takes of a message. */
const OPTION_LENGTH = 50;
const MENU_OPTIONS = 100;

/** The view of a message, or a group thread reply, that shows many alerts. */
export type AlertGroupView = MessageView & { readonly alertGroup: AlertGroupSnapshot };

const STATES: Readonly<Record<GroupedAlert['state'], string>> = {
  firing: '🔴 firing',
  'no-data': '⚪ no data',
  resolved: '✅ resolved',
};

function stateText(member: GroupedAlert): string {
  if (member.resolveReason === 'recovered') return '✅ recovered';
  if (member.resolveReason === 'no-longer-returned') return '☑️ no longer returned';
  if (member.state === 'resolved') return isRecovery(member) ? STATES.resolved : '☑️ closed';
  return member.acknowledged === undefined ? STATES[member.state] : `${STATES[member.state]}, acknowledged`;
}

/** A value of the group's rule as text. */
export function memberValue(view: Pick<MessageView, 'alert' | 'rule'>, value: number): string {
  const { alert, rule } = view;
  return `${atLeastPrefix(rule)}${ruleValue(value, { kind: rule.valueKind, unit: unitOf(alert, rule) })}`;
}

/** What the rows are, in the plural. */
export const nounOf = ({ alert, rule }: Pick<MessageView, 'alert' | 'rule'>): 'services' | 'alerts' =>
  serviceOf(alert, rule) === undefined ? 'alerts' : 'services';

/** The alerts of a message, the worst first: name, value, state, since when. */
export function alertGroupTable(view: AlertGroupView): TableBlock {
  const { rule, alertGroup } = view;
  const { rows } = alertGroup;
  const isOver = rows.every(({ state }) => state === 'resolved');
  const value = isOver ? 'Peak' : rule.valueKind === 'slow-share' ? 'Slow requests' : 'Value';
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, { align: 'right' }, { align: 'left' }, { align: 'left' }],
    rows: [
      [cell(nounOf(view) === 'alerts' ? 'Alert' : 'Service'), cell(value), cell('State'), cell('Since')],
      ...rows.map((member) => [
        cell(member.name, NAME_LENGTH),
        // Of a resolved one the peak: its last value only shows that it is resolved.
        cell(memberValue(view, member.state === 'resolved' ? member.peak : member.value), 20),
        cell(stateText(member), 40),
        richCell(dateRun(member.resolvedAt ?? member.since, '{time_secs}')),
      ]),
    ],
  };
}

/** A menu of the alerts that nobody has acknowledged; nothing when there are none. */
export function acknowledgeMenu({ alertGroup: { rows } }: AlertGroupView): readonly ActionsBlock[] {
  const open = rows.filter(({ state, acknowledged }) => state !== 'resolved' && acknowledged === undefined);
  if (open.length === 0) return [];
  const options = open.slice(0, MENU_OPTIONS).map(({ name, alertId }) => ({
    text: { type: 'plain_text' as const, text: literal(name, OPTION_LENGTH) || '–', emoji: false },
    value: alertId,
  }));
  const placeholder = { type: 'plain_text' as const, text: 'Acknowledge one', emoji: false };
  return [
    {
      type: 'actions',
      block_id: ACKNOWLEDGE_COMMAND,
      elements: [{ type: 'static_select', action_id: ACKNOWLEDGE_ONE, placeholder, options }],
    },
  ];
}

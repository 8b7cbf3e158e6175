import type { ActionsBlock, TableBlock } from '@slack/types';
import type { GroupedAlert } from '../../alerts/alert.ts';
import type { AlertGroupView } from '../../messages/alert-group-view.ts';
import { ACKNOWLEDGE } from './alert-actions.ts';
import { cell, dateRun, richCell } from './block-kit.ts';
import { floor, ruleValue } from './format.ts';
import { literal } from './mrkdwn.ts';

/** The menu that takes one of the alerts of a message: what is chosen is put into the command that the block is named by. */
const ACKNOWLEDGE_ONE = `${ACKNOWLEDGE}_one`;
const ACKNOWLEDGE_COMMAND = '/slo acknowledge {service}';

/** Long enough for a service and its namespace; fifty rows of it stay far from a table's 10,000 characters. */
const NAME_LENGTH = 60;
/** A message holds the table and the menu: what both need stays below what Slack takes of a message. */
const OPTION_LENGTH = 50;
const MENU_OPTIONS = 100;

const WORDS: Readonly<Record<GroupedAlert['state'], string>> = {
  firing: '🔴 firing',
  'no-data': '⚪ no data',
  resolved: '✅ over',
};

const RECOVERED = '✅ recovered';
const UNKNOWN_END = '☑️ closed';

/** Whether an end says anything about the service. */
export const isKnownEnd = ({ resolveReason }: GroupedAlert): boolean =>
  resolveReason === 'recovered' || resolveReason === 'no-longer-breaching';

function stateText(member: GroupedAlert): string {
  if (member.resolveReason === 'recovered') return RECOVERED;
  if (member.state === 'resolved') return isKnownEnd(member) ? WORDS.resolved : UNKNOWN_END;
  return member.acknowledged === undefined ? WORDS[member.state] : `${WORDS[member.state]}, acknowledged`;
}

/** A value of the rule in words. */
export function memberValue({ lead }: Pick<AlertGroupView, 'lead'>, value: number): string {
  const { valueKind: kind, unit } = lead;
  return `${floor(lead)}${ruleValue(value, { kind, unit })}`;
}

/** What the rows are, in the plural. */
export const nounOf = ({ lead }: AlertGroupView): 'services' | 'alerts' =>
  lead.service === undefined ? 'alerts' : 'services';

/** The alerts of a message, the worst first: what it is about, its value, since when, what became of it. */
export function alertGroupTable(view: AlertGroupView): TableBlock {
  const { lead, rows } = view;
  const what = lead.valueKind === 'slow-share' ? 'Slow requests' : 'Value';
  const value = rows.every(({ state }) => state === 'resolved') ? `${what} at the peak` : what;
  return {
    type: 'table',
    column_settings: [{ align: 'left' }, { align: 'right' }, { align: 'left' }, { align: 'left' }],
    rows: [
      [cell(lead.service === undefined ? 'Alert' : 'Service'), cell(value), cell('State'), cell('Since')],
      ...rows.map((member) => [
        cell(member.name, NAME_LENGTH),
        // Of one that is over, the worst that was seen: its last value only says that it is over.
        cell(memberValue(view, member.state === 'resolved' ? member.peak : member.value), 20),
        cell(stateText(member), 40),
        richCell(dateRun(member.resolvedAt ?? member.since, '{time_secs}')),
      ]),
    ],
  };
}

/** A menu of the alerts that nobody has taken yet; nothing when there are none. */
export function acknowledgeMenu({ rows }: AlertGroupView): readonly ActionsBlock[] {
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

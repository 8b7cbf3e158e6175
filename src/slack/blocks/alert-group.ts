import type { ActionsBlock, TableBlock } from '@slack/types';
import type { GroupedAlert } from '../../alerts/alert.ts';
import { count, durationText } from '../../lib/format.ts';
import { isRecovery, serviceOf } from '../../messages/alert-subject.ts';
import type { MessageView } from '../../messages/notifier.ts';
import type { AlertGroupSnapshot } from '../../messages/store.ts';
import { countElsewhere } from '../../policy/alert-group.ts';
import { briefMessage } from './alert.ts';
import { ACKNOWLEDGE, groupButtons } from './alert-actions.ts';
import { facts, guess, unitOf } from './alert-facts.ts';
import {
  actions,
  cell,
  context,
  dateRun,
  fields,
  header,
  linkButtons,
  type Rendered,
  richCell,
  type SlackBlock,
  section,
  shortTraceId,
} from './block-kit.ts';
import { atLeastPrefix, ruleValue } from './format.ts';
import { code, date, escape, link, literal, mentionLine, oneLine } from './mrkdwn.ts';
import { culpritButtons, culpritLines, metricLines, notComparedLine } from './why.ts';

/** Traces of the worst alert are lines: a message may have one table, and that lists the alerts. */
const TRACES_SHOWN = 3;

/** The message of many alerts of one rule, or a reply in its thread that lists some of them. */
export function alertGroupMessage(view: AlertGroupView): Rendered {
  return view.alertGroup.detailPage === undefined
    ? wholeGroup(view)
    : threadReply(view, view.alertGroup.detailPage);
}

const totalOf = ({ alertGroup: { counts } }: AlertGroupView): number =>
  counts.firing + counts['no-data'] + counts.resolved;

const among = ({ evidence: { watched } }: AlertGroupView, many: number): string =>
  watched === undefined || watched < many ? `${many}` : `${many} of ${watched}`;

/** One sentence: how many, of what, and which rule. */
export function alertGroupHeadline(view: AlertGroupView): string {
  const { rule, alertGroup } = view;
  const { counts, rows } = alertGroup;
  const total = totalOf(view);
  const noun = nounOf(view);
  const elsewhere = countElsewhere(rows);
  if (total + elsewhere === 0) return `☑️ ${rule.name}: closed (its alerts are not known)`;
  if (counts.resolved === total)
    return `${isRecovered(alertGroup) ? '✅' : '☑️'} ${rule.name}: ${groupEnding(view)}`;
  if (counts.firing === 0) return `⚪ ${rule.name}: no data for ${counts['no-data']} of ${total} ${noun}`;
  if (counts.firing === total) return `🔴 ${among(view, total)} ${noun} breach ${rule.name}`;
  return `🔴 ${counts.firing} of ${total} ${noun} still breach ${rule.name}`;
}

/** Whether nothing about a row is unknown: it recovered, or another row shows it. */
export const isWell = (row: GroupedAlert): boolean => isRecovery(row) || row.continuedAs !== undefined;

/** Whether all its alerts recovered, and none continues elsewhere. */
export const isRecovered = ({ rows }: Pick<AlertGroupSnapshot, 'rows'>): boolean =>
  rows.every(isWell) && countElsewhere(rows) === 0;

/** `all 3 services recovered`, or what became of them: `2 of 3 services ended, 1 continues in another message`. */
export function groupEnding(view: Pick<AlertGroupView, 'alert' | 'rule' | 'alertGroup'>): string {
  const { counts, rows } = view.alertGroup;
  const noun = nounOf(view);
  const elsewhere = countElsewhere(rows);
  if (elsewhere === 0)
    return `all ${counts.resolved} ${noun} ${isRecovered(view.alertGroup) ? 'recovered' : 'closed'}`;
  const continuing = `${elsewhere} ${elsewhere === 1 ? 'continues' : 'continue'} in another message`;
  return `${counts.resolved} of ${counts.resolved + elsewhere} ${noun} ended, ${continuing}`;
}

function wholeGroup(view: AlertGroupView): Rendered {
  const { evidence, alertGroup, links, notice } = view;
  const title = alertGroupHeadline(view);
  if (view.isBrief === true) return briefMessage(view.alert, title);
  const [first] = alertGroup.rows;
  const metrics = metricLines(view);
  const blocks: SlackBlock[] = [
    header(title),
    section([...contextLines(view), ...culpritLines(view)].join('\n')),
    ...(metrics.length === 0 ? [] : [section(metrics.join('\n'))]),
    ...actions([...groupButtons(alertGroup, view.rule), ...culpritButtons(view)]),
    ...fields(figures(view)),
    alertGroupTable(view),
    ...context([listed(view)]),
    ...traces(view),
    ...acknowledgeMenu(view),
    ...actions(linkButtons(links)),
    ...context([
      ruleLine(view),
      ...notComparedLine(view.culprit),
      ...evidence.gaps.slice(0, 5).map((gap) => escape(oneLine(gap), 300)),
    ]),
  ];
  const worst = first === undefined ? [] : [`Worst: ${literal(first.name, 100)}`];
  const text = [title, ...(notice === undefined ? [] : [notice]), ...worst];
  return { text: text.map((line) => escape(oneLine(line), 300)).join('\n'), blocks };
}

function contextLines(view: AlertGroupView): readonly string[] {
  const { mentions = [], notice, alertGroup } = view;
  const isOver = alertGroup.counts.resolved === totalOf(view);
  return [
    ...(mentions.length === 0 || isOver ? [] : [mentionLine(mentions)]),
    ...(notice === undefined ? [] : [`:warning: ${escape(oneLine(notice), 600)}`]),
    ...(isOver && !alertGroup.rows.every(isWell) ? [`The state of some ${nounOf(view)} is *unknown*.`] : []),
    `Grouped since ${date(alertGroup.startedAt)}.${howMany(view)}`,
  ];
}

/** ` 29 firing, 1 without data, 7 resolved.` */
function howMany({ alertGroup: { counts } }: AlertGroupView): string {
  const parts = [
    ...(counts.firing === 0 ? [] : [`${counts.firing} firing`]),
    ...(counts['no-data'] === 0 ? [] : [`${counts['no-data']} without data`]),
    ...(counts.resolved === 0 ? [] : [`${counts.resolved} resolved`]),
  ];
  return parts.length < 2 ? '' : ` ${parts.join(', ')}.`;
}

/** The rule's objective, and the worst value. */
function figures(view: AlertGroupView): readonly (readonly [string, string])[] {
  const objective = facts(view).filter(([name]) => name === 'Objective' || name === 'Alert condition');
  const [worst] = view.alertGroup.rows;
  if (worst === undefined) return objective;
  const value = memberValue(view, worst.state === 'resolved' ? worst.peak : worst.value);
  return [...objective, ['Worst', `${code(worst.name, 120)} ${escape(value)}`]];
}

function listed(view: AlertGroupView): string {
  const total = totalOf(view);
  const { rows } = view.alertGroup;
  return rows.length < total ? `The ${rows.length} worst of ${total}. All are listed in the thread.` : '';
}

function traces({ alert, rule, evidence, alertGroup }: AlertGroupView): readonly SlackBlock[] {
  const { traces: found } = evidence;
  const [first] = alertGroup.rows;
  if (found.kind !== 'found' || found.rows.length === 0 || first === undefined) return [];
  const lines = found.rows
    .slice(0, TRACES_SHOWN)
    .map(
      ({ duration, operation, traceId, url }) =>
        `• ${durationText(duration)} ${link(url, shortTraceId(traceId))} ${code(operation, 120)}`,
    );
  return [
    section([`*Slowest traces* of ${code(serviceOf(alert, rule) ?? first.name, 120)}`, ...lines].join('\n')),
  ];
}

function ruleLine({ alert, rule }: AlertGroupView): string {
  const { severity } = alert.labels;
  const level = severity === undefined ? [] : [`severity ${code(severity, 60)}`];
  return [`Rule ${code(rule.name)}`, ...level].join(' · ');
}

/** A reply in the thread: the alerts that started together, or those that joined later. */
function threadReply(
  view: AlertGroupView,
  { number, joinedAt }: NonNullable<AlertGroupView['alertGroup']['detailPage']>,
): Rendered {
  const { rule, mentions = [], alertGroup } = view;
  const { rows, startedAt, counts } = alertGroup;
  const noun = nounOf(view);
  const isOver = counts.resolved === totalOf(view);
  const title =
    joinedAt > startedAt
      ? `${count(rows.length, `more ${noun.slice(0, -1)}`)} ${rows.length === 1 ? 'breaches' : 'breach'} ${rule.name}`
      : `${noun === 'services' ? 'Services' : 'Alerts'} that started together, list ${number}`;
  const line = [
    ...(mentions.length === 0 || isOver ? [] : [mentionLine(mentions)]),
    `*${escape(oneLine(title), 300)}* · ${date(joinedAt)}`,
  ].join('\n');
  return {
    text: escape(oneLine(title), 300),
    blocks: [section(line), alertGroupTable(view), ...acknowledgeMenu(view)],
  };
}

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
  if (member.continuedAs !== undefined) return '➡️ continues as another alert';
  if (member.resolveReason === 'recovered') return '✅ recovered';
  if (member.resolveReason === 'resolved-by-alertmanager') return '☑️ resolved by Alertmanager';
  if (member.resolveReason === 'no-longer-returned') return '☑️ no longer returned';
  if (member.state === 'resolved') return isRecovery(member) ? STATES.resolved : '☑️ closed';
  return member.acknowledged === undefined ? STATES[member.state] : `${STATES[member.state]}, acknowledged`;
}

/** A value of the group's rule as text. */
export function memberValue(view: Pick<MessageView, 'alert' | 'rule'>, value: number): string {
  const { alert, rule } = view;
  if (Number.isNaN(value)) return 'unknown';
  return `${atLeastPrefix(rule)}${guess(view)}${ruleValue(value, { kind: rule.valueKind, unit: unitOf(alert, rule) })}`;
}

/** What the rows are, in the plural. */
const nounOf = ({ alert, rule }: Pick<MessageView, 'alert' | 'rule'>): 'services' | 'alerts' =>
  serviceOf(alert, rule) === undefined ? 'alerts' : 'services';

/** The alerts of a message, the worst first: name, value, state, since when. */
function alertGroupTable(view: AlertGroupView): TableBlock {
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

/** A menu of the alerts that are not acknowledged. */
function acknowledgeMenu({ alertGroup: { rows } }: AlertGroupView): readonly ActionsBlock[] {
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

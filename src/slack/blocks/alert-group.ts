import { toMs } from '../../lib/units.ts';
import type { AlertGroupView } from '../../messages/alert-group-view.ts';
import { count } from '../../traces/wording.ts';
import { facts } from './alert-facts.ts';
import { acknowledgeMenu, alertGroupTable, isKnownEnd, memberValue, nounOf } from './alert-group-table.ts';
import type { Rendered, SlackBlock } from './block-kit.ts';
import { actions, context, fields, header, linkButtons, section, shortTraceId } from './block-kit.ts';
import { latency } from './format.ts';
import { mentionLine } from './mentions.ts';
import { code, date, escape, link, literal, oneLine } from './mrkdwn.ts';

/** Lines of traces of the worst alert: a message may have one table, and that is the alerts' own. */
const TRACES_SHOWN = 3;

/** The message of many alerts of one rule, or a reply of its thread that lists a part of them. */
export function alertGroupMessage(view: AlertGroupView): Rendered {
  return view.page === undefined ? ofAll(view) : ofPage(view, view.page);
}

const totalOf = ({ counts }: AlertGroupView): number => counts.firing + counts['no-data'] + counts.resolved;

const among = ({ watched }: AlertGroupView, many: number): string =>
  watched === undefined || watched < many ? `${many}` : `${many} of ${watched}`;

/** One sentence that says how many, of what, against which rule. */
export function alertGroupHeadline(view: AlertGroupView): string {
  const { counts, lead } = view;
  const total = totalOf(view);
  const noun = nounOf(view);
  if (counts.resolved === total) return ending(view);
  if (counts.firing === 0) return `⚪ ${lead.alertname}: no data of ${counts['no-data']} of ${total} ${noun}`;
  if (counts.firing === total) return `🔴 ${among(view, total)} ${noun} breach ${lead.alertname}`;
  return `🔴 ${counts.firing} of ${total} ${noun} still breach ${lead.alertname}`;
}

function ending(view: AlertGroupView): string {
  const { lead, rows } = view;
  const all = `all ${totalOf(view)} ${nounOf(view)}`;
  if (!rows.every(isKnownEnd)) return `☑️ ${lead.alertname}: closed for ${all}`;
  const isProven = rows.every(({ resolveReason }) => resolveReason === 'recovered');
  return `✅ ${lead.alertname}: ${all} ${isProven ? 'recovered' : 'breach no longer'}`;
}

function ofAll(view: AlertGroupView): Rendered {
  const { lead, rows, links, notice } = view;
  const title = alertGroupHeadline(view);
  const blocks: SlackBlock[] = [
    header(title),
    section(words(view).join('\n')),
    ...fields(figures(view)),
    alertGroupTable(view),
    ...context([listed(view)]),
    ...traces(view),
    ...acknowledgeMenu(view),
    ...actions(linkButtons(links)),
    ...context([ruleLine(view), ...lead.gaps.slice(0, 5).map((gap) => escape(oneLine(gap), 300))]),
  ];
  const worst = rows[0] === undefined ? [] : [`Worst: ${literal(rows[0].name, 100)}`];
  const text = [title, ...(notice === undefined ? [] : [notice]), ...worst];
  return { text: text.map((line) => escape(oneLine(line), 300)).join('\n'), blocks };
}

function words(view: AlertGroupView): readonly string[] {
  const { mentions = [], notice, counts, startedAt } = view;
  const isUnknown = counts.resolved === totalOf(view) && !view.rows.every(isKnownEnd);
  return [
    ...(mentions.length === 0 ? [] : [mentionLine(mentions)]),
    ...(notice === undefined ? [] : [`:warning: ${escape(oneLine(notice), 600)}`]),
    ...(isUnknown ? [`Whether all ${nounOf(view)} are well is *not known*.`] : []),
    `One message for all of them since ${date(startedAt)}.${howMany(view)}`,
  ];
}

/** ` 29 firing, 1 without data, 7 over.` */
function howMany({ counts }: AlertGroupView): string {
  const parts = [
    ...(counts.firing === 0 ? [] : [`${counts.firing} firing`]),
    ...(counts['no-data'] === 0 ? [] : [`${counts['no-data']} without data`]),
    ...(counts.resolved === 0 ? [] : [`${counts.resolved} over`]),
  ];
  return parts.length < 2 ? '' : ` ${parts.join(', ')}.`;
}

/** What the rule asks for, and the worst of what it got. */
function figures(view: AlertGroupView): readonly (readonly [string, string])[] {
  const { lead, rows } = view;
  const objective = facts(lead).filter(([name]) => name === 'Objective' || name === 'Alerts when');
  const [worst] = rows;
  if (worst === undefined) return objective;
  const value = memberValue(view, worst.state === 'resolved' ? worst.peak : worst.value);
  return [...objective, ['Worst', `${code(worst.name, 120)} ${escape(value)}`]];
}

function listed(view: AlertGroupView): string {
  const total = totalOf(view);
  const { rows } = view;
  return rows.length < total ? `The ${rows.length} worst of ${total}. All of them are in the thread.` : '';
}

function traces({ lead, rows }: AlertGroupView): readonly SlackBlock[] {
  const { traces: found } = lead;
  if (found.kind !== 'found' || found.rows.length === 0 || rows[0] === undefined) return [];
  const lines = found.rows
    .slice(0, TRACES_SHOWN)
    .map(
      ({ duration, operation, traceId, url }) =>
        `• ${latency(toMs(duration))} ${link(url, shortTraceId(traceId))} ${code(operation, 120)}`,
    );
  return [section([`*Slowest traces* of ${code(lead.service ?? rows[0].name, 120)}`, ...lines].join('\n'))];
}

const ruleLine = ({ lead }: AlertGroupView): string =>
  [
    `Rule ${code(lead.alertname)}`,
    ...(lead.severity === undefined ? [] : [`severity ${code(lead.severity, 60)}`]),
  ].join(' · ');

/** A reply that lists a part of the alerts: those that began together, or those that joined later. */
function ofPage(
  view: AlertGroupView,
  { number, joinedAt, isJoin }: NonNullable<AlertGroupView['page']>,
): Rendered {
  const { rows, mentions = [], lead } = view;
  const title = isJoin
    ? `${count(rows.length, `more ${nounOf(view).slice(0, -1)}`)} ${rows.length === 1 ? 'breaches' : 'breach'} ${lead.alertname}`
    : `${nounOf(view) === 'services' ? 'Services' : 'Alerts'} that began together, page ${number}`;
  const line = [
    ...(mentions.length === 0 ? [] : [mentionLine(mentions)]),
    `*${escape(oneLine(title), 300)}* · ${date(joinedAt)}`,
  ].join('\n');
  return {
    text: escape(oneLine(title), 300),
    blocks: [section(line), alertGroupTable(view), ...acknowledgeMenu(view)],
  };
}

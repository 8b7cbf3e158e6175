import type { Alert, ResolveReason } from '../../alerts/alert.ts';
import { count, timeSpan } from '../../lib/format.ts';
import { between, type EpochMs, epochMs, type Milliseconds } from '../../lib/units.ts';
import {
  distinction,
  evidenceWindow,
  firedAtOf,
  isRecovery,
  noDataReasonText,
  serviceOf,
  statusOf,
  traceCommand,
} from '../../messages/alert-subject.ts';
import type { Stale } from '../../messages/evidence.ts';
import type { MessageView } from '../../messages/notifier.ts';
import { actionButtons, actionLines } from './alert-actions.ts';
import { facts, hasRecoveryValue, headlineText, recoveredText, stateLine, valueText } from './alert-facts.ts';
import {
  actions,
  button,
  chartBlock,
  context,
  fields,
  header,
  isButtonValue,
  linkButtons,
  type Rendered,
  type SlackBlock,
  section,
} from './block-kit.ts';
import { noDataEnd, unconfirmedEndText } from './format.ts';
import { code, date, escape, isLinkable, link, literal, mentionLine, oneLine, person } from './mrkdwn.ts';
import { silenceMessage } from './silence.ts';
import { shownRows, tracesTable } from './slowest.ts';
import { culpritButtons, culpritLines, metricLines, notComparedLine } from './why.ts';

/** The button in an alert's message that lists the slowest traces of the breach's own window. */
export const SLOWEST_TRACES = 'slowest_traces';

/** Rows in an alert's message: the button leads to more. */
const TRACES_SHOWN = 5;

/** Services in the line of those that are slow because of this one. */
const SERVICES_SHOWN = 12;

/** An alert's message in the form of its state: firing, firing without data, or resolved. */
export function alertMessage(view: MessageView): Rendered {
  const { alert, rule, evidence } = view;
  if (rule.about === 'source') return sourceMessage(alert);
  if (rule.about === 'notice') return noticeMessage(alert);
  if (rule.about === 'silence') return silenceMessage(alert);
  const title = headline(view);
  if (view.isBrief === true) return briefMessage(alert, title);
  const chart = evidence.chart === undefined ? undefined : chartBlock(evidence.chart);
  // What a person needs first fits on a phone: the state and the buttons, then the evidence.
  const blocks: SlackBlock[] = [
    header(title),
    ...lead(view),
    ...actions([...actionButtons(alert), ...culpritButtons(view), ...slowestButton(view)]),
    ...traces(view),
    ...(chart === undefined ? [] : [chart, ...chartAge(view)]),
    ...texts(view),
    ...fields(facts(view)),
    ...actions(linkButtons(allLinks(view))),
    ...context(footer(view)),
  ];
  return { text: notificationText(view, title), blocks };
}

/** One line, for what ended before it could be posted. */
export function briefMessage({ activeAt }: Alert, title: string): Rendered {
  const line = `${escape(oneLine(title), 300)} · ${date(activeAt)}`;
  return { text: escape(oneLine(title), 300), blocks: [section(line)] };
}

/**
 * What the alert is about: the service of a latency objective, else the rule, each with what tells the alert apart from
 * others: `checkout (prod)`, `KubePodCrashLooping (checkout-7d9f)`.
 */
function subject({ alert, rule, apart }: MessageView): string {
  const service = serviceOf(alert, rule);
  const isOfService = service !== undefined && rule.objective !== undefined;
  const others = [
    ...(isOfService || service === undefined ? [] : [service]),
    ...distinction(alert, rule, apart),
  ].map((text) => literal(text, DISTINCTION_LENGTH));
  const name = isOfService ? service : rule.name;
  return others.length === 0 ? name : `${name} (${others.join(', ')})`;
}

/** Several of these, the name and the value fit into a headline. */
const DISTINCTION_LENGTH = 40;
/** Slack's limit of a header. */
const HEADLINE_LENGTH = 150;
/** A shorter part of a summary says nothing. */
const SHORTEST_SUMMARY = 20;

const summaryOf = ({ alert }: MessageView): string =>
  oneLine(alert.annotations['summary'] ?? '').replace(/[.\s]+$/, '');

/** The value against its bound; of a rule without a latency objective the summary comes first. */
function condition(view: MessageView): string {
  const { rule, alert } = view;
  const value = headlineText(view);
  const summary = summaryOf(view);
  if (rule.objective !== undefined || summary === '') return value;
  if (summary.includes(valueText(view, alert.value))) return summary;
  const room = HEADLINE_LENGTH - subject(view).length - value.length - '🔴 :  ()'.length;
  return room < SHORTEST_SUMMARY ? value : `${literal(summary, room)} (${value})`;
}

/** One sentence: what is wrong, the number, and the bound; or how it ended. */
export function headline(view: MessageView): string {
  const { alert, rule } = view;
  const what = rule.test === undefined ? subject(view) : `TEST ${subject(view)}`;
  switch (statusOf(alert)) {
    case 'resolved':
      return rule.test === undefined
        ? `${isRecovery(alert) ? '✅' : '☑️'} ${what}: ${ending(alert)}`
        : `☑️ ${what}: ended after ${timeSpan(durationOf(alert))}`;
    case 'no-data':
      return `⚪ ${what}: no data, alert still open`;
    case 'firing':
      return `🔴 ${what}: ${condition(view)}`;
  }
}

const ENDINGS: Readonly<Record<ResolveReason, readonly [text: string, more: string]>> = {
  recovered: ['recovered', ''],
  'no-longer-breaching': ['no longer breaching', ''],
  'no-longer-returned': ['no longer returned', ''],
  'rule-removed': ['closed', ' (rule removed)'],
  'limit-exceeded': ['closed', ' (alert limit exceeded)'],
  'no-data': ['closed', ' (no data)'],
  closed: ['closed manually', ' (no data)'],
  continued: ['continued', ''],
  'resolved-by-alertmanager': ['resolved by Alertmanager', ''],
  'not-notified': ['closed', ' (no longer sent by Alertmanager)'],
};

/** `continues as page`: it breaches on with another severity. */
const continuesText = ({ severity }: NonNullable<Alert['continuedAs']>): string =>
  severity === undefined ? 'continues without a severity' : `continues as ${severity}`;

/** `recovered after 12 min`, `closed after 5 min (rule removed)`. */
function ending(alert: Alert): string {
  const { resolveReason } = alert;
  if (alert.continuedAs !== undefined) return continuesText(alert.continuedAs);
  const [text, more] = resolveReason === undefined ? ['resolved', ''] : ENDINGS[resolveReason];
  return `${text} after ${timeSpan(durationOf(alert))}${more}`;
}

const durationOf = (alert: Alert): Milliseconds =>
  between(firedAtOf(alert), alert.resolvedAt ?? firedAtOf(alert));

/** Mentions, people's actions and other alerts. */
function contextLines({ alert, mentions = [], escalates, continuedIn }: MessageView): string[] {
  const { alsoSlow = [] } = alert;
  const others = alsoSlow.slice(0, SERVICES_SHOWN).map((service) => code(service, 120));
  const rest = alsoSlow.length - others.length;
  return [
    ...(mentions.length === 0 || alert.state === 'resolved' ? [] : [mentionLine(mentions)]),
    ...(escalates === undefined
      ? []
      : alert.continues === undefined
        ? [`:arrow_up: Escalates ${link(escalates.url, 'an open alert of lower severity')}.`]
        : [`:arrow_right: Continues ${link(escalates.url, 'the alert before its severity changed')}.`]),
    ...(continuedIn === undefined
      ? []
      : [`:arrow_right: The alert is still breaching: see ${link(continuedIn.url, 'its message')}.`]),
    ...actionLines(alert),
    ...(others.length === 0
      ? []
      : [`Also slow because of it: ${others.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`]),
  ];
}

function noDataLine({ alert: { noDataSince, noDataReason }, rule }: MessageView): readonly string[] {
  if (noDataSince === undefined) return [];
  const why = noDataReason === undefined ? '' : ` ${escape(noDataReasonText(noDataReason), 500)}`;
  return [
    `No data since ${date(noDataSince)}.${why} ${noDataEnd(rule)} The values below are the last ones seen.`,
  ];
}

function unconfirmedLine({ state, resolvedInAlertmanager: end }: Alert): readonly string[] {
  return state === 'resolved' || end === undefined ? [] : [unconfirmedEndText(end)];
}

/** A test shows what it measures: a breach that is made up would contradict its traces and charts. */
function testLine({ alert, rule: { test } }: MessageView): readonly string[] {
  if (test === undefined) return [];
  const by = test.by === undefined ? '' : ` by ${person(test.by)}`;
  const state = alert.state === 'resolved' ? 'It has ended.' : 'It ends by itself after 5 minutes.';
  return [`:test_tube: *This is a test${by}: nothing is wrong.* The figures are the current ones. ${state}`];
}

function unknownLine({ alert, rule }: MessageView): readonly string[] {
  if (rule.test !== undefined) return [];
  if (alert.state !== 'resolved' || isRecovery(alert) || alert.continuedAs !== undefined) return [];
  if (alert.resolveReason === 'no-longer-returned')
    return [
      'The expression no longer returns this alert: it may have recovered, or its data may be missing.',
    ];
  if (alert.resolveReason === 'resolved-by-alertmanager')
    return ['Alertmanager resolved this alert: it may have recovered, or its data may be missing.'];
  if (alert.resolveReason === 'not-notified')
    return ['The state of the service is *unknown*: Alertmanager has sent nothing about it for 24 h.'];
  const hasNoData = alert.closed !== undefined || alert.resolveReason === 'no-data';
  const why = hasNoData ? 'there is no data' : 'the rule is no longer evaluated';
  return [`The state of the service is *unknown*: ${why}.`];
}

/** Whether the headline holds the whole summary. */
const isInHeadline = (view: MessageView): boolean => headline(view).includes(summaryOf(view) || '\n');

/**
 * Below the headline: the state in one line, the culprit, and what people and other alerts have to do with it. What metrics say
 * about the culprit is a section of its own: long links must not cut the rest.
 */
function lead(view: MessageView): readonly SlackBlock[] {
  const { alert, notice } = view;
  const { summary } = alert.annotations;
  const state = [
    ...testLine(view),
    ...(notice === undefined ? [] : [`:warning: ${escape(oneLine(notice), 600)}`]),
    ...(statusOf(alert) === 'no-data' ? noDataLine(view) : []),
    ...unconfirmedLine(alert),
    stateLine(view),
    ...culpritLines(view),
  ];
  const others = [
    ...unknownLine(view),
    // Without a latency objective, the summary says what the number is about.
    ...(showsSummaryFirst(view) ? [escape(summary ?? '', 800)] : []),
    ...contextLines(view),
  ];
  const metrics = metricLines(view);
  const sections = metrics.length === 0 ? [[...state, ...others]] : [state, metrics, others];
  return sections.filter((lines) => lines.length > 0).map((lines) => section(lines.join('\n')));
}

const showsSummaryFirst = (view: MessageView): boolean =>
  view.alert.state !== 'resolved' &&
  view.rule.objective === undefined &&
  view.alert.annotations['summary'] !== undefined &&
  !isInHeadline(view);

/** The rule's own texts: they are about the breach, so a resolved alert has none. */
function texts(view: MessageView): readonly SlackBlock[] {
  if (view.alert.state === 'resolved') return [];
  const { summary = '', description, message = '' } = view.alert.annotations;
  const lines = [
    showsSummaryFirst(view) || isInHeadline(view) ? '' : escape(summary, 800),
    escape(description ?? message, 1_200),
  ].filter((line) => line !== '');
  return lines.length === 0 ? [] : [section(lines.join('\n'))];
}

function traces(view: MessageView): SlackBlock[] {
  const { alert, rule } = view;
  const { traces: found } = view.evidence;
  if (found.kind === 'pending')
    return statusOf(alert) === 'firing'
      ? [...context([`Searching for the ${rule.measures === 'errors' ? 'failed' : 'slowest'} traces…`])]
      : [];
  if (found.kind === 'unavailable') return [...context([`No traces: ${escape(oneLine(found.reason), 500)}`])];
  if (found.rows.length === 0)
    return [...context([`No traces. ${escape(oneLine(found.completeness), 500)}`])];
  const shown = shownRows(found.rows, TRACES_SHOWN);
  const more = found.rows.length - shown;
  const { stale } = found;
  return [
    section(rule.measures === 'errors' ? '*Failed traces*, the slowest first' : '*Slowest traces*'),
    tracesTable(found.rows, {
      most: TRACES_SHOWN,
      service: serviceOf(alert, rule),
    }),
    ...context([
      ...(stale === undefined ? [] : [staleText('Traces', stale)]),
      `${escape(oneLine(found.completeness), 500)}${more > 0 ? ` · ${more} more: select ${buttonLabel(view)}` : ''}`,
    ]),
  ];
}

const staleText = (what: string, { asOf, reason }: Stale): string =>
  `${what} as of ${date(asOf, '{time}')}: ${escape(oneLine(reason), 400)}`;

const chartAge = ({ evidence: { staleChart } }: MessageView): readonly SlackBlock[] =>
  staleChart === undefined ? [] : context([staleText('Chart', staleChart)]);

/** The command behind the button, as a person could type it, for the alert's own time window. */
export function slowestCommand({ alert, rule }: MessageView): string | undefined {
  const service = serviceOf(alert, rule);
  if (service === undefined || /\s/u.test(service)) return undefined;
  const command = traceCommand('slowest', service, evidenceWindow(alert, rule));
  return rule.measures === 'errors' ? `${command} failed` : command;
}

const buttonLabel = ({ rule }: MessageView): string =>
  rule.measures === 'errors' ? 'Failed traces' : 'Slowest traces';

function slowestButton(view: MessageView): ReturnType<typeof button>[] {
  const command = slowestCommand(view);
  return command === undefined || !isButtonValue(command)
    ? []
    : [button(buttonLabel(view), SLOWEST_TRACES, command)];
}

function allLinks({ alert, links }: MessageView): MessageView['links'] {
  const { runbook_url: url } = alert.annotations;
  return url === undefined ? links : [...links, { label: 'Runbook', url }];
}

/** Labels that the rest of the message shows. */
const SHOWN_ELSEWHERE = new Set(['alertname', 'severity', '__name__']);
const LABELS_SHOWN = 12;

function footer({ alert, rule, evidence, culprit }: MessageView): string[] {
  const { severity } = alert.labels;
  const { runbook_url: runbook } = alert.annotations;
  const labels = Object.entries(alert.labels).filter(
    ([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== '',
  );
  const shown = labels.slice(0, LABELS_SHOWN).map(([name, value]) => code(`${name}=${value}`, 120));
  const rest = labels.length - shown.length;
  return [
    [`Rule ${code(rule.name)}`, ...(severity === undefined ? [] : [`severity ${code(severity, 60)}`])].join(
      ' · ',
    ),
    ...(shown.length === 0 ? [] : [`${shown.join(' ')}${rest > 0 ? ` and ${rest} more labels` : ''}`]),
    ...(runbook !== undefined && !isLinkable(runbook) ? [`Runbook: ${code(runbook, 300)}`] : []),
    ...notComparedLine(culprit),
    ...evidence.gaps.slice(0, 5).map((gap) => escape(oneLine(gap), 300)),
  ];
}

/**
 * What a push notification or a screen reader says: the headline, and without markup the summary; of a resolved alert the
 * value that showed recovery, since the summary is about the breach.
 */
function notificationText(view: MessageView, title: string): string {
  const { alert, rule, notice } = view;
  const summary = isInHeadline(view) ? undefined : alert.annotations['summary'];
  const more = alert.state === 'resolved' ? recovery(alert, rule) : summary;
  const test = rule.test === undefined ? [] : ['This is a test: nothing is wrong.'];
  return [
    escape(oneLine(title), 300),
    ...test,
    ...(notice === undefined ? [] : [escape(oneLine(notice), 300)]),
    ...(more === undefined ? [] : [escape(oneLine(more), 800)]),
  ].join('\n');
}

const recovery = (alert: Alert, rule: MessageView['rule']): string | undefined =>
  hasRecoveryValue(alert) ? recoveredText(alert, rule) : undefined;

/** An outage of Prometheus as the watch over it recorded it. */
interface SourceOutage {
  readonly since: EpochMs;
  readonly unanswered: number;
  readonly queried: number;
  readonly reason: string;
}

function outageOf({ annotations, value, activeAt }: Alert): SourceOutage {
  const { since = '', rules = '', reason = '' } = annotations;
  return {
    since: since === '' || Number.isNaN(Number(since)) ? activeAt : epochMs(Number(since)),
    unanswered: value,
    queried: Number(rules),
    reason,
  };
}

/** Which rules are affected: `12 rules`, `1 of 12 rules`. */
const affected = ({ unanswered, queried }: SourceOutage): string =>
  unanswered >= queried ? count(queried, 'rule') : `${unanswered} of ${count(queried, 'rule')}`;

/** The bot's own message that Prometheus does not respond, and its end. */
function sourceMessage(alert: Alert): Rendered {
  const outage = outageOf(alert);
  if (alert.state === 'resolved')
    return alert.resolveReason === 'rule-removed' ? notMonitored(outage) : respondsAgain(alert, outage);
  const isSome = outage.unanswered < outage.queried;
  const title = `🛠 Prometheus does not respond${isSome ? ` to ${affected(outage)}` : ''}`;
  const why = outage.reason === '' ? '' : `: ${escape(oneLine(outage.reason), 600)}`;
  return {
    text: title,
    blocks: [
      header(title),
      section(
        `Prometheus has not responded since ${date(outage.since)} (${affected(outage)} affected)${why}`,
      ),
      section('Alert states are frozen. *No breach or recovery is detected until Prometheus responds.*'),
      ...context([
        'Check that it runs, is reachable and is not overloaded. It is queried again at every evaluation; this message resolves when it responds.',
      ]),
    ],
  };
}

function notMonitored(outage: SourceOutage): Rendered {
  const title = '☑️ Prometheus is no longer monitored';
  const what = `Prometheus did not respond since ${date(outage.since)}. Its current state is unknown: no rule queries it, or the rule files set \`compat: prometheus\`.`;
  return { text: title, blocks: [header(title), section(what)] };
}

function respondsAgain(alert: Alert, { since }: SourceOutage): Rendered {
  const end = alert.resolvedAt ?? alert.firedAt ?? alert.activeAt;
  const title = `✅ Prometheus responds again after ${timeSpan(between(since, end))}`;
  const what = `Prometheus did not respond from ${date(since)} to ${date(end)}. Alerts continue from their state before; nothing was evaluated in between.`;
  return { text: title, blocks: [header(title), section(what)] };
}

/** A message about the bot itself, and its end. */
function noticeMessage({ annotations, activeAt, resolvedAt }: Alert): Rendered {
  const { title = '', text = '', effect, end } = annotations;
  const reason = escape(oneLine(text), 600);
  if (resolvedAt !== undefined) {
    const ended = `✅ ${end ?? title}`;
    const why = reason === '' ? '' : `: ${reason}`;
    return {
      text: ended,
      blocks: [header(ended), section(`${title} from ${date(activeAt)} to ${date(resolvedAt)}${why}`)],
    };
  }
  const begun = `🛠 ${title}`;
  return {
    text: begun,
    blocks: [
      header(begun),
      section(`${date(activeAt)}: ${reason}`),
      ...(effect === undefined ? [] : [section(effect)]),
    ],
  };
}

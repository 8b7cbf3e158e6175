import type { AlertView } from '../../messages/alert-view.ts';
import { actionButtons, actionLines } from './alert-actions.ts';
import { facts, lasted, symptom } from './alert-facts.ts';
import type { Rendered, SlackBlock } from './block-kit.ts';
import {
  actions,
  button,
  chartBlock,
  context,
  fields,
  header,
  isButtonValue,
  linkButtons,
  section,
} from './block-kit.ts';
import { timeSpan } from './format.ts';
import { mentionLine } from './mentions.ts';
import { code, date, escape, isLinkable, link, oneLine } from './mrkdwn.ts';
import { shownRows, tracesTable } from './slowest.ts';
import { sourceMessage } from './source.ts';

/** The button in an alert's message that lists the slowest traces of the breach's own window. */
export const SLOWEST_TRACES = 'slowest_traces';

/** Rows in an alert's message: the button leads to more. */
const TRACES_SHOWN = 5;

/** Services in the line of those that are slow because of this one. */
const SERVICES_SHOWN = 12;

/** An alert's message in the form its state asks for: firing, firing on without data, or resolved. */
export function alertMessage(view: AlertView): Rendered {
  if (view.source !== undefined) return sourceMessage(view, view.source);
  const title = headline(view);
  const chart = view.chart === undefined ? undefined : chartBlock(view.chart);
  const blocks: SlackBlock[] = [
    header(title),
    ...words(view),
    ...fields(facts(view)),
    ...(chart === undefined ? [] : [chart]),
    ...traces(view),
    ...actions([...actionButtons(view), ...slowestButton(view), ...linkButtons(allLinks(view))]),
    ...context(smallPrint(view)),
  ];
  return { text: plainSummary(view, title), blocks };
}

const subject = (view: AlertView): string => view.service ?? view.alertname;

/** One sentence that says what is wrong, how much, and against which bound. */
export function headline(view: AlertView): string {
  if (view.state === 'resolved')
    return `${isKnownGood(view) ? '✅' : '☑️'} ${subject(view)}: ${ending(view)} after ${timeSpan(lasted(view))}`;
  if (view.state === 'no-data') return `⚪ ${subject(view)}: no data, the alert still stands`;
  return `🔴 ${subject(view)}: ${symptom(view)}`;
}

const ENDINGS: Readonly<Record<string, string>> = {
  recovered: 'recovered',
  'no-longer-breaching': 'no longer breaching',
  'rule-removed': 'closed, its rule was removed,',
  'limit-exceeded': 'closed, its rule went over its limit of alerts,',
  closed: 'closed by a person, without data,',
};

function ending(view: AlertView): string {
  return ENDINGS[view.resolveReason ?? ''] ?? 'resolved';
}

/** Whether the end says anything about the service, or only about the rule. */
const isKnownGood = (view: AlertView): boolean =>
  view.resolveReason === 'recovered' || view.resolveReason === 'no-longer-breaching';

/** What is said of other people and other services. */
function bystanders(view: AlertView): string[] {
  const { mentions = [], alsoSlow = [], escalates } = view;
  const others = alsoSlow.slice(0, SERVICES_SHOWN).map((service) => code(service, 120));
  const rest = alsoSlow.length - others.length;
  return [
    ...(mentions.length === 0 ? [] : [mentionLine(mentions)]),
    ...(escalates === undefined
      ? []
      : [
          `:arrow_up: More urgent than ${link(escalates.url, 'the alert about the same')} that is open already.`,
        ]),
    ...actionLines(view),
    ...(others.length === 0
      ? []
      : [`Also slow because of it: ${others.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`]),
  ];
}

function words(view: AlertView): SlackBlock[] {
  const paragraphs = [
    ...bystanders(view),
    ...(view.notice === undefined ? [] : [`:warning: ${escape(oneLine(view.notice), 600)}`]),
    ...(view.state === 'no-data' && view.noDataSince !== undefined
      ? [
          `No data since ${date(view.noDataSince)}.${view.noDataReason === undefined ? '' : ` ${escape(view.noDataReason, 500)}`} That is no recovery: the alert stays until a value proves one. The figures are the last that were seen.`,
        ]
      : []),
    ...(view.state === 'resolved' && !isKnownGood(view)
      ? [
          `Whether the service is well is *not known*: ${view.closed === undefined ? 'nothing checks it any more' : 'there is no data'}.`,
        ]
      : []),
    ...(view.summary === undefined ? [] : [escape(view.summary, 800)]),
    ...(view.description === undefined ? [] : [escape(view.description, 1_200)]),
  ];
  return paragraphs.length === 0 ? [] : [section(paragraphs.join('\n'))];
}

function traces(view: AlertView): SlackBlock[] {
  const { traces: found } = view;
  if (found.kind === 'pending')
    return view.state === 'firing' ? [...context(['Looking for the slowest traces…'])] : [];
  if (found.kind === 'unavailable') return [...context([`No traces: ${escape(oneLine(found.reason), 500)}`])];
  if (found.rows.length === 0)
    return [...context([`No traces. ${escape(oneLine(found.completeness), 500)}`])];
  const shown = shownRows(found.rows, TRACES_SHOWN);
  const more = found.rows.length - shown;
  return [
    section('*Slowest traces of the breach*'),
    tracesTable(found.rows, {
      most: TRACES_SHOWN,
      service: view.service,
    }),
    ...context([
      `${escape(oneLine(found.completeness), 500)}${more > 0 ? ` · ${more} more behind the button` : ''}`,
    ]),
  ];
}

const iso = (at: number): string => new Date(at).toISOString();

/** The command behind the button: the same question a person could type, on the breach's own window. */
export function slowestCommand(view: AlertView): string | undefined {
  if (view.service === undefined || /\s/u.test(view.service)) return undefined;
  const { start, end } = view.recoveryWindow;
  return `/trace slowest ${view.service} at ${iso(start)}/${iso(end)}`;
}

function slowestButton(view: AlertView): ReturnType<typeof button>[] {
  const command = slowestCommand(view);
  return command === undefined || !isButtonValue(command)
    ? []
    : [button('Slowest traces', SLOWEST_TRACES, command)];
}

const allLinks = (view: AlertView): AlertView['links'] =>
  view.runbookUrl === undefined ? view.links : [...view.links, { label: 'Runbook', url: view.runbookUrl }];

/** Labels that the rest of the message says already. */
const SAID_ELSEWHERE = new Set(['alertname', 'severity', '__name__']);
const LABELS_SHOWN = 12;

function smallPrint(view: AlertView): string[] {
  const labels = Object.entries(view.labels).filter(
    ([name, value]) => !SAID_ELSEWHERE.has(name) && value !== '',
  );
  const shown = labels.slice(0, LABELS_SHOWN).map(([name, value]) => code(`${name}=${value}`, 120));
  const rest = labels.length - shown.length;
  return [
    [
      `Rule ${code(view.alertname)}`,
      ...(view.severity === undefined ? [] : [`severity ${code(view.severity, 60)}`]),
    ].join(' · '),
    ...(shown.length === 0 ? [] : [`${shown.join(' ')}${rest > 0 ? ` and ${rest} more labels` : ''}`]),
    ...(view.runbookUrl !== undefined && !isLinkable(view.runbookUrl)
      ? [`Runbook: ${code(view.runbookUrl, 300)}`]
      : []),
    ...view.gaps.slice(0, 5).map((gap) => escape(oneLine(gap), 300)),
  ];
}

/** What a notification or a screen reader says: the headline and the summary, no markup. */
function plainSummary(view: AlertView, title: string): string {
  return [
    escape(oneLine(title), 300),
    ...(view.notice === undefined ? [] : [escape(oneLine(view.notice), 300)]),
    ...(view.summary === undefined ? [] : [escape(oneLine(view.summary), 800)]),
  ].join('\n');
}

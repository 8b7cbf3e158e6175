import type { Button } from '@slack/types';
import type { Alert } from '../../alerts/alert.ts';
import { serviceLabelOf, sortedLabels } from '../../lib/labels.ts';
import { matchersText } from '../../lib/matcher.ts';
import { statusOf, suppressionText } from '../../messages/alert-subject.ts';
import type { AlertGroupSnapshot } from '../../messages/store.ts';
import type { SloRule } from '../../rules/rule.ts';
import { button, isButtonValue } from './block-kit.ts';
import { date, escape, oneLine, person } from './mrkdwn.ts';

/** People's actions on an alert in its message, and their buttons. */

/** Acknowledges an alert; the value is the command, as for all buttons below but that of the form. */
export const ACKNOWLEDGE = 'acknowledge';
/** Closes an alert without data. */
export const CLOSE_ALERT = 'close_alert';
/** Runs its command; several in one message differ by a suffix. */
export const RUN_COMMAND = 'run_command';
/** Opens the silence form; the value is the alert's matchers. */
export const SILENCE = 'silence';

function suppressedLine({ suppressed }: Alert): readonly string[] {
  if (suppressed === undefined) return [];
  const { by: comment, silence, until } = suppressed;
  const who = silence === undefined ? '' : ` ${person(silence.by)}`;
  const end = until === undefined ? '' : ` until ${date(until)}`;
  const why = silence === undefined || comment === '' ? '' : `: ${escape(oneLine(comment), 300)}`;
  return [`:no_bell: ${escape(oneLine(suppressionText(suppressed)), 300)}${who}${end}${why}`];
}

function closedLine({ closed }: Alert): readonly string[] {
  if (closed === undefined) return [];
  const why = closed.comment === undefined ? '' : `: ${escape(oneLine(closed.comment), 300)}`;
  return [`Closed by ${person(closed.by)} at ${date(closed.at)}${why}`];
}

/** Who acknowledged or closed it and what suppresses it, a line each. */
export function actionLines(alert: Alert): readonly string[] {
  const { acknowledged } = alert;
  return [
    ...(acknowledged === undefined
      ? []
      : [`:eyes: Acknowledged by ${person(acknowledged.by)} at ${date(acknowledged.at)}`]),
    ...closedLine(alert),
    ...suppressedLine(alert),
  ];
}

const acknowledgeButton = (label: string, id: string): Button => ({
  ...button(label, ACKNOWLEDGE, `/slo acknowledge ${id}`),
  style: 'primary',
});

const unacknowledgeButton = (label: string, id: string): Button =>
  button(label, `${RUN_COMMAND}_unacknowledge`, `/slo unacknowledge ${id}`);

const closeButton = (alertId: string): Button => ({
  ...button('Close', CLOSE_ALERT, `/slo close ${alertId}`),
  confirm: {
    title: { type: 'plain_text', text: 'Close this alert?' },
    text: {
      type: 'plain_text',
      text: 'There is no data that shows recovery. The message will name you. If it breaches again, a new alert is posted.',
    },
    confirm: { type: 'plain_text', text: 'Close' },
    deny: { type: 'plain_text', text: 'Cancel' },
  },
});

/** Longer matchers name more labels than a person wants to read. */
const MAX_MATCHERS = 600;

/** Matchers of this alert alone; of its rule and service where it has very many labels. */
function matchersOf({ labels, series }: Alert): string {
  const equal = (names: readonly string[]): string =>
    matchersText(names.map((label) => ({ label, operator: '=', value: labels[label] ?? '' })));
  const own = sortedLabels(series).flatMap(([name, value]) => (labels[name] === value ? [name] : []));
  const all = equal(['alertname', ...own.filter((name) => name !== 'alertname')]);
  const few = ['alertname', ...[serviceLabelOf(own)].filter((name) => name !== undefined)];
  return all.length <= MAX_MATCHERS ? all : equal(few);
}

/** The actions that an alert group with open alerts offers: for all of its alerts, and a silence of its rule. */
export function groupButtons(
  { id, rows, unacknowledged = 0 }: AlertGroupSnapshot,
  rule: SloRule,
): readonly Button[] {
  const open = rows.filter(({ state }) => state !== 'resolved');
  if (open.length === 0) return [];
  const isAcknowledged = unacknowledged === 0 && open.every(({ acknowledged }) => acknowledged !== undefined);
  const matchers = matchersText([{ label: 'alertname', operator: '=', value: rule.name }]);
  const buttons: readonly Button[] = [
    isAcknowledged ? unacknowledgeButton('Unacknowledge all', id) : acknowledgeButton('Acknowledge all', id),
    button('Silence…', SILENCE, matchers),
  ];
  return buttons.filter(({ value = '' }) => isButtonValue(value));
}

/** The actions that an open alert offers. */
export function actionButtons(alert: Alert): readonly Button[] {
  const { alertId, state, acknowledged, suppressed } = alert;
  if (state === 'resolved') return [];
  const { silence } = suppressed ?? {};
  const buttons: readonly Button[] = [
    acknowledged === undefined
      ? acknowledgeButton('Acknowledge', alertId)
      : unacknowledgeButton('Unacknowledge', alertId),
    silence === undefined
      ? button('Silence…', SILENCE, matchersOf(alert))
      : button('Unsilence', RUN_COMMAND, `/slo unsilence ${silence.id}`),
    ...(statusOf(alert) === 'no-data' ? [closeButton(alertId)] : []),
  ];
  return buttons.filter(({ value = '' }) => isButtonValue(value));
}

const isTraceId = (text: string): boolean => /^[0-9a-f]{16,32}$/u.test(text);

/** A button that compares a trace with a typical one, or with the given one; no button for an invalid trace id. */
export const compareButton = (traceId: string, label: string, baseline?: string): Button[] => {
  const ids = baseline === undefined ? [traceId] : [baseline, traceId];
  return ids.every(isTraceId)
    ? [button(label, `${RUN_COMMAND}_compare`, `/trace compare ${ids.join(' ')}`)]
    : [];
};

import type { Button } from '@slack/types';
import type { AlertView } from '../../messages/alert-view.ts';
import { button, isButtonValue } from './block-kit.ts';
import { date, escape, oneLine, person } from './mrkdwn.ts';

/** What people did about an alert, in its message, and the buttons with which they do it. */

/** Takes an alert; the value is the command that does it, as for all buttons below but that of the form. */
export const ACKNOWLEDGE = 'acknowledge';
/** Ends an alert without data. */
export const END_ALERT = 'end_alert';
/** Runs its command; several stand in one message, notified apart by what follows. */
export const RUN_COMMAND = 'run_command';
/** Opens the form of a silence; the value is matchers of this alert. */
export const SILENCE = 'silence';

/** What holds an alert back. */
function suppressedLine({ suppressed }: AlertView): readonly string[] {
  if (suppressed === undefined) return [];
  const { text, silence, until } = suppressed;
  const who = silence === undefined ? '' : ` ${person(silence.by)}`;
  const end = until === undefined ? '' : ` until ${date(until)}`;
  const why =
    silence === undefined || silence.comment === '' ? '' : `: ${escape(oneLine(silence.comment), 300)}`;
  return [`:no_bell: ${escape(oneLine(text), 300)}${who}${end}${why}`];
}

function endedLine({ closed }: AlertView): readonly string[] {
  if (closed === undefined) return [];
  const why = closed.comment === undefined ? '' : `: ${escape(oneLine(closed.comment), 300)}`;
  return [`Closed by ${person(closed.by)} at ${date(closed.at)}${why}`];
}

/** What people did about it and what holds it back, a line each. */
export function actionLines(view: AlertView): readonly string[] {
  const { acknowledged } = view;
  return [
    ...(acknowledged === undefined
      ? []
      : [`:eyes: Acknowledged by ${person(acknowledged.by)} at ${date(acknowledged.at)}`]),
    ...endedLine(view),
    ...suppressedLine(view),
  ];
}

const endButton = (alertId: string): Button => ({
  ...button('End it', END_ALERT, `/slo end ${alertId}`),
  confirm: {
    title: { type: 'plain_text', text: 'End this alert?' },
    text: {
      type: 'plain_text',
      text: 'There is no data that says so: the message will name you. If it breaches again, a new one is posted.',
    },
    confirm: { type: 'plain_text', text: 'End it' },
    deny: { type: 'plain_text', text: 'Keep it' },
  },
});

/** What can be done about an alert that stands; none for one that is over. */
export function actionButtons({ handle, state, acknowledged, suppressed }: AlertView): readonly Button[] {
  if (handle === undefined || state === 'resolved') return [];
  const { alertId, matchers } = handle;
  const { silence } = suppressed ?? {};
  const buttons: readonly Button[] = [
    ...(acknowledged === undefined
      ? [{ ...button('Acknowledge', ACKNOWLEDGE, `/slo acknowledge ${alertId}`), style: 'primary' as const }]
      : []),
    silence === undefined
      ? button('Silence…', SILENCE, matchers)
      : button('Unsilence', RUN_COMMAND, `/slo unsilence ${silence.id}`),
    ...(state === 'no-data' ? [endButton(alertId)] : []),
  ];
  return buttons.filter(({ value = '' }) => isButtonValue(value));
}

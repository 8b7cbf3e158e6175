import type { KnownBlock, ModalView, PlainTextOption } from '@slack/types';
import type { Answer } from '../../commands/answer.ts';
import { answerMessage } from './answer.ts';
import { truncate } from './mrkdwn.ts';
import { phraseText } from './phrase.ts';
import { section } from './pieces.ts';

/** The form of a silence, by this name in what Slack sends when it is submitted. */
export const SILENCE_FORM = 'silence_form';

/** Its inputs: each block holds one element of the same name. */
export const MATCHERS = 'matchers';
export const LASTS = 'lasts';
export const COMMENT = 'comment';

/** As durations are typed, and as people say them. */
const DURATIONS: readonly (readonly [value: string, label: string])[] = [
  ['30m', '30 minutes'],
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['1d', '1 day'],
  ['3d', '3 days'],
  ['7d', '1 week'],
];
const FIRST_CHOICE = 1;
const MAX_MATCHERS = 1_000;
const MAX_COMMENT = 300;

const plain = (text: string) => ({ type: 'plain_text' as const, text, emoji: false });
const TITLE = plain('Silence alerts');

const optionOf = ([value, label]: readonly [string, string]): PlainTextOption => ({
  text: plain(label),
  value,
});

/** An empty form, with matchers of the alert whose button was pressed. */
export function silenceForm(matchers: string): ModalView {
  const options = DURATIONS.map(optionOf);
  const initial = options[FIRST_CHOICE];
  return {
    type: 'modal',
    callback_id: SILENCE_FORM,
    title: TITLE,
    submit: plain('Silence'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'input',
        block_id: MATCHERS,
        label: plain('Alerts with these labels'),
        hint: plain(
          'As in Alertmanager: severity="page", team!="shop", service=~"pay.*". Fewer matchers hold back more.',
        ),
        element: {
          type: 'plain_text_input',
          action_id: MATCHERS,
          initial_value: truncate(matchers, MAX_MATCHERS),
          max_length: MAX_MATCHERS,
          multiline: true,
        },
      },
      {
        type: 'input',
        block_id: LASTS,
        label: plain('For how long'),
        element: {
          type: 'static_select',
          action_id: LASTS,
          options,
          initial_option: initial,
        },
      },
      {
        type: 'input',
        block_id: COMMENT,
        optional: true,
        label: plain('Why'),
        element: { type: 'plain_text_input', action_id: COMMENT, max_length: MAX_COMMENT },
      },
    ],
  };
}

const closing = (blocks: KnownBlock[]): ModalView => ({
  type: 'modal',
  callback_id: `${SILENCE_FORM}_done`,
  title: TITLE,
  close: plain('Close'),
  blocks,
});

/** Stands until the store has the silence. */
export const silenceUnderWay = (): ModalView => closing([section('One moment…')]);

/** What came of it, without buttons: pressed in a form, they would have nowhere to answer to. */
export function silenceDone(answer: Answer): ModalView {
  if (answer.kind !== 'said') return closing([section(answerMessage(answer).text)]);
  return closing(answer.lines.slice(0, 50).map(({ phrase }) => section(phraseText(phrase))));
}

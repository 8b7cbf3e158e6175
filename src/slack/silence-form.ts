import type { App, BlockAction, ViewOutput } from '@slack/bolt';
import type { KnownBlock, ModalView, PlainTextOption } from '@slack/types';
import type { Answer } from '../commands/answer.ts';
import type { Commands } from '../commands/command.ts';
import { readMeant } from '../commands/read-meant.ts';
import { cleaned } from '../commands/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, parseDuration } from '../lib/units.ts';
import { SILENCE } from './blocks/alert-actions.ts';
import { answerMessage } from './blocks/answer.ts';
import { section } from './blocks/block-kit.ts';
import { phraseText, truncate } from './blocks/mrkdwn.ts';
import { type Calls, reasonOf } from './calls.ts';
import type { Running } from './responder.ts';

export interface SilenceFormParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  readonly commands: Commands;
  readonly running: Running;
}

/** Longest error that Slack shows below an input. */
const MAX_ERROR = 250;

/** What was filled in. */
function filledIn({ state }: ViewOutput): { matchers: string; lasts: string; comment: string } {
  const of = (name: string) => state.values[name]?.[name];
  return {
    matchers: of(MATCHERS)?.value ?? '',
    lasts: of(LASTS)?.selected_option?.value ?? '',
    comment: of(COMMENT)?.value ?? '',
  };
}

/** The button of an alert that opens the form of a silence, and the form itself. */
export function listenForSilences(app: App, parts: SilenceFormParts): void {
  const { calls, clock, logger, recorder, commands, running } = parts;

  app.action<BlockAction>(SILENCE, async ({ ack, action, body }) => {
    await ack();
    const matchers = action.type === 'button' ? (action.value ?? '') : '';
    const opened = await calls.call('views.open', {
      trigger_id: body.trigger_id,
      view: silenceForm(matchers),
    });
    if (opened.kind !== 'done') logger.warn('slack: a form was not opened', { reason: reasonOf(opened) });
  });

  app.view(SILENCE_FORM, async ({ ack, view, body }) => {
    const now = clock.now();
    const { matchers, lasts, comment } = filledIn(view);
    // Phones and Macs bend the quotes in a form as they do in a command.
    const read = readMeant(cleaned(matchers));
    const duration = parseDuration(lasts);
    if (!read.ok || duration === undefined) {
      const problem = read.ok ? 'Choose how long.' : `${read.problem} (column ${read.at + 1})`;
      const errors = { [read.ok ? LASTS : MATCHERS]: problem.slice(0, MAX_ERROR) };
      await ack({ response_action: 'errors', errors });
      return;
    }
    // Acknowledged before the store is asked: Slack waits three seconds, and the outcome is shown in the same window.
    await ack({ response_action: 'update', view: silenceUnderWay() });
    await running.add(async () => {
      // The same form that comes twice makes one silence: Slack sends it again when it saw no acknowledgement.
      const asker = { by: body.user.id, now, key: view.id };
      const command = { kind: 'silence', meant: read.meant, lasts: duration, comment } as const;
      const answer = await commands.keep(command, asker);
      recorder.answered({
        command: '/slo',
        outcome: answer.kind === 'said' ? 'ok' : answer.kind === 'usage' ? 'usage' : 'failed',
        seconds: between(now, clock.now()) / 1_000,
      });
      const shown = await calls.call('views.update', { view_id: view.id, view: silenceDone(answer) });
      if (shown.kind !== 'done') logger.warn('slack: a form was not updated', { reason: reasonOf(shown) });
    });
  });
}

/** The form of a silence, by this name in what Slack sends when it is submitted. */
const SILENCE_FORM = 'silence_form';

/** Its inputs: each block holds one element of the same name. */
const MATCHERS = 'matchers';
const LASTS = 'lasts';
const COMMENT = 'comment';

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
function silenceForm(matchers: string): ModalView {
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
const silenceUnderWay = (): ModalView => closing([section('One moment…')]);

/** What came of it, without buttons: pressed in a form, they would have nowhere to answer to. */
function silenceDone(answer: Answer): ModalView {
  if (answer.kind !== 'said') return closing([section(answerMessage(answer).text)]);
  return closing(answer.lines.slice(0, 50).map(({ phrase }) => section(phraseText(phrase))));
}

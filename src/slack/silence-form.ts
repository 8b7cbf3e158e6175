import type { App, BlockAction, ViewOutput } from '@slack/bolt';
import type { KnownBlock, ModalView, PlainTextOption } from '@slack/types';
import { parseSelection } from '../commands/alert-selection.ts';
import type { Answer } from '../commands/answer.ts';
import type { Commands } from '../commands/commands.ts';
import { cleaned } from '../commands/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, parseDuration, SECOND } from '../lib/units.ts';
import { SILENCE } from './blocks/alert-actions.ts';
import { answerMessage } from './blocks/answer.ts';
import { plainText, section } from './blocks/block-kit.ts';
import { phraseText, truncate } from './blocks/mrkdwn.ts';
import { type Calls, reasonOf } from './calls.ts';
import type { SlackNetwork } from './network.ts';

export interface SilenceFormParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly network?: SlackNetwork;
  readonly recorder: Recorder;
  readonly commands: Commands;
  /** Runs the work of an acknowledged interaction, which a stop of the bot waits for. */
  readonly track: (work: () => Promise<void>) => Promise<void>;
}

/** The form's `callback_id`, and its inputs: each block has one element with the same id. */
const SILENCE_FORM = 'silence_form';
const MATCHERS = 'matchers';
const DURATION = 'duration';
const COMMENT = 'comment';

const MAX_MATCHERS = 1_000;
const MAX_COMMENT = 300;
/** Longest error that Slack shows below an input. */
const MAX_ERROR = 250;

/** Registers the button that opens the silence form, and the form. */
export function registerSilenceForm(app: App, parts: SilenceFormParts): void {
  const { calls, clock, logger, recorder, commands } = parts;

  app.action<BlockAction>(SILENCE, async ({ ack, action, body }) => {
    await ack();
    const matchers = action.type === 'button' ? (action.value ?? '') : '';
    const view = silenceForm(matchers);
    const opened = await calls.call('views.open', { trigger_id: body.trigger_id, view });
    if (opened.kind !== 'done') logger.warn('slack: form not opened', { reason: reasonOf(opened) });
  });

  app.view(SILENCE_FORM, async ({ ack, view, body }) => {
    const now = clock.now();
    const { matchers, duration, comment } = inputsOf(view);
    // macOS and iOS replace straight quotes in a form as in a command.
    const parsed = parseSelection(cleaned(matchers));
    const lasts = parseDuration(duration);
    if (!parsed.ok || lasts === undefined) {
      const problem = parsed.ok ? 'Choose a duration.' : `${parsed.problem} (column ${parsed.at + 1})`;
      const errors = { [parsed.ok ? DURATION : MATCHERS]: problem.slice(0, MAX_ERROR) };
      await ack({ response_action: 'errors', errors });
      return;
    }
    // Acknowledged before the silence is stored: Slack waits three seconds. The result is shown in the same window.
    await ack({ response_action: 'update', view: resultView([section('Creating the silence…')]) });
    await parts.track(async () => {
      // Slack sends a form again when it got no acknowledgement: the key makes that one silence.
      const { selection } = parsed;
      const answer = await commands.run(
        { kind: 'silence', selection, duration: lasts, comment, isConfirmed: true },
        { by: body.user.id, now, key: view.id },
      );
      recorder.answered({
        command: '/slo',
        outcome: answer.kind === 'lines' ? 'ok' : answer.kind === 'usage' ? 'usage' : 'failed',
        seconds: between(now, clock.now()) / SECOND,
      });
      const result = resultView(resultBlocks(answer));
      const shown = await calls.call('views.update', { view_id: view.id, view: result });
      if (shown.kind !== 'done') logger.warn('slack: form not updated', { reason: reasonOf(shown) });
    });
  });
}

function inputsOf({ state }: ViewOutput): { matchers: string; duration: string; comment: string } {
  const of = (name: string) => state.values[name]?.[name];
  return {
    matchers: of(MATCHERS)?.value ?? '',
    duration: of(DURATION)?.selected_option?.value ?? '',
    comment: of(COMMENT)?.value ?? '',
  };
}

const plain = (text: string) => plainText(text, 150);
const option = (value: string, label: string): PlainTextOption => ({ text: plain(label), value });

const DEFAULT_DURATION = option('1h', '1 hour');
const DURATIONS = [
  option('30m', '30 minutes'),
  DEFAULT_DURATION,
  option('4h', '4 hours'),
  option('1d', '1 day'),
  option('3d', '3 days'),
  option('7d', '1 week'),
];

const TITLE = plain('Silence alerts');
const MATCHERS_HINT =
  'Alertmanager syntax: severity="page", team!="shop", service=~"pay.*". Fewer matchers silence more alerts.';

/** The form, filled with the matchers of the alert whose button was pressed. */
function silenceForm(matchers: string): ModalView {
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
        label: plain('Matchers'),
        hint: plain(MATCHERS_HINT),
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
        block_id: DURATION,
        label: plain('Duration'),
        element: {
          type: 'static_select',
          action_id: DURATION,
          options: DURATIONS,
          initial_option: DEFAULT_DURATION,
        },
      },
      {
        type: 'input',
        block_id: COMMENT,
        optional: true,
        label: plain('Comment'),
        element: { type: 'plain_text_input', action_id: COMMENT, max_length: MAX_COMMENT },
      },
    ],
  };
}

const resultView = (blocks: KnownBlock[]): ModalView => ({
  type: 'modal',
  callback_id: `${SILENCE_FORM}_done`,
  title: TITLE,
  close: plain('Close'),
  blocks,
});

/** The result without its buttons: an answer to a button in a form has no place to go to. */
const resultBlocks = (answer: Answer): KnownBlock[] =>
  answer.kind === 'lines'
    ? answer.lines.slice(0, 50).map(({ phrase }) => section(phraseText(phrase)))
    : [section(answerMessage(answer).text)];

import type { App, BlockAction, ViewOutput } from '@slack/bolt';
import type { Commands } from '../commands/command.ts';
import { readMeant } from '../commands/read-meant.ts';
import { cleaned } from '../commands/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, parseDuration } from '../lib/units.ts';
import { SILENCE } from './blocks/alert-actions.ts';
import {
  COMMENT,
  LASTS,
  MATCHERS,
  SILENCE_FORM,
  silenceDone,
  silenceForm,
  silenceUnderWay,
} from './blocks/silence-form.ts';
import { type Calls, reasonOf } from './calls.ts';
import type { Running } from './running.ts';

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

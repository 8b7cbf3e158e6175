import type { Alert } from '../../alerts/alert.ts';
import type { Phrase } from '../../lib/format.ts';
import { count } from '../../lib/format.ts';
import { parseMatchers } from '../../lib/matcher.ts';
import { type ShownSilence, shownSilence, suppressedIn } from '../../messages/silence-messages.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import { actions, button, context, header, type Rendered, section } from './block-kit.ts';
import { code, date, escape, literal, oneLine, person } from './mrkdwn.ts';

/** The message that announces a silence in the channels that it concerns, and its end. */
export function silenceMessage(alert: Alert): Rendered {
  const silence = shownSilence(alert);
  const subject = subjectOf(silence);
  const isEnded = alert.state === 'resolved';
  const title = isEnded ? `🔔 Silence ended: ${subject}` : `🔕 Silenced: ${subject}`;
  const lines = isEnded ? endedLines(alert, silence) : activeLines(silence);
  return {
    text: `${escape(title, 300)}\n${lines[0] ?? ''}`,
    blocks: [
      header(title),
      section(lines.join('\n')),
      ...(isEnded ? [] : actions([button('Unsilence', RUN_COMMAND, `/slo unsilence ${silence.id}`)])),
      ...context([`Silence ${code(silence.id)} · ${matchersOf(silence)}`]),
    ],
  };
}

const SUBJECT_LENGTH = 110;

/** `every alert`, `checkout`, `HighLatency checkout`; of other matchers than equality their text. */
function subjectOf({ matchers: text }: ShownSilence): string {
  if (text === '') return 'every alert';
  const read = parseMatchers(text);
  const isPlain = read.ok && read.matchers.every(({ operator, value }) => operator === '=' && value !== '');
  return literal(isPlain ? read.matchers.map(({ value }) => value).join(' ') : text, SUBJECT_LENGTH);
}

const matchersOf = ({ matchers }: ShownSilence): string =>
  matchers === '' ? 'matches every alert' : code(matchers, 1_000);

const commentOf = ({ comment }: ShownSilence): string =>
  comment === '' ? '' : `: ${escape(oneLine(comment), 300)}`;

function activeLines(silence: ShownSilence): readonly string[] {
  const { by, until, count: suppressed, suppressed: names } = silence;
  return [
    `By ${person(by)} until ${date(until)}${commentOf(silence)}`,
    suppressed === undefined || suppressed === 0
      ? 'No alert is suppressed yet. Matching alerts are evaluated, but not posted.'
      : `${count(suppressed, 'alert')} suppressed so far: ${escape(oneLine(names), 800)}`,
  ];
}

function endedLines({ activeAt, resolvedAt = activeAt }: Alert, silence: ShownSilence): readonly string[] {
  const how = silence.endedBy === undefined ? 'Expired' : `Ended by ${person(silence.endedBy)}`;
  return [
    `${how} at ${date(resolvedAt)}. Created by ${person(silence.by)} at ${date(activeAt)}${commentOf(silence)}`,
    escape(suppressedIn(silence), 800),
  ];
}

/** The line in the thread and the channel when a silence ends. Who made it is mentioned when it expires. */
export function silenceEnd(alert: Alert): Phrase {
  const silence = shownSilence(alert);
  const { by, endedBy, count: suppressed } = silence;
  const how: Phrase =
    endedBy === undefined
      ? [' by ', { person: by }, ' expired. ']
      : [' ended by ', { person: endedBy }, '. '];
  const next = suppressed === 0 ? '' : ' Alerts that still fire are posted by the next evaluation.';
  return ['Silence of ', subjectOf(silence), ...how, suppressedIn(silence) + next];
}

import type { SectionBlock } from '@slack/types';
import type { Answer } from '../../commands/answer.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import type { Rendered } from './block.ts';
import { literal, truncateMrkdwn } from './mrkdwn.ts';
import { phraseText } from './phrase.ts';
import { button, isButtonValue, section } from './pieces.ts';

type Said = Extract<Answer, { kind: 'said' }>;

/** A list of alerts' names can be long: so many characters of all lines together fit whatever they hold. */
const MOST_CHARACTERS = 10_000;

/** Slack takes 50 blocks; who shared it may stand below. */
const MOST_LINES = 45;

function block({ phrase, button: shown }: Said['lines'][number], index: number): SectionBlock {
  const text = section(phraseText(phrase));
  if (shown === undefined || !isButtonValue(shown.command) || literal(shown.label, 75) === '') return text;
  return { ...text, accessory: button(shown.label, `${RUN_COMMAND}_${index}`, shown.command) };
}

/** What was done about alerts, a line each, with what can be done about it beside. */
export function saidMessage({ lines }: Said): Rendered {
  let room = MOST_CHARACTERS;
  const shown = lines.slice(0, MOST_LINES).filter(({ phrase }) => {
    room -= phraseText(phrase).length;
    return room >= 0;
  });
  const text = truncateMrkdwn(shown.map(({ phrase }) => phraseText(phrase)).join('\n'), 3_000);
  return { text: text || 'Done.', blocks: shown.map(block) };
}

import type { Button, SectionBlock, StaticSelect } from '@slack/types';
import type { Answer } from '../../commands/answer.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import {
  actions,
  button,
  context,
  isButtonValue,
  linkButtons,
  type Rendered,
  type SlackBlock,
  section,
} from './block-kit.ts';
import { comparisonMessage } from './compare.ts';
import { latencyMessage } from './latency.ts';
import { code, escape, literal, oneLine, phraseText, truncateMrkdwn } from './mrkdwn.ts';
import { serviceInRequestMessage } from './service-in-request.ts';
import { sloStatusMessage } from './slo-status.ts';
import { slowestMessage } from './slowest.ts';
import { requestMessage, traceMessage } from './trace.ts';

/** Shows an answer to all in the channel; its value is the command that gives the same answer again. */
export const SHARE_ANSWER = 'share_answer';
/** Runs the command again with another service: a button's value is the whole command, a menu's is the service. */
export const PICK_SERVICE = 'pick_service';

/** Beside the answer: what can be done with it, and who wanted all to see it. */
export interface AnswerFrame {
  /** The complete command that gives the same answer again; a Share button is shown for it. */
  readonly share?: string;
  /** The complete command and the user that made this answer visible to all. */
  readonly sharedBy?: { readonly userId: string; readonly command: string };
}

/** Any answer as a message. */
export function answerMessage(answer: Answer, frame: AnswerFrame = {}): Rendered {
  const { text, blocks } = body(answer);
  return { text, blocks: [...withShare(blocks, frame.share), ...sharedLine(frame.sharedBy)] };
}

type Truncated = Extract<Answer, { readonly view: unknown }>;

const body = (answer: Answer): Rendered => ('view' in answer ? figures(answer) : words(answer));

function figures(answer: Truncated): Rendered {
  switch (answer.kind) {
    case 'slowest':
      return slowestMessage(answer.view);
    case 'trace':
      return traceMessage(answer.view);
    case 'request':
      return requestMessage(answer.view);
    case 'request-latency':
      return serviceInRequestMessage(answer.view);
    case 'comparison':
      return comparisonMessage(answer.view);
    case 'latency':
      return latencyMessage(answer.view);
    case 'slo-status':
      return sloStatusMessage(answer.view);
  }
}

function words(answer: Exclude<Answer, Truncated>): Rendered {
  switch (answer.kind) {
    case 'usage':
      return usageMessage(answer);
    case 'unknown-service':
      return unknownServiceMessage(answer);
    case 'lines':
      return linesMessage(answer);
    case 'nothing':
      return sentence(answer.text, linkButtons(answer.links));
    case 'failed':
      return sentence(`⚠ ${answer.text}`);
  }
}

function sentence(foreign: string, buttons: readonly Button[] = []): Rendered {
  const text = escape(foreign, 2_800) || 'No answer.';
  return { text, blocks: [section(text), ...actions([...buttons])] };
}

const USAGE_LINES = 10;

function usageMessage(answer: Extract<Answer, { kind: 'usage' }>): Rendered {
  const problem = escape(oneLine(answer.problem), 600);
  const usage = answer.usage.slice(0, USAGE_LINES).map((line) => code(line, 180));
  const suggestion = answer.suggestion === undefined ? [] : [`Did you mean ${code(answer.suggestion, 300)}?`];
  const lines = [problem, ...suggestion, ...usage].filter((line) => line !== '');
  return {
    text: [problem, ...suggestion].join(' ') || 'Usage',
    blocks: [section(lines.join('\n') || 'Usage')],
  };
}

const NEAREST_SHOWN = 3;
const MENU_OPTIONS = 100;
const OPTION_LENGTH = 75;
/** The command of a menu travels in its block's id, which Slack gives back with the choice. */
const BLOCK_ID_LENGTH = 255;

type UnknownService = Extract<Answer, { kind: 'unknown-service' }>;

function unknownServiceMessage(answer: UnknownService): Rendered {
  const name = code(answer.name, 120);
  const nearest = answer.nearest.slice(0, NEAREST_SHOWN);
  const names = nearest.map((each) => code(each, 120)).join(', ');
  const text =
    answer.isAmbiguous === true
      ? `${name} matches several services: ${names}. Select one.`
      : `Unknown service ${name}.${nearest.length === 0 ? '' : ` Did you mean ${names}?`}`;
  return {
    text,
    blocks: [
      section(text),
      ...actions(nearest.flatMap((name, index) => nearButton(answer.retry, name, index))),
      ...menu(answer),
    ],
  };
}

/** The command with a service in place of its placeholder. */
export const withService = (retry: string, service: string): string =>
  retry.replaceAll('{service}', () => service);

function nearButton(retry: string, name: string, index: number): Button[] {
  const value = withService(retry, name);
  return !isButtonValue(value) || literal(name, 75) === ''
    ? []
    : [button(name, `${PICK_SERVICE}_${index}`, value)];
}

function menu({ retry, all }: UnknownService): readonly SlackBlock[] {
  const options = [...new Set(all)]
    .filter((name) => name !== '' && name.length <= OPTION_LENGTH && literal(name, OPTION_LENGTH) === name)
    .slice(0, MENU_OPTIONS)
    .map((name) => ({ text: { type: 'plain_text' as const, text: name, emoji: false }, value: name }));
  if (options.length === 0 || !isButtonValue(retry) || retry.length > BLOCK_ID_LENGTH) return [];
  const select: StaticSelect = {
    type: 'static_select',
    action_id: PICK_SERVICE,
    placeholder: { type: 'plain_text', text: 'Another service', emoji: false },
    options,
  };
  const hidden = all.length - options.length;
  return [
    { type: 'actions', block_id: retry, elements: [select] },
    ...(hidden > 0 ? context([`${hidden} more services are not in the menu: type the name.`]) : []),
  ];
}

/** The Share button stands in one row with the links of the answer, where it ends in such a row. */
function withShare(blocks: readonly SlackBlock[], command: string | undefined): readonly SlackBlock[] {
  if (command === undefined || !isButtonValue(command)) return blocks;
  const share = button('Share', SHARE_ANSWER, command);
  const last = blocks.at(-1);
  if (last?.type !== 'actions') return [...blocks, ...actions([share])];
  return [...blocks.slice(0, -1), { ...last, elements: [...last.elements, share] }];
}

const sharedLine = (shared: AnswerFrame['sharedBy']): readonly SlackBlock[] =>
  shared === undefined ? [] : context([`<@${shared.userId}> ran ${code(shared.command, 400)}`]);

type Lines = Extract<Answer, { kind: 'lines' }>;

/** A list of alerts' names can be long: so many characters of all lines together fit whatever they hold. */
const MOST_CHARACTERS = 10_000;

/** Slack takes 50 blocks; who shared it may stand below. */
const MOST_LINES = 45;

function block({ phrase, button: shown }: Lines['lines'][number], index: number): SectionBlock {
  const text = section(phraseText(phrase));
  if (shown === undefined || !isButtonValue(shown.command) || literal(shown.label, 75) === '') return text;
  return { ...text, accessory: button(shown.label, `${RUN_COMMAND}_${index}`, shown.command) };
}

/** What was done about alerts, a line each, with what can be done about it beside. */
function linesMessage({ lines }: Lines): Rendered {
  let room = MOST_CHARACTERS;
  const shown = lines.slice(0, MOST_LINES).filter(({ phrase }) => {
    room -= phraseText(phrase).length;
    return room >= 0;
  });
  const text = truncateMrkdwn(shown.map(({ phrase }) => phraseText(phrase)).join('\n'), 3_000);
  return { text: text || 'Done.', blocks: shown.map(block) };
}

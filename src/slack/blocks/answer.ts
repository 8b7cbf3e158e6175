import type { Button, SectionBlock, StaticSelect } from '@slack/types';
import type { Answer } from '../../commands/answer.ts';
import { count } from '../../lib/format.ts';
import { RUN_COMMAND } from './alert-actions.ts';
import {
  actions,
  button,
  context,
  isButtonValue,
  linkButtons,
  plainText,
  type Rendered,
  type SlackBlock,
  section,
} from './block-kit.ts';
import { comparisonMessage } from './compare.ts';
import { callLatencyMessage, latencyMessage, serviceInRequestMessage } from './latency.ts';
import { code, escape, literal, oneLine, phraseText, truncateMrkdwn } from './mrkdwn.ts';
import { propagationMessage } from './propagation.ts';
import { sloServicesMessage, sloStatusMessage } from './slo-status.ts';
import { slowestMessage } from './slowest.ts';
import { requestMessage, traceMessage } from './trace.ts';
import { whyMessage } from './why.ts';

/** Action id of the button that shares an answer with the channel; its value is the command to run again. */
export const SHARE_ANSWER = 'share_answer';
/** Action id of the button that shows the picture of a private answer; its value is the command. */
export const SHOW_PICTURE = 'show_picture';
/** Action id for running a command with another service: a button's value is the full command, a menu's the service. */
export const PICK_SERVICE = 'pick_service';

/** What is added to an answer. */
export interface AnswerFrame {
  /** The full command that gives the same answer again, for a Share button. */
  readonly share?: string;
  /** The same for a button that shows its picture. */
  readonly picture?: string;
  /** Who shared the answer with the channel, and the full command. */
  readonly sharedBy?: { readonly userId: string; readonly command: string };
}

/** Any answer as a message. */
export function answerMessage(answer: Answer, frame: AnswerFrame = {}): Rendered {
  const { text, blocks } = body(answer);
  const buttons = [
    ...commandButton('Show picture', SHOW_PICTURE, frame.picture),
    ...commandButton('Share', SHARE_ANSWER, frame.share),
  ];
  return { text, blocks: [...withButtons(blocks, buttons), ...sharedLine(frame.sharedBy)] };
}

type ViewAnswer = Extract<Answer, { readonly view: unknown }>;

const body = (answer: Answer): Rendered => ('view' in answer ? viewMessage(answer) : textMessage(answer));

function viewMessage(answer: ViewAnswer): Rendered {
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
    case 'why':
      return whyMessage(answer.view);
    case 'propagation':
      return propagationMessage(answer.view);
    case 'latency':
      return latencyMessage(answer.view);
    case 'call-latency':
      return callLatencyMessage(answer.view);
    case 'slo-status':
      return sloStatusMessage(answer.view);
    case 'slo-services':
      return sloServicesMessage(answer.view);
  }
}

function textMessage(answer: Exclude<Answer, ViewAnswer>): Rendered {
  switch (answer.kind) {
    case 'usage':
      return usageMessage(answer);
    case 'unknown-service':
      return unknownServiceMessage(answer);
    case 'lines':
      return linesMessage(answer);
    case 'files':
      return sentence(`${answer.text} The files are sent to you as a direct message.`);
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

const MAX_USAGE_LINES = 10;

function usageMessage(answer: Extract<Answer, { kind: 'usage' }>): Rendered {
  const problem = escape(oneLine(answer.problem), 600);
  const usage = answer.usage.slice(0, MAX_USAGE_LINES).map((line) => code(line, 180));
  const suggestion = answer.suggestion === undefined ? [] : [`Did you mean ${code(answer.suggestion, 300)}?`];
  const lines = [problem, ...suggestion, ...usage].filter((line) => line !== '');
  return {
    text: [problem, ...suggestion].join(' ') || 'Usage',
    blocks: [section(lines.join('\n') || 'Usage')],
  };
}

const MAX_NEAREST = 3;
const MAX_OPTIONS = 100;
const MAX_OPTION = 75;
/** A menu's command is the id of its block, which Slack sends back with the selection. */
const MAX_BLOCK_ID = 255;

type UnknownService = Extract<Answer, { kind: 'unknown-service' }>;

function unknownServiceMessage(answer: UnknownService): Rendered {
  const name = code(answer.name, 120);
  const nearest = answer.nearest.slice(0, MAX_NEAREST);
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
    .filter((name) => name !== '' && name.length <= MAX_OPTION && literal(name, MAX_OPTION) === name)
    .slice(0, MAX_OPTIONS)
    .map((name) => ({ text: plainText(name, MAX_OPTION), value: name }));
  if (options.length === 0 || !isButtonValue(retry) || retry.length > MAX_BLOCK_ID) return [];
  const select: StaticSelect = {
    type: 'static_select',
    action_id: PICK_SERVICE,
    placeholder: plainText('Another service', 150),
    options,
  };
  const hidden = all.length - options.length;
  return [
    { type: 'actions', block_id: retry, elements: [select] },
    ...(hidden > 0 ? context([`${count(hidden, 'more service')} not in the menu: type the name.`]) : []),
  ];
}

const commandButton = (label: string, actionId: string, command: string | undefined): Button[] =>
  command === undefined || !isButtonValue(command) ? [] : [button(label, actionId, command)];

/** Adds buttons to the row at the end of the answer, or as a new row. */
function withButtons(blocks: readonly SlackBlock[], buttons: readonly Button[]): readonly SlackBlock[] {
  const last = blocks.at(-1);
  if (last?.type !== 'actions' || buttons.length === 0) return [...blocks, ...actions([...buttons])];
  return [...blocks.slice(0, -1), { ...last, elements: [...last.elements, ...buttons] }];
}

const sharedLine = (shared: AnswerFrame['sharedBy']): readonly SlackBlock[] =>
  shared === undefined ? [] : context([`<@${shared.userId}> ran ${code(shared.command, 400)}`]);

type Lines = Extract<Answer, { kind: 'lines' }>;

/** With this many characters in total, a message stays within Slack's limits. */
const MAX_CHARACTERS = 10_000;

/** Slack accepts 50 blocks; the Share button and the line below it need two. */
const MAX_LINES = 45;

function lineBlock({ phrase, button: shown }: Lines['lines'][number], index: number): SectionBlock {
  const text = section(phraseText(phrase));
  if (shown === undefined || !isButtonValue(shown.command) || literal(shown.label, 75) === '') return text;
  return { ...text, accessory: button(shown.label, `${RUN_COMMAND}_${index}`, shown.command) };
}

/** The result of an action: a line for each alert or silence, with a button. */
function linesMessage({ lines }: Lines): Rendered {
  let room = MAX_CHARACTERS;
  const shown = lines.slice(0, MAX_LINES).filter(({ phrase }) => {
    room -= phraseText(phrase).length;
    return room >= 0;
  });
  const text = truncateMrkdwn(shown.map(({ phrase }) => phraseText(phrase)).join('\n'), 3_000);
  return { text: text || 'Done.', blocks: shown.map(lineBlock) };
}

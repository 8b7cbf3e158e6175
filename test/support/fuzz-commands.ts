import { validateMessageBlocks } from '../../demo/slack/validate-blocks.ts';
import type { Answer } from '../../src/commands/answer.ts';
import type { SlashCommand } from '../../src/commands/command.ts';
import { answerMessage } from '../../src/slack/blocks/answer.ts';
import { type Chance, createChance } from './promql-samples.ts';

/** Answers a command as the bot does. */
export type AnswerText = (
  command: SlashCommand,
  text: string,
) => Promise<{ readonly answer: Answer; readonly share: boolean; readonly reproducible?: string }>;

/** The result of many mutated texts. */
export interface FuzzReport {
  readonly texts: number;
  /** The answers of each kind: they show that the texts get past the first word. */
  readonly answers: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly failures: readonly {
    readonly command: SlashCommand;
    readonly text: string;
    readonly what: string;
  }[];
}

const TRACE_ID = '00000000000000000000000000000001';
const UUID = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';

/** Valid texts of every form. */
const VALID: Readonly<Record<SlashCommand, readonly string[]>> = {
  '/trace': [
    'slowest checkout last 30m op "GET /cart" over 500ms top 5 share',
    'slowest checkout at 2026-11-20T14:00:00Z/2026-11-20T14:10:00Z',
    'show me the slowest requests of checkout, last 10 minutes',
    TRACE_ID,
    UUID,
    `request ${UUID}`,
    `compare ${TRACE_ID} ${UUID}`,
    'why checkout last 15m op "GET /cart" share',
    'why is checkout slow',
    'propagation checkout last 15m share',
    `${TRACE_ID} and ${UUID}`,
    `00-${TRACE_ID}-00f067aa0ba902b7-01`,
    `traceparent: 00-${TRACE_ID}-00f067aa0ba902b7-00`,
    `b3: ${TRACE_ID}-00f067aa0ba902b7-1-05e3ac9a4f6e3b90`,
    `X-B3-TraceId: ${TRACE_ID} X-B3-SpanId: 00f067aa0ba902b7 X-B3-Sampled: 0`,
    `uber-trace-id: ${TRACE_ID}:00f067aa0ba902b7:0:1`,
    `X-Amzn-Trace-Id: Root=1-00000000-000000000000000000000001;Parent=53995c3f42cd8ad8;Sampled=1`,
    'AAAAAAAAAAAAAAAAAAAAAQ==',
    `https://jaeger.example/trace/${TRACE_ID}?uiFind=checkout`,
    `<https://jaeger.example/trace/${TRACE_ID}...${TRACE_ID}|compare>`,
    `https://jaeger.example/search?service=checkout.shop&start=1795183200000000&end=1795183800000000`,
    `https://kiali.example/console/namespaces/shop/services/checkout?tab=traces&amp;traceId=${TRACE_ID}`,
    `https://grafana.example/explore?panes=%7B%22a%22%3A%7B%22queries%22%3A%5B%7B%22query%22%3A%22${TRACE_ID}%22%7D%5D%7D%7D`,
    `[2026-11-20T14:05:00.123Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 5183 120 119 "10.1.2.3" "curl/8" "${UUID}" "shop:9080" "10.0.0.7:9080" outbound|9080||shop.svc - default`,
    `{"level":"warn","msg":"slow cart","trace_id":"${TRACE_ID}","took":1.2}`,
    'help',
  ],
  '/latency': [
    'checkout last 1h share',
    `checkout ${UUID}`,
    `checkout ${TRACE_ID}`,
    'checkout.shop',
    'checkout p99 last 30 minutes',
    'checkout to payments last 15m share',
    'help',
  ],
  '/slo': [
    'status share',
    'silence checkout severity="ticket" for 2h moving the database',
    'silences',
    'unsilence 3f2a',
    'acknowledge checkout',
    'close checkout it is gone',
    'history checkout',
    'show ServiceSlow',
    '',
  ],
};

/** Characters that people, phones, Slack and other programs insert. */
const ODD: readonly string[] = [
  '"',
  "'",
  '\\',
  '`',
  '```',
  '<',
  '>',
  '|',
  '&amp;',
  '&lt;!channel&gt;',
  '<!channel>',
  '<@U0READER00>',
  '\u201c',
  '\u2019',
  '\u200b',
  '\u202e',
  '\ud83d',
  '\u{1f600}',
  '\u0000',
  '\n',
  '\t',
  '%',
  '%7B',
  '%ff',
  '__proto__',
  'constructor',
  '{service}',
  '$&',
  '/',
  '...',
  '=',
  ':',
  '-',
  '0',
  '1e309',
  '-1',
  '99999999999999999999',
  'share',
  'last',
  'top',
  'over',
  'for',
];

const COMMANDS: readonly SlashCommand[] = ['/trace', '/latency', '/slo'];
const LONGEST = 4_000;

/** One change to a text: at a place, over a stretch, or to its words. */
const CHANGES: readonly ((text: string, chance: Chance) => string)[] = [
  (text, chance) => insert(text, chance, chance.pick(ODD)),
  (text, chance) => insert(text, chance, chance.pick(ODD).repeat(chance.below(400))),
  (text, chance) => insert(text, chance, String.fromCodePoint(chance.below(0xd7ff))),
  (text, chance) => cut(text, chance),
  (text, chance) => text.slice(0, chance.below(text.length + 1)),
  (text, chance) => text.slice(chance.below(text.length + 1)),
  (text, chance) => text + text.slice(chance.below(text.length + 1)),
  (text) => text.toUpperCase(),
  (text) => text.split(' ').reverse().join(' '),
  (text) => text.replaceAll(' ', ''),
  (text, chance) => `${text} ${chance.pick(VALID[chance.pick(COMMANDS)])}`,
  (text, chance) =>
    text
      .split(' ')
      .filter(() => chance.with(0.7))
      .join(' '),
  (_text, chance) =>
    Array.from({ length: chance.below(40) }, () => chance.pick(ODD)).join(chance.pick(['', ' '])),
];

function insert(text: string, chance: Chance, added: string): string {
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + added + text.slice(at);
}

function cut(text: string, chance: Chance): string {
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + text.slice(at + 1 + chance.below(8));
}

function oddText(command: SlashCommand, chance: Chance): string {
  let text = chance.pick(VALID[chance.with(0.9) ? command : chance.pick(COMMANDS)]);
  const changes = chance.below(5);
  for (let i = 0; i < changes; i += 1) text = chance.pick(CHANGES)(text, chance);
  return text.slice(0, LONGEST);
}

/** What is wrong with an answer; undefined when it is valid. */
function wrongWith({ answer, share }: Awaited<ReturnType<AnswerText>>): string | undefined {
  if (answer.kind === 'failed') return `it failed: ${answer.text}`;
  if (answer.kind === 'usage' && answer.usage.length === 0) return 'there is no usage';
  if (answer.kind === 'usage' && share) return 'a mistake is shown to all';
  const { text, blocks } = answerMessage(answer);
  if (text.trim() === '' || blocks.length === 0) return 'the message is empty';
  const refusal = validateMessageBlocks(blocks, () => true);
  return refusal === undefined ? undefined : `Slack would refuse the message: ${JSON.stringify(refusal)}`;
}

/** From here on a text is tried again, in ms: what is slow is slow each time, a busy machine is not. */
const SUSPICIOUS = 100;

async function timed<T>(work: () => Promise<T>): Promise<{ readonly reply: T; readonly took: number }> {
  let took = Number.POSITIVE_INFINITY;
  for (let tries = 0; ; tries += 1) {
    const startedAt = performance.now();
    const reply = await work();
    took = Math.min(took, performance.now() - startedAt);
    if (took < SUSPICIOUS || tries === 2) return { reply, took };
  }
}

/** Sends mutated texts through a command and its message. The same seed gives the same texts. */
export async function fuzzCommands(
  answerText: AnswerText,
  { count, seed }: { readonly count: number; readonly seed: number },
): Promise<FuzzReport> {
  const chance = createChance(seed);
  const answers: Record<string, number> = {};
  const failures: { command: SlashCommand; text: string; what: string }[] = [];
  let slowestMs = 0;
  for (let i = 0; i < count; i += 1) {
    const command = chance.pick(COMMANDS);
    const text = oddText(command, chance);
    try {
      const { reply, took } = await timed(() => answerText(command, text));
      answers[reply.answer.kind] = (answers[reply.answer.kind] ?? 0) + 1;
      slowestMs = Math.max(slowestMs, took);
      const what = wrongWith(reply);
      if (what !== undefined) failures.push({ command, text, what });
    } catch (error) {
      failures.push({ command, text, what: `it threw ${String(error)}` });
    }
  }
  return { texts: count, answers, slowestMs, failures: failures.slice(0, 5) };
}

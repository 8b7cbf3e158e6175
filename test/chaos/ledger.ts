import type { SlackWorkspace } from '../../demo/slack/workspace.ts';

/** What a message says of its alert. */
export type Shown = 'open' | 'final';

/** A message about a breach, with all that became of it. Times are ms since 1970. */
export interface BreachMessage {
  readonly channelId: string;
  readonly ts: string;
  readonly service: string;
  /** Empty where the message does not say. */
  readonly rule: string;
  readonly postedAt: number;
  /** What it said, oldest first, whenever that changed. */
  readonly shown: { readonly at: number; readonly shown: Shown; readonly text: string }[];
  /** When a reply in its thread said that it is over, as where edits are refused. */
  finalReplyAt?: number;
  deletedAt?: number;
}

/** The rules' summary, by which a message is known; the headline says what it is now. */
const SUMMARY = /breach of ([\w-]+) by (\w+)/;
/** What began and ended before it could be posted is one line, without the summary. */
const BRIEF = /^\W*([\w-]+): recovered after/;
const FINAL = /recovered|resolved|closed|ended|no longer|continues as/i;

interface Posted {
  readonly channelId: string;
  readonly ts: string;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly threadTs?: string;
  readonly isTombstone?: boolean;
}

/** Writes down what the workspace shows of breaches, as it changes. */
export function keepLedger(workspace: Pick<SlackWorkspace, 'subscribe'>): {
  readonly messages: () => readonly BreachMessage[];
  /** Messages about something else, by their first line. */
  readonly others: () => ReadonlyMap<string, number>;
  readonly close: () => void;
} {
  const known = new Map<string, BreachMessage>();
  const others = new Map<string, number>();
  const keyOf = (channelId: string, ts: string): string => `${channelId}/${ts}`;
  const firstLine = (text: string): string => text.split('\n')[0] ?? '';

  function note(message: Posted): void {
    const { channelId, ts, text, threadTs } = message;
    const line = firstLine(text);
    const shown: Shown = FINAL.test(line) ? 'final' : 'open';
    if (threadTs !== undefined && threadTs !== ts) {
      const opening = known.get(keyOf(channelId, threadTs));
      if (opening !== undefined && shown === 'final') opening.finalReplyAt = Date.now();
      return;
    }
    const existing = known.get(keyOf(channelId, ts));
    if (existing !== undefined) {
      if (existing.shown.at(-1)?.shown !== shown) existing.shown.push({ at: Date.now(), shown, text: line });
      return;
    }
    begin(message, shown);
  }

  function begin({ channelId, ts, text, blocks }: Posted, shown: Shown): void {
    const line = firstLine(text);
    const [, named, rule = ''] = SUMMARY.exec(text + JSON.stringify(blocks)) ?? [];
    const service = named ?? BRIEF.exec(line)?.[1];
    if (service === undefined) {
      others.set(line, (others.get(line) ?? 0) + 1);
      return;
    }
    const postedAt = Date.now();
    const first = { at: postedAt, shown, text: line };
    known.set(keyOf(channelId, ts), { channelId, ts, service, rule, postedAt, shown: [first] });
  }

  const close = workspace.subscribe((event) => {
    if (event.kind === 'message-deleted' || (event.kind === 'message-changed' && event.message.isTombstone)) {
      const gone = known.get(keyOf(event.message.channelId, event.message.ts));
      if (gone !== undefined) gone.deletedAt ??= Date.now();
    } else if (event.kind === 'message-posted' || event.kind === 'message-changed') {
      if (event.message.ephemeralFor === undefined) note(event.message);
    }
  });
  return { messages: () => [...known.values()], others: () => others, close };
}

/** How long before a message that does not name its rule others about the same breach are looked for. */
const SAME_BREACH_MS = 300_000;

/** Gives each message that does not name its rule to the rule that has the fewest messages left about that breach. */
export function withRules(
  messages: readonly BreachMessage[],
  rules: readonly string[],
): readonly BreachMessage[] {
  const all = messages.filter(({ rule }) => rule !== '');
  for (const brief of messages.filter(({ rule }) => rule === '')) {
    const { channelId, service, postedAt } = brief;
    const countOf = (rule: string): number =>
      all.filter(
        (each) =>
          each.channelId === channelId &&
          each.service === service &&
          each.rule === rule &&
          each.deletedAt === undefined &&
          Math.abs(each.postedAt - postedAt) < SAME_BREACH_MS,
      ).length;
    const [rule = ''] = [...rules].sort((a, b) => countOf(a) - countOf(b));
    all.push({ ...brief, rule });
  }
  return all;
}

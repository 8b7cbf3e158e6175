import { z } from 'zod';
import type { DeliveryOutcome, Workspace } from '../model.ts';
import type { CommandHint } from './composer.tsx';
import { renderSlackbotLine } from './page.tsx';
import type { ReaderState } from './state.ts';
import { viewStateValues } from './view-state.ts';

/** What the page answers to something the reader did. */
export interface PostReply {
  readonly status: number;
  readonly body: PostBody;
}

interface PostBody {
  readonly ok: boolean;
  readonly error?: string;
  readonly detail?: string;
  /** A line from Slackbot to put under the last message. */
  readonly html?: string;
}

export interface PostsOptions {
  readonly workspace: Workspace;
  readonly readerId: string;
  readonly state: ReaderState;
  readonly commands: readonly CommandHint[];
  /** A `ts` for a line that only this page knows. */
  nextTs(): string;
}

type Post = (body: unknown) => Promise<PostReply>;

const typed = z.object({
  channelId: z.string(),
  text: z.string().trim().min(1),
  threadTs: z.string().optional(),
});

const pressed = z.object({
  channelId: z.string(),
  messageTs: z.string(),
  blockId: z.string(),
  actionId: z.string(),
  selectedValue: z.string().optional(),
});

const submitted = z.object({
  viewId: z.string(),
  values: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.array(z.string())]))),
});

const closed = z.object({ viewId: z.string() });
const read = z.object({ channelId: z.string() });

/** Runs `act` on a body of the right shape; any other is the caller's mistake. */
const accepting =
  <T>(schema: z.ZodType<T>, act: (input: T) => Promise<PostBody>): Post =>
  async (body) => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) return { status: 400, body: { ok: false, error: 'invalid_arguments' } };
    return { status: 200, body: await act(parsed.data) };
  };

const bodyOf = (outcome: DeliveryOutcome): PostBody =>
  outcome.ok ? { ok: true } : { ok: false, error: outcome.error, detail: outcome.detail };

/** Why Slack itself would not send this text, or undefined when it would. */
function refusal(input: z.infer<typeof typed>, commands: readonly CommandHint[]): string | undefined {
  const [command = ''] = input.text.split(/\s/, 1);
  if (!command.startsWith('/')) return undefined;
  if (input.threadTs !== undefined) return `\`${command}\` is not supported in threads. Sorry!`;
  if (commands.length === 0 || commands.some((known) => known.command === command)) return undefined;
  return `\`${command}\` is not a valid command. In Slack, all messages that start with the "/" character are interpreted as commands.`;
}

/** What the reader can do, by the path it is posted to. */
export function createPosts(options: PostsOptions): Readonly<Record<string, Post>> {
  const { workspace, readerId, state, commands } = options;
  const slackbot = (channelId: string, text: string): string =>
    renderSlackbotLine({ channelId, ts: options.nextTs(), text }, state.context());

  return {
    '/api/type': accepting(typed, async (input) => {
      const reason = refusal(input, commands);
      if (reason !== undefined)
        return { ok: false, error: 'not_sent', html: slackbot(input.channelId, reason) };
      const { threadTs, channelId, text } = input;
      const outcome = await workspace.type({
        userId: readerId,
        channelId,
        text,
        ...(threadTs === undefined ? {} : { threadTs }),
      });
      if (outcome.ok) return { ok: true };
      const [command = ''] = text.split(/\s/, 1);
      const failure = text.startsWith('/')
        ? `\`${command}\` failed with the error "${outcome.error}"`
        : outcome.detail;
      return { ...bodyOf(outcome), html: slackbot(channelId, failure) };
    }),
    '/api/press': accepting(pressed, async ({ selectedValue, ...action }) =>
      bodyOf(
        await workspace.press({
          ...action,
          userId: readerId,
          ...(selectedValue === undefined ? {} : { selectedValue }),
        }),
      ),
    ),
    '/api/view/submit': accepting(submitted, async ({ viewId, values }) => {
      const open = workspace.openViews(readerId).find((view) => view.viewId === viewId);
      if (open === undefined)
        return { ok: false, error: 'view_closed', detail: 'This form is no longer open.' };
      return bodyOf(
        await workspace.submitView({ viewId, userId: readerId, values: viewStateValues(open, values) }),
      );
    }),
    '/api/view/close': accepting(closed, async ({ viewId }) =>
      bodyOf(await workspace.closeView({ viewId, userId: readerId })),
    ),
    '/api/read': accepting(read, async ({ channelId }) => {
      state.markRead(channelId);
      return { ok: true };
    }),
  };
}

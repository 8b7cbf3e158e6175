import { z } from 'zod';
import type { DeliveryOutcome, Workspace } from '../model.ts';
import type { ReaderState } from './state.ts';

/** What the page answers to something the reader did. */
export interface PostReply {
  readonly status: number;
  readonly body: PostBody;
}

interface PostBody {
  readonly ok: boolean;
  readonly error?: string;
  readonly detail?: string;
}

export interface PostsOptions {
  readonly workspace: Workspace;
  readonly readerId: string;
  readonly state: ReaderState;
}

type Post = (body: unknown) => Promise<PostReply>;

const typed = z.object({
  channelId: z.string(),
  text: z.string().trim().min(1),
  threadTs: z.string().exactOptional(),
});

const pressed = z.object({
  channelId: z.string(),
  messageTs: z.string(),
  blockId: z.string(),
  actionId: z.string(),
  selectedValue: z.string().exactOptional(),
});

/** By block, then by action: the value of the control, several values separated by commas. */
const submitted = z.object({
  viewId: z.string(),
  values: z.record(z.string(), z.record(z.string(), z.string())),
});

const closed = z.object({ viewId: z.string() });
const read = z.object({ channelId: z.string() });

/** Runs `act` on a body of the right shape; any other is the caller's error. */
const accepting =
  <T>(schema: z.ZodType<T>, act: (input: T) => Promise<DeliveryOutcome>): Post =>
  async (body) => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) return { status: 400, body: { ok: false, error: 'invalid_arguments' } };
    return { status: 200, body: await act(parsed.data) };
  };

/** What the reader can do, by the path it is posted to. The workspace itself says in the channel why a command failed. */
export function createPosts({ workspace, readerId, state }: PostsOptions): Readonly<Record<string, Post>> {
  const userId = readerId;
  return {
    '/page/type': accepting(typed, (input) => workspace.type({ ...input, userId })),
    '/page/press': accepting(pressed, (action) => workspace.press({ ...action, userId })),
    '/page/view/submit': accepting(submitted, (input) => workspace.submitView({ ...input, userId })),
    '/page/view/close': accepting(closed, (input) => workspace.closeView({ ...input, userId })),
    '/page/read': accepting(read, async ({ channelId }) => {
      state.markRead(channelId);
      return { ok: true };
    }),
  };
}

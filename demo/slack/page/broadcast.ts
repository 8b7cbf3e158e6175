import type { Message, Workspace, WorkspaceEvent } from '../model.ts';
import type { EventStream } from './event-stream.ts';
import { isReply } from './message.tsx';
import { renderEntry, renderModal } from './page.tsx';
import { renderChannelLink } from './sidebar.tsx';
import type { ReaderState } from './state.ts';
import { spokenText } from './text/spoken.ts';

interface Broadcast {
  readonly workspace: Workspace;
  readonly readerId: string;
  readonly state: ReaderState;
  readonly stream: EventStream;
}

function sendMessage({ readerId, state, stream }: Broadcast, message: Message, isNew: boolean): void {
  const context = state.context();
  const author = context.users.get(message.userId)?.name ?? message.userId;
  const data = {
    channelId: message.channelId,
    ts: message.ts,
    html: renderEntry(state.entryOf(message), context),
    isNew,
    isOwn: message.userId === readerId,
    spoken: `${author}: ${spokenText(message.text, context) || 'a message'}`,
  };
  const { threadTs } = message;
  if (threadTs !== undefined && isReply(message)) stream.send({ type: 'reply', data: { ...data, threadTs } });
  if (!isReply(message) || message.isBroadcast === true) stream.send({ type: 'message', data });
}

/** The message that began a thread shows how many replies there are: it is drawn again when one comes or goes. */
function sendThreadRoot(broadcast: Broadcast, reply: Message): void {
  const { workspace, readerId } = broadcast;
  const root = workspace.messages(reply.channelId, readerId).find((message) => message.ts === reply.threadTs);
  if (root !== undefined) sendMessage(broadcast, root, false);
}

function sendRemoved({ stream }: Broadcast, { channelId, ts, threadTs }: Message): void {
  stream.send({ type: 'removed', data: { channelId, ts, ...(threadTs === undefined ? {} : { threadTs }) } });
}

function onMessage(
  broadcast: Broadcast,
  event: Extract<WorkspaceEvent, { readonly message: Message }>,
): void {
  const { message } = event;
  if (!broadcast.state.sees(message)) return;
  if (event.kind === 'message-deleted') sendRemoved(broadcast, message);
  else sendMessage(broadcast, message, event.kind === 'message-posted');
  if (isReply(message) && event.kind !== 'message-changed') sendThreadRoot(broadcast, message);
}

/** The modal on top of the reader's stack, or nothing when the last one was closed. */
function sendTopView({ workspace, readerId, state, stream }: Broadcast): void {
  const top = workspace.openViews(readerId).at(-1);
  stream.send({ type: 'view', data: { html: top === undefined ? '' : renderModal(top, state.context()) } });
}

/** Passes what happens in the workspace on to the reader's browsers. Returns the function that ends it. */
export function broadcastWorkspace(broadcast: Broadcast): () => void {
  const { workspace, readerId, state, stream } = broadcast;
  return workspace.subscribe((event) => {
    if (!stream.isFollowed()) return;
    switch (event.kind) {
      case 'message-posted':
      case 'message-changed':
      case 'message-deleted':
        onMessage(broadcast, event);
        break;
      case 'view-opened':
      case 'view-updated':
      case 'view-closed':
        if (event.view.userId === readerId) sendTopView(broadcast);
        break;
      case 'channel-changed': {
        const { channel } = event;
        if (state.channel(channel.id) === undefined) break;
        const html = renderChannelLink(channel, state.isUnread(channel.id));
        stream.send({
          type: 'channel',
          data: { channelId: channel.id, html, isArchived: channel.isArchived },
        });
        break;
      }
    }
  });
}

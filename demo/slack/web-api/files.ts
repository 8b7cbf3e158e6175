import { SlackApiError } from '../api-error.ts';
import { type Args, jsonArg, requiredArg, textArg } from '../content.ts';
import { isPicture, type StoredFile } from '../files.ts';
import type { WorkspaceState } from '../state.ts';
import { type ApiMethod, type ApiResult, memberChannel, method, threadArg } from './method.ts';

/** Longest `alt_txt` (docs.slack.dev, files.getUploadURLExternal). */
const ALT_CHARACTERS = 1_000;
const LARGEST_UPLOAD = 16 * 1024 * 1024;

function getUploadUrl(state: WorkspaceState, args: Args): ApiResult {
  const name = requiredArg(args, 'filename');
  const length = Number(requiredArg(args, 'length'));
  if (!Number.isInteger(length) || length <= 0) throw new SlackApiError('invalid_arguments');
  if (length > LARGEST_UPLOAD) throw new SlackApiError('file_upload_size_restricted');
  const altText = textArg(args, 'alt_txt') ?? '';
  if (altText.length > ALT_CHARACTERS) throw new SlackApiError('alt_txt_too_large');
  const { id, ticket } = state.files.begin({ name, length, altText });
  return { upload_url: `${state.connection.publicUrl}/upload/v1/${ticket}`, file_id: id };
}

function complete(state: WorkspaceState, args: Args): ApiResult {
  const named = jsonArg(args, 'files', 'invalid_arguments');
  if (!Array.isArray(named) || named.length === 0) throw new SlackApiError('invalid_arguments');
  // The channel is checked before anything is completed: a refused call leaves nothing behind.
  const share = textArg(args, 'channel_id') === undefined ? undefined : shareTarget(state, args);
  const files = named.map((each: { id?: unknown; title?: unknown }) =>
    state.files.complete(String(each.id), typeof each.title === 'string' ? each.title : undefined),
  );
  if (share !== undefined) {
    for (const { id } of files) state.files.share(id, share.channelId);
    post(state, share, { files, comment: textArg(args, 'initial_comment') ?? '' });
  }
  return { files: files.map((file) => toWireFile(state, file)) };
}

interface ShareTarget {
  readonly channelId: string;
  readonly threadTs?: string;
}

function shareTarget(state: WorkspaceState, args: Args): ShareTarget {
  const channel = memberChannel(state, { ...args, channel: args['channel_id'] });
  const threadTs = threadArg(state, channel, args);
  return { channelId: channel.id, ...(threadTs === undefined ? {} : { threadTs }) };
}

/** A file that is shared shows as a message: a picture as an image block, any other file as a file block to download. */
function post(
  state: WorkspaceState,
  target: ShareTarget,
  { files, comment }: { files: readonly StoredFile[]; comment: string },
): void {
  state.conversations.post({
    ...target,
    userId: state.app.botUserId,
    text: comment === '' ? files.map((file) => file.title).join(', ') : comment,
    blocks: files.map((file) => ({ block_id: state.ids.hex(5), ...shownAs(file) })),
  });
}

const shownAs = (file: StoredFile): { readonly type: string } & Record<string, unknown> =>
  isPicture(file)
    ? {
        type: 'image',
        slack_file: { id: file.id },
        alt_text: file.altText === '' ? file.title : file.altText,
        title: { type: 'plain_text', text: file.title },
      }
    : {
        type: 'file',
        slack_file: { id: file.id },
        title: { type: 'plain_text', text: file.title },
        size: file.content.length,
      };

/** Where a file is on the workspace's own address. */
export const filePath = (state: WorkspaceState, { id, name }: StoredFile): string =>
  `/files-pri/${state.team.id}-${id}/${id}/${encodeURIComponent(name)}`;

function toWireFile(state: WorkspaceState, file: StoredFile): Record<string, unknown> {
  const url = state.connection.publicUrl + filePath(state, file);
  return {
    id: file.id,
    name: file.name,
    title: file.title,
    size: file.content.length,
    alt_txt: file.altText,
    filetype: file.name.split('.').at(-1) ?? '',
    user: state.app.botUserId,
    url_private: url,
    url_private_download: url,
    permalink: url,
  };
}

export const fileMethods: Readonly<Record<string, ApiMethod>> = {
  'files.getUploadURLExternal': method(['files:write'], 'tier-4', getUploadUrl),
  'files.completeUploadExternal': method(['files:write'], 'tier-4', complete),
};

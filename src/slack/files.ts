import type { Answer, AnswerFile } from '../commands/answer.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { SECOND } from '../lib/units.ts';
import { answerMessage } from './blocks/answer.ts';
import { context } from './blocks/block-kit.ts';
import { escape, literal, oneLine } from './blocks/mrkdwn.ts';
import { type CallFailure, type Calls, reasonOf, SLACK_TIMEOUT } from './calls.ts';
import { DIRECT, type SlackNetwork } from './network.ts';
import type { Responder } from './responder.ts';

/** What an upload needs. */
export interface UploadParts {
  readonly calls: Calls;
  readonly network?: SlackNetwork;
}

/** A file was not uploaded or not shown. `message` completes a sentence like "No picture: ..." and is safe to show. */
export class UploadError extends Error {
  override readonly name = 'UploadError';
}

/** A file before it is uploaded. */
export interface Upload {
  readonly filename: string;
  readonly content: Uint8Array;
  /** For pictures. */
  readonly altText?: string;
}

/**
 * Uploads a file without completing it: the first two of Slack's three steps. Returns the file's id. The SDK's `uploadV2` sends
 * `alt_text`, which Slack ignores, instead of `alt_txt`. Throws `UploadError`.
 */
export async function uploadContent(
  { calls, network = DIRECT }: UploadParts,
  { filename, content, altText }: Upload,
): Promise<string> {
  const args = { filename, length: content.length };
  const begun = await calls.call(
    'files.getUploadURLExternal',
    altText === undefined ? args : { ...args, alt_txt: altText },
  );
  if (begun.kind !== 'done') throw new UploadError(uploadFailure(begun));
  const { upload_url: url, file_id: fileId } = begun.data;
  if (typeof url !== 'string' || typeof fileId !== 'string')
    throw new UploadError('Slack returned no upload URL');
  if (!(await sendContent(network, url, content))) throw new UploadError('the upload to Slack failed');
  return fileId;
}

/** The third step. With a channel the files are posted there as one message. Throws `UploadError`. */
export async function completeUpload(
  { calls }: UploadParts,
  files: readonly { readonly id: string; readonly title: string }[],
  channel?: string,
): Promise<void> {
  const args = channel === undefined ? { files: [...files] } : { files: [...files], channel_id: channel };
  const completed = await calls.call('files.completeUploadExternal', args);
  if (completed.kind !== 'done') throw new UploadError(uploadFailure(completed));
}

/** The URL is a secret: it is neither logged nor shown. */
async function sendContent(network: SlackNetwork, url: string, content: Uint8Array): Promise<boolean> {
  try {
    const response = await network.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: Buffer.from(content),
      redirect: 'error',
      signal: AbortSignal.timeout(SLACK_TIMEOUT),
    });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

const TEXT = {
  noDirectMessages: 'the app does not accept direct messages. Turn on the Messages tab of the Slack app',
  notInChannel: 'the bot is not in this channel. Invite it, or run the command in a channel it is in',
  noScope: 'the Slack app lacks the scope files:write. Add the scope and reinstall the app',
} as const;

const retryIn = (failure: Extract<CallFailure, { kind: 'not-sent' }>): string =>
  `Slack's rate limit is reached. Try again in ${Math.max(1, Math.ceil(failure.retryAfter / SECOND))} s`;

/** Why a message with a file was not posted; completes "No picture: ...". */
export function postFailure(failure: CallFailure): string {
  const reason = reasonOf(failure);
  if (reason === 'messages_tab_disabled') return TEXT.noDirectMessages;
  if (failure.kind === 'channel-refused') return TEXT.notInChannel;
  if (failure.kind === 'refused') return `Slack refused the message (${reason})`;
  return failure.kind === 'not-sent' && failure.limited ? retryIn(failure) : 'Slack did not respond';
}

/** Why a file was not uploaded; completes "No picture: ...". */
function uploadFailure(failure: CallFailure): string {
  const reason = reasonOf(failure);
  if (failure.kind === 'not-sent' && failure.limited) return retryIn(failure);
  if (reason === 'missing_scope' || reason === 'not_allowed_token_type') return TEXT.noScope;
  return failure.kind === 'unknown' || failure.kind === 'not-sent'
    ? 'Slack did not respond to the upload'
    : `Slack refused the file (${reason})`;
}

/**
 * Sends the files of an answer to the person as a direct message: an ephemeral message gives no access to a file. A failure
 * is shown as one line. Never throws.
 */
export async function sendFiles(
  parts: UploadParts & { readonly logger: Logger },
  { text, files }: Extract<Answer, { kind: 'files' }>,
  responder: Responder,
): Promise<void> {
  const { logger, calls } = parts;
  try {
    const uploaded: { readonly id: string; readonly title: string }[] = [];
    for (const file of files) uploaded.push(await uploadFile(parts, file));
    const { userId: channel } = responder.origin;
    const message = { channel, ...answerMessage({ kind: 'nothing', text, links: [] }), unfurl_links: false };
    const posted = await calls.call('chat.postMessage', message, { channel });
    if (posted.kind !== 'done') throw new UploadError(postFailure(posted));
    // The direct message conversation has an id of its own.
    const { channel: conversation } = posted.data;
    await completeUpload(parts, uploaded, typeof conversation === 'string' ? conversation : channel);
  } catch (error) {
    const isExpected = error instanceof UploadError;
    const reason = isExpected ? error.message : "internal error, see the bot's log";
    if (isExpected) logger.warn('slack: files not sent', { reason });
    else logger.error('slack: sending files failed', { error: faultText(error) });
    const line = `No files: ${escape(oneLine(reason), 300)}.`;
    await responder.answer({ text: line, blocks: context([line]) });
  }
}

async function uploadFile(
  parts: UploadParts,
  { name, title, content }: AnswerFile,
): Promise<{ readonly id: string; readonly title: string }> {
  const id = await uploadContent(parts, { filename: name, content: new TextEncoder().encode(content) });
  return { id, title: literal(title, 200) };
}

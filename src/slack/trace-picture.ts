import type { ImageBlock } from '@slack/types';
import type { Answer } from '../commands/answer.ts';
import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import { durationText } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import { PictureError, type PicturePainter, type TracePicture } from '../traces/pictures.ts';
import { context, type Rendered } from './blocks/block-kit.ts';
import { code, escape, literal, oneLine } from './blocks/mrkdwn.ts';
import { reasonOf } from './calls.ts';
import { completeUpload, postFailure, UploadError, type UploadParts, uploadContent } from './files.ts';
import { FILE_RETRY_DELAYS } from './pacing.ts';
import type { Responder } from './responder.ts';

export interface PictureParts extends UploadParts {
  readonly painter: Pick<PicturePainter, 'draw'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

/** Where the picture goes: to everyone in the channel, or to the person who ran the command. */
interface Destination {
  readonly responder: Responder;
  readonly inChannel: boolean;
}

/** The picture that belongs to an answer: that of a trace, or of the only trace of a request. */
export function pictureOf(answer: Answer): TracePicture | undefined {
  if (answer.kind === 'trace') return answer.view.picture;
  if (answer.kind !== 'request' || answer.view.inService !== undefined) return undefined;
  const [only, ...others] = answer.view.traces;
  return others.length === 0 ? only?.picture : undefined;
}

/**
 * Draws a picture, uploads it and shows it below an answer. A failure is shown to the person as one line. Never throws.
 *
 * Only the bot can see an uploaded file until the bot posts a message with it (docs/adr/0006). A shared answer gets such
 * a message in the channel. An ephemeral message gives no access to a file, so the picture of a private answer is
 * sent as a direct message first, and then shown below the answer.
 */
export async function showPicture(
  parts: PictureParts,
  picture: TracePicture,
  to: Destination,
): Promise<void> {
  try {
    await send(parts, picture, to);
  } catch (error) {
    const isExpected = error instanceof PictureError || error instanceof UploadError;
    const reason = isExpected ? error.message : "internal error, see the bot's log";
    if (!isExpected) parts.logger.error('slack: showing a picture failed', { error: faultText(error) });
    parts.logger.warn('slack: picture not shown', { reason });
    await to.responder.answer(noPictureMessage(reason));
  }
}

async function send(
  parts: PictureParts,
  picture: TracePicture,
  { responder, inChannel }: Destination,
): Promise<void> {
  const { channelId, userId } = responder.origin;
  const fileId = await upload(parts, picture);
  if (inChannel) {
    await post(parts, channelId, pictureMessage(picture, fileId));
    return;
  }
  const direct = pictureMessage(picture, fileId, [pictureOrigin(picture, channelId)]);
  const sentTo = await post(parts, userId, direct);
  // In the direct message conversation with the bot it is there already.
  if (sentTo !== channelId) await responder.answer(pictureMessage(picture, fileId, [TEXT.copy]));
}

/** Posts a message with an uploaded file. Returns the id of the channel, which for a direct message is not the user's. */
async function post({ calls, clock }: PictureParts, channel: string, message: Rendered): Promise<string> {
  const args = { channel, ...message, unfurl_links: false, unfurl_media: false };
  let outcome = await calls.call('chat.postMessage', args, { channel });
  for (const delay of FILE_RETRY_DELAYS) {
    if (outcome.kind !== 'refused' || outcome.code !== 'invalid_blocks') break;
    await clock.sleep(delay);
    outcome = await calls.call('chat.postMessage', args, { channel });
  }
  if (outcome.kind !== 'done')
    throw new UploadError(reasonOf(outcome) === 'invalid_blocks' ? TEXT.notProcessed : postFailure(outcome));
  const { channel: id } = outcome.data;
  return typeof id === 'string' ? id : channel;
}

/** Uploads a picture without showing it. Returns the file's id. */
async function upload(parts: PictureParts, picture: TracePicture): Promise<string> {
  const content = await parts.painter.draw(picture.waterfall);
  const traceId = picture.waterfall.traceId.replace(/[^0-9a-f]/giu, '').slice(0, 32);
  const filename = `waterfall-${traceId || 'trace'}.png`;
  const id = await uploadContent(parts, { filename, content, altText: picture.altText });
  await completeUpload(parts, [{ id, title: pictureTitle(picture) }]);
  return id;
}

const TEXT = {
  copy: 'Also sent to you as a direct message: Slack shows a file only to people it was shared with.',
  notProcessed: 'Slack did not finish processing the file',
} as const;

/** The title of the file; screen readers read it before the alternative text. */
export function pictureTitle({ waterfall }: TracePicture): string {
  const { service, operation, duration } = waterfall;
  return literal(`Waterfall: ${service} ${operation}, ${durationText(duration)}`, 200);
}

/** A message with an uploaded picture and lines below it. */
export function pictureMessage(
  picture: TracePicture,
  fileId: string,
  footer: readonly string[] = [],
): Rendered {
  const image: ImageBlock = {
    type: 'image',
    slack_file: { id: fileId },
    alt_text: literal(picture.altText, 1_000) || 'Waterfall of a trace',
  };
  return { text: escape(pictureTitle(picture), 1_000), blocks: [image, ...context(footer)] };
}

/** Which trace a picture in a direct message shows, and where it was requested. */
export const pictureOrigin = ({ waterfall }: TracePicture, channelId: string): string =>
  `Trace ${code(waterfall.traceId, 40)}${/^[CG][A-Z0-9]+$/u.test(channelId) ? `, requested in <#${channelId}>` : ''}`;

/** The line shown in place of a picture. */
export function noPictureMessage(reason: string): Rendered {
  const text = `No picture: ${escape(oneLine(reason), 300)}.`;
  return { text, blocks: context([text]) };
}

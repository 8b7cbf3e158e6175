import type { ImageBlock } from '@slack/types';
import type { Answer } from '../commands/answer.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type Milliseconds, ms, SECOND, toMs } from '../lib/units.ts';
import { PictureError, type PicturePainter, type TracePicture } from '../traces/pictures.ts';
import { context, type Rendered } from './blocks/block-kit.ts';
import { latency } from './blocks/format.ts';
import { code, escape, literal, oneLine } from './blocks/mrkdwn.ts';
import { type CallFailure, type CallOutcome, type Calls, reasonOf } from './calls.ts';
import type { Responder } from './responder.ts';

export interface PictureShow {
  /**
   * Draws a picture and shows it below an answer that is there already: to all in the channel, or to the one who asked. What
   * goes wrong is a line to the one who asked. Never throws.
   */
  show(
    picture: TracePicture,
    to: { readonly responder: Responder; readonly inChannel: boolean },
  ): Promise<void>;
}

export interface PictureShowParts {
  readonly calls: Calls;
  readonly painter: Pick<PicturePainter, 'draw'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

/** Slack works on a file after it took it, and refuses a message that shows it before (`invalid_blocks`). */
const WAITS: readonly Milliseconds[] = [ms(500), ms(1_000), ms(2_000), ms(4_000)];

/** It is shown, or why not: `reason` completes the sentence "No picture: ...". */
type Truncated = { readonly channelId: string } | { readonly reason: string };

/**
 * Shows pictures where Slack lets a reader see them (docs/adr/0006). A file belongs to the bot alone until the bot posts a message
 * that holds it: for a shared answer that is a message in the channel. An ephemeral message gives nobody a file, so for a
 * private answer the picture is sent to the person directly, and only then shown below the answer as well.
 */
export function createPictureShow({ calls, painter, clock, logger }: PictureShowParts): PictureShow {
  async function post(channel: string, message: Rendered): Promise<Truncated> {
    for (const wait of [...WAITS, undefined]) {
      const outcome = await calls.call('chat.postMessage', { channel, ...message, ...QUIET }, { channel });
      if (outcome.kind === 'done') return { channelId: channelOf(outcome.data, channel) };
      if (wait === undefined || reasonOf(outcome) !== 'invalid_blocks') return { reason: refusal(outcome) };
      await clock.sleep(wait);
    }
    return { reason: 'Slack did not finish working on it' };
  }

  async function upload(
    picture: TracePicture,
  ): Promise<{ readonly fileId: string } | { readonly reason: string }> {
    const content = await painter.draw(picture.waterfall);
    const outcome = await uploadFile(calls, {
      name: `waterfall-${picture.waterfall.traceId.replace(/[^0-9a-f]/giu, '').slice(0, 32) || 'trace'}.png`,
      title: pictureTitle(picture),
      altText: picture.altText,
      content,
    });
    return outcome.kind === 'uploaded' ? outcome : { reason: outcome.reason };
  }

  async function place(
    picture: TracePicture,
    { responder, inChannel }: { readonly responder: Responder; readonly inChannel: boolean },
  ): Promise<Truncated> {
    const { channelId, userId } = responder.place;
    const uploaded = await upload(picture);
    if ('reason' in uploaded) return uploaded;
    const { fileId } = uploaded;
    if (inChannel) return post(channelId, pictureMessage(picture, fileId));
    const sent = await post(userId, pictureMessage(picture, fileId, [pictureOrigin(picture, channelId)]));
    // Asked in the conversation with the bot itself, it is there already.
    if ('channelId' in sent && sent.channelId !== channelId)
      await responder.answer(pictureMessage(picture, fileId, [COPY]));
    return sent;
  }

  return {
    async show(picture, to) {
      const shown = await place(picture, to).catch(
        (error: unknown): Truncated => ({ reason: explain(error) }),
      );
      if ('channelId' in shown) return;
      logger.warn('slack: an answer went without its picture', { reason: shown.reason });
      await to.responder.answer(noPictureMessage(shown.reason));
    },
  };

  function explain(error: unknown): string {
    if (error instanceof PictureError) return error.message;
    logger.error('slack: showing a picture failed', {
      error: error instanceof Error ? error.message : 'unknown',
    });
    return 'something went wrong inside the bot; its log says what';
  }
}

const QUIET = { unfurl_links: false, unfurl_media: false } as const;

const COPY =
  'It is in your direct messages with this app too: Slack shows a file only to those it was sent to.';

const channelOf = (data: Readonly<Record<string, unknown>>, asked: string): string =>
  typeof data['channel'] === 'string' ? data['channel'] : asked;

function refusal(outcome: Exclude<CallOutcome, { kind: 'done' }>): string {
  const code = reasonOf(outcome);
  if (code === 'invalid_blocks') return 'Slack did not finish working on it';
  if (code === 'messages_tab_disabled')
    return 'the app takes no direct messages (its manifest switches its Messages tab on)';
  if (outcome.kind === 'channel-refused')
    return 'the bot is not in this conversation; invite it, or ask in a channel where it is';
  if (outcome.kind === 'refused') return `Slack refused it (${code})`;
  return outcome.kind === 'not-sent' && outcome.limited
    ? 'Slack takes no more messages at the moment'
    : 'Slack did not answer';
}

/** The picture that goes with an answer: that of a trace, or of the only trace of a request. */
export function pictureOf(answer: Answer): TracePicture | undefined {
  if (answer.kind === 'trace') return answer.view.picture;
  if (answer.kind !== 'request' || answer.view.inService !== undefined) return undefined;
  const [only, ...others] = answer.view.traces;
  return others.length === 0 ? only?.picture : undefined;
}

/** A file for Slack. `altText` is read to those who cannot see it: at most 1,000 characters. */
export interface Upload {
  readonly name: string;
  readonly title: string;
  readonly altText: string;
  readonly content: Uint8Array;
}

export type UploadOutcome =
  | { readonly kind: 'uploaded'; readonly fileId: string }
  /** `reason` completes the sentence "No picture: ...". */
  | { readonly kind: 'failed'; readonly reason: string };

const TIMEOUT: Milliseconds = ms(10 * SECOND);

/**
 * Uploads a file without showing it anywhere: until a message holds it, the bot alone can see it. Three steps, as Slack asks.
 * The SDK's `uploadV2` is not used: it sends `alt_text`, which Slack ignores, for `alt_txt`.
 */
async function uploadFile(calls: Calls, { name, title, altText, content }: Upload): Promise<UploadOutcome> {
  const begun = await calls.call('files.getUploadURLExternal', {
    filename: name,
    length: content.length,
    alt_txt: altText,
  });
  if (begun.kind !== 'done') return refused(begun);
  const { upload_url: url, file_id: fileId } = begun.data;
  if (typeof url !== 'string' || typeof fileId !== 'string')
    return { kind: 'failed', reason: 'Slack gave no address to send it to' };
  if (!(await send(url, content))) return { kind: 'failed', reason: 'Slack did not take the file' };
  const completed: CallOutcome = await calls.call('files.completeUploadExternal', {
    files: [{ id: fileId, title }],
  });
  return completed.kind === 'done' ? { kind: 'uploaded', fileId } : refused(completed);
}

/** The address is a secret of its own: it is neither logged nor shown. */
async function send(url: string, content: Uint8Array): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: Buffer.from(content),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

function refused(failure: CallFailure): UploadOutcome {
  return { kind: 'failed', reason: reasonText(failure) };
}

function reasonText(failure: CallFailure): string {
  if (failure.kind === 'not-sent' && failure.limited)
    return `Slack takes no more files at the moment (try again in ${Math.max(1, Math.ceil(failure.retryAfter / SECOND))} s)`;
  const code = reasonOf(failure);
  if (code === 'missing_scope' || code === 'not_allowed_token_type')
    return 'the bot may not upload files: its Slack app lacks the scope files:write';
  return failure.kind === 'unknown' || failure.kind === 'not-sent'
    ? 'Slack did not answer the upload'
    : `Slack refused the file (${code})`;
}

/** What a picture is called: in a list of files, and for a screen reader before the alternative text. */
export function pictureTitle({ waterfall }: TracePicture): string {
  const { service, operation, duration } = waterfall;
  return literal(`Waterfall: ${service} ${operation}, ${latency(toMs(duration))}`, 200);
}

/** A message that shows an uploaded picture, with small print below it. */
export function pictureMessage(
  picture: TracePicture,
  fileId: string,
  smallPrint: readonly string[] = [],
): Rendered {
  const image: ImageBlock = {
    type: 'image',
    slack_file: { id: fileId },
    alt_text: literal(picture.altText, 1_000) || 'Waterfall of a trace',
  };
  return {
    text: escape(pictureTitle(picture), 1_000),
    blocks: [image, ...context([...smallPrint])],
  };
}

/** Whose picture it is, for where no answer stands above it. */
export const pictureOrigin = ({ waterfall }: TracePicture, channelId: string): string =>
  `Trace ${code(waterfall.traceId, 40)}${/^[CG][A-Z0-9]+$/u.test(channelId) ? `, asked for in <#${channelId}>` : ''}`;

/** The line that stands in place of a picture. */
export function noPictureMessage(reason: string): Rendered {
  const text = `No picture: ${escape(oneLine(reason), 300)}.`;
  return { text, blocks: context([text]) };
}

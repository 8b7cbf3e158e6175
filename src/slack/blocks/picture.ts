import type { ImageBlock } from '@slack/types';
import { toMs } from '../../lib/units.ts';
import type { TracePicture } from '../../traces/pictures.ts';
import type { Rendered } from './block.ts';
import { latency } from './format.ts';
import { code, escape, literal, oneLine } from './mrkdwn.ts';
import { context } from './pieces.ts';

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

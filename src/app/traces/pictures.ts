import type { Waterfall } from '../../domain/trace/waterfall.ts';
import type { Answer, TracePicture } from '../views.ts';

/** Knows how to draw. */
export interface PicturePainter {
  /** A PNG of 1,200 pixels in width. Throws `PictureError`, when its time is over at the latest. */
  draw(waterfall: Waterfall): Promise<Uint8Array>;
  /** Ends what draws; pictures under way fail. */
  close(): Promise<void>;
}

/** A picture was not drawn. `message` completes the sentence "No picture: ..." and is safe to be shown. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly code: 'late' | 'busy' | 'failed';

  constructor(code: PictureError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The picture that goes with an answer: that of a trace, or of the only trace of a request. */
export function pictureOf(answer: Answer): TracePicture | undefined {
  if (answer.kind === 'trace') return answer.view.picture;
  if (answer.kind !== 'request' || answer.view.inService !== undefined) return undefined;
  const [only, ...others] = answer.view.traces;
  return others.length === 0 ? only?.picture : undefined;
}

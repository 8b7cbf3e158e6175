import type { Waterfall } from './waterfall.ts';

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

/** A trace's picture before it is drawn: the layout, and the same in words for those who cannot see it. */
export interface TracePicture {
  readonly waterfall: Waterfall;
  /** At most 1,000 characters. */
  readonly altText: string;
}

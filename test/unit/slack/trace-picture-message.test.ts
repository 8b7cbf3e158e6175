import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { validateMessageBlocks } from '../../../demo/slack/validate-blocks.ts';
import { violations } from '../../../src/slack/limits.ts';
import {
  noPictureMessage,
  pictureMessage,
  pictureOrigin,
  pictureTitle,
} from '../../../src/slack/trace-picture.ts';
import type { TracePicture } from '../../../src/traces/pictures.ts';
import { runsOf } from '../../support/runs.ts';
import { aWaterfall } from '../waterfall/a-waterfall.ts';

const named = (service: string, operation: string, altText: string): TracePicture => ({
  waterfall: aWaterfall({ service, operation, traceId: operation }),
  altText,
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 1_500 }),
  fc.constantFrom(
    '',
    '<!channel> <@U1>',
    '`code`\n*bold* <https://evil.example|label>',
    '\ud83e',
    '&'.repeat(3_000),
  ),
);

it('a picture, its title and its absence keep to the limits of Slack and mention nobody, whatever the names', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (service, operation, words) => {
      const picture = named(service, operation, words);
      const shown = [
        pictureMessage(picture, 'F0READY', [pictureOrigin(picture, 'C0INCIDENTS')]),
        noPictureMessage(words),
      ];
      for (const message of shown) {
        expect(violations(message)).toEqual([]);
        expect(validateMessageBlocks(message.blocks, () => true)).toBeUndefined();
        expect(JSON.stringify(message)).not.toMatch(/<!channel|<@U1/u);
      }
      expect(pictureTitle(picture).length).toBeLessThanOrEqual(200);
    }),
    { numRuns: runsOf(500) },
  );
});

it('names the channel of a picture only where it has a name', () => {
  const picture = named('checkout', '4bf92f3577b34da6', 'words');
  expect(pictureOrigin(picture, 'C0INCIDENTS')).toBe('Trace `4bf92f3577b34da6`, requested in <#C0INCIDENTS>');
  expect(pictureOrigin(picture, 'D0ALICE0000')).toBe('Trace `4bf92f3577b34da6`');
});

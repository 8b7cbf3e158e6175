import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runsOf } from '../../../support/runs.ts';
import { checked } from './block-samples.ts';

describe('the blocks of a message', () => {
  it('are judged without a crash, whatever they are', () => {
    const key = fc.constantFrom(
      'type',
      'text',
      'elements',
      'rows',
      'chart',
      'series',
      'blocks',
      'child_blocks',
      '__proto__',
    );
    const type = fc.constantFrom(
      'section',
      'actions',
      'table',
      'data_visualization',
      'container',
      'plain_text',
      'line',
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        type,
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (blocks) => {
        const refusal = checked(blocks);
        for (const { pointer } of refusal?.problems ?? []) expect(pointer).toMatch(/^\/blocks/);
      }),
      { numRuns: runsOf(1_000) },
    );
  });
});

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReplayState } from '../../../src/cli/replay.ts';
import { epochMs } from '../../../src/lib/units.ts';
import { makeTempDir } from '../../support/temp-store.ts';

const window = { start: epochMs(1_000), end: epochMs(2_000) };
const later = { start: epochMs(1_500), end: epochMs(2_500) };

let temp: Awaited<ReturnType<typeof makeTempDir>>;
beforeEach(async () => {
  temp = await makeTempDir();
});
afterEach(() => temp.dispose());

test('a new file starts with the current window, and is complete after each save', async () => {
  const file = join(temp.dir, 'progress.json');
  const state = await openReplayState(file, { command: 'a', window });
  expect([state.isResumed, state.window, state.saved('rules')]).toEqual([false, window, undefined]);
  await state.save('rules', 'half way');
  expect(await readdir(temp.dir)).toEqual(['progress.json']);
});

test('the same command continues with the window of its first run', async () => {
  const file = join(temp.dir, 'progress.json');
  await (await openReplayState(file, { command: 'a', window })).save('rules', 'half way');
  const again = await openReplayState(file, { command: 'a', window: later });
  expect([again.isResumed, again.window, again.saved('rules')]).toEqual([true, window, 'half way']);
});

test.each([
  [
    'another command',
    async (file: string) => (await openReplayState(file, { command: 'b', window })).save('rules', 'x'),
  ],
  ['something else', (file: string) => writeFile(file, '{"groups":[]}')],
  ['no JSON', (file: string) => writeFile(file, 'groups:')],
])('a file with %s is refused and not changed', async (_, write) => {
  const file = join(temp.dir, 'progress.json');
  await write(file);
  await expect(openReplayState(file, { command: 'a', window })).rejects.toThrow('Use another file');
});

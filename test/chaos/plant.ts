import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildProgram } from '../support/program.ts';

/** A replacement in the source, wherever it is found. */
interface Edit {
  readonly find: RegExp;
  readonly by: string;
}

/** A guard that is taken out. Each entry has alternatives: the first whose every edit is found is made. */
const PLANTS: Readonly<Record<string, readonly (readonly Edit[])[]>> = {
  /* What another replica holds may be taken at once. */
  fence: [
    [
      {
        find: /return !isLost && elapsed \+ LONGEST_CALL <= LEASE;/,
        by: 'return !isLost || elapsed + LONGEST_CALL <= LEASE;',
      },
      { find: /else isLost = true;/, by: 'else isLost = false;' },
      { find: /if redis\.call\('HGET', name, 'token'\) ~= ARGV\[3\] then return 0 end/g, by: '' },
    ],
  ],
  /* What may have been posted is posted again, without a look whether it is there. */
  reconcile: [
    [
      {
        find: /async find\(\{ channel, key, since, threadTs \}\) \{/,
        by: "$&\n      if (key !== '') return { kind: 'absent' };",
      },
    ],
  ],
  /* The local clock is believed, however wrong it is. */
  clock: [
    [
      {
        find: /const used = \(\): Milliseconds => [^;]*;/,
        by: 'const used = (): Milliseconds => ms(0 * (measured + CORRECTED));',
      },
    ],
  ],
  /* An evaluation that comes late overwrites what came after it. */
  order: [
    [
      {
        find: /stored\.evalTime >= evalTime && replaces === undefined\) return/,
        by: 'evalTime < 0 && replaces === undefined) return',
      },
      {
        find: /const isOurs = await store\.claimTick\(/,
        by: 'const isOurs = true || await store.claimTick(',
      },
      { find: /if stored and tonumber\(stored\) >= tonumber\(ARGV\[3\]\) and [^\n]*return 0 end/, by: '' },
    ],
  ],
};

/** Names of guards that can be taken out. */
const plantNames = (): readonly string[] => Object.keys(PLANTS);

async function sourcesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
}

/** Takes a guard out of the sources in a folder. */
async function takeOut(plant: string, folder: string): Promise<void> {
  const alternatives = PLANTS[plant];
  if (alternatives === undefined)
    throw new Error(`CHAOS_PLANT: no guard is called ${plant}; there are ${plantNames().join(', ')}.`);
  const texts = new Map<string, string>();
  for (const file of await sourcesOf(folder)) texts.set(file, await readFile(file, 'utf8'));
  for (const edits of alternatives) {
    const places = edits.map(({ find }) =>
      [...texts].filter(([, text]) => find.test(text)).map(([file]) => file),
    );
    if (places.some((files) => files.length === 0)) continue;
    for (const [index, { find, by }] of edits.entries())
      for (const file of places[index] ?? []) {
        const text = (texts.get(file) ?? '').replace(find, by);
        texts.set(file, text);
        await writeFile(file, text);
      }
    return;
  }
  throw new Error(
    `CHAOS_PLANT=${plant}: the guard is not found in src any more; name its new place in test/chaos/plant.ts.`,
  );
}

/** Builds the program in a folder, without a guard where one is named. Gives its entry. */
export const plantedProgram = (folder: string, plant: string | undefined): Promise<string> =>
  buildProgram(folder, async (sources) => {
    if (plant !== undefined) await takeOut(plant, sources);
  });

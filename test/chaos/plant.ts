import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildProgram } from '../support/program.ts';

/** A replacement in the source, wherever it is found. */
interface Edit {
  readonly find: RegExp;
  readonly by: string;
}

/** A guard that is taken out, and the faults in which its absence shows. */
interface Plant {
  readonly edits: readonly Edit[];
  readonly shows: PlantedFaults;
}

/** What a campaign without a guard is drawn from. */
export interface PlantedFaults {
  readonly kinds: readonly string[];
  /** Groups of the rule. */
  readonly copies?: number;
  /** The longest freeze, in seconds. */
  readonly longestFreeze?: number;
}

const PLANTS: Readonly<Record<string, Plant>> = {
  /* What another replica holds may be taken at once. */
  fence: {
    // Many messages wait for Slack's pace with their leases while the process stands still.
    shows: { kinds: ['freeze-at-post'], copies: 8, longestFreeze: 60 },
    edits: [
      {
        find: /return !isLost && elapsed \+ LONGEST_CALL <= LEASE;/,
        by: 'return !isLost || elapsed + LONGEST_CALL <= LEASE;',
      },
      { find: /else isLost = true;/, by: 'else isLost = false;' },
      { find: /if redis\.call\('HGET', name, 'token'\) ~= ARGV\[3\] then return 0 end/g, by: '' },
    ],
  },
  /* What may have been posted is posted again, without a look whether it is there. */
  reconcile: {
    shows: { kinds: ['kill-at-post', 'slack-lost'] },
    edits: [
      {
        find: /async find\(\{ channel, key, since, threadTs \}\) \{/,
        by: "$&\n      if (key !== '') return { kind: 'absent' };",
      },
    ],
  },
  /* The local clock is believed, however wrong it is. */
  clock: {
    shows: { kinds: ['clock', 'clock-step'] },
    edits: [
      {
        find: /const used = \(\): Milliseconds => [^;]*;/,
        by: 'const used = (): Milliseconds => ms(0 * (measured + CORRECTED));',
      },
    ],
  },
  /* An evaluation that comes late overwrites what came after it. */
  order: {
    shows: { kinds: ['freeze-at-write'], longestFreeze: 60 },
    edits: [
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
  },
};

/** Names of guards that can be taken out. */
export const plantNames = (): readonly string[] => Object.keys(PLANTS);

async function sourcesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
}

function plantOf(name: string): Plant {
  const plant = PLANTS[name];
  if (plant === undefined)
    throw new Error(`CHAOS_PLANT: no guard is called ${name}; there are ${plantNames().join(', ')}.`);
  return plant;
}

/** The faults in which the absence of a guard shows. */
export const faultsOf = (plant: string): PlantedFaults => plantOf(plant).shows;

/** Takes a guard out of the sources in a folder. */
async function takeOut(name: string, folder: string): Promise<void> {
  const texts = new Map<string, string>();
  for (const file of await sourcesOf(folder)) texts.set(file, await readFile(file, 'utf8'));
  for (const { find, by } of plantOf(name).edits) {
    const places = [...texts].filter(([, text]) => find.test(text));
    if (places.length === 0)
      throw new Error(
        `CHAOS_PLANT=${name}: ${String(find)} is not found in src any more; name its new place in test/chaos/plant.ts.`,
      );
    for (const [file, text] of places) {
      const changed = text.replace(find, by);
      texts.set(file, changed);
      await writeFile(file, changed);
    }
  }
}

/** Builds the program in a folder, without a guard where one is named. Gives its entry. */
export const plantedProgram = (folder: string, plant: string | undefined): Promise<string> =>
  buildProgram(folder, async (sources) => {
    if (plant !== undefined) await takeOut(plant, sources);
  });

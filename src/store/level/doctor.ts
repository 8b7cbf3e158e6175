import { cp, mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Diagnosis, faulty, healthy, warning } from '../../lib/diagnosis.ts';
import { errorMessage } from '../../lib/errors.ts';
import { DATABASE_FOLDER, openDatabase } from './database.ts';
import { describeHolder, holderOf, probeFolder } from './folder.ts';

const NAME = 'store';

/** Checks the folder of the embedded store. Its lock is not taken, so a bot may be running on it. */
export async function diagnoseFolder(dir: string): Promise<readonly Diagnosis[]> {
  const exists = await isFolder(dir);
  // A folder that is not there is created by the bot, in the nearest one that is.
  const place = exists ? dir : await nearestFolder(dir);
  const refused = await probeFolder(place).then(() => undefined, errorMessage);
  const space = await spaceDiagnosis(place);
  if (refused !== undefined)
    return [
      faulty(NAME, [
        `No file can be written to ${place} (${refused}).`,
        'Make DATA_DIR writable for the user of the bot, on a disk with free space.',
      ]),
      space,
    ];
  if (!exists)
    return [healthy(NAME, `The folder ${dir} (DATA_DIR) does not exist yet and can be created.`), space];
  return [...(await contentDiagnoses(dir)), space];
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

async function nearestFolder(path: string): Promise<string> {
  const parent = dirname(resolve(path));
  return parent === path || (await isFolder(parent)) ? parent : await nearestFolder(parent);
}

/** Below this LevelDB's next files may not fit: a database of 1,000 alerts has about 10 MB. */
const LITTLE_SPACE = 100 * 1_048_576;

async function spaceDiagnosis(dir: string): Promise<Diagnosis> {
  const name = 'store disk';
  const { bavail, bsize } = await statfs(dir);
  const free = `${Math.floor((bavail * bsize) / 1_048_576).toLocaleString('en-US')} MiB free.`;
  return bavail * bsize >= LITTLE_SPACE
    ? healthy(name, free)
    : warning(name, [free, 'Free some space: without any, evaluation and notification stop.']);
}

async function contentDiagnoses(dir: string): Promise<readonly Diagnosis[]> {
  const holder = await holderOf(dir);
  const asides = (await readdir(dir)).filter((name) => name.startsWith(`${DATABASE_FOLDER}.damaged-`));
  const earlier = asides.map((name) =>
    warning(NAME, [
      `An earlier database was damaged and moved to ${join(dir, name)}.`,
      'Check the disk; then delete that folder.',
    ]),
  );
  switch (holder) {
    case 'here':
      return [healthy(NAME, await describeHolder(dir)), ...earlier];
    case 'elsewhere':
      return [
        warning(NAME, [
          await describeHolder(dir),
          'If that is not the bot you are checking, set DATA_DIR to another folder.',
        ]),
        ...earlier,
      ];
    case 'nobody':
      return [await damageDiagnosis(dir), ...earlier];
  }
}

/** A copy of more would take too long. */
const MAX_COPIED = 256 * 1_048_576;

/** Opens a copy: the check of the bot's start reads the whole database, and moves it aside when it is damaged. */
async function damageDiagnosis(dir: string): Promise<Diagnosis> {
  const database = join(dir, DATABASE_FOLDER);
  if (!(await isFolder(database))) return healthy(NAME, `The folder ${dir} (DATA_DIR) is empty.`);
  const names = await readdir(database);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(database, name))).size));
  if (sizes.reduce((sum, size) => sum + size, 0) > MAX_COPIED)
    return healthy(NAME, `The folder ${dir} is not in use; it is too large to be checked here.`);
  const copy = await mkdtemp(join(tmpdir(), 'tailwatch-doctor-'));
  try {
    await cp(database, join(copy, DATABASE_FOLDER), { recursive: true });
    let damage: string | undefined;
    const opened = await openDatabase(copy, {
      error: (_, fields) => void (damage = String(fields?.['reason'])),
    });
    await opened.close();
    if (damage === undefined) return healthy(NAME, `The folder ${dir} is not in use and is intact.`);
    return faulty(NAME, [
      `The database in ${dir} is damaged: ${damage}.`,
      'Restore DATA_DIR from a backup, or start the bot: it moves the database aside and continues its open messages from Slack.',
    ]);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

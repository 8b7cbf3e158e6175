/**
 * A process that writes to an embedded store as fast as it can until it is killed, and says each thing on its standard
 * output once it is acknowledged: `open`, `applied N`, `completed ID`. Run by the crash tests with the folder as argument.
 */
import { writeSync } from 'node:fs';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anUpdate, aShown, at, GROUP, LEASE, state } from '../contract/store/fixtures.ts';

const say = (line: string): void => void writeSync(1, `${line}\n`);

const [dir = ''] = process.argv.slice(2);
const store = await openLevelStore({ dir });
say('open');

const start = ((await store.loadGroup(GROUP))?.evalTime ?? at(0)) - at(0);
for (let n = start / 1_000 + 1; ; n++) {
  const messages = ['a', 'b', 'c'].map((name) => anUpdate(`${n}${name}`));
  await store.applyEvaluation({ group: GROUP, state: state(at(n)), messages });
  say(`applied ${n}`);
  const message = await store.claimMessage({ now: at(0), lease: LEASE });
  if (message === undefined) continue;
  const { key, token, revision: syncedRevision } = message;
  await store.settleMessage({
    key,
    token,
    shown: aShown(key),
    lineKeys: [],
    failures: 0,
    dueAt: at(0),
    syncedRevision,
    isFinal: false,
  });
  say(`completed ${key}`);
}

/**
 * A process that writes to an embedded store as fast as it can until it is killed, and says each thing on its standard
 * output once it is acknowledged: `open`, `applied N`, `completed ID`. Run by the crash tests with the folder as argument.
 */
import { writeSync } from 'node:fs';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anEntry, aRef, at, GROUP, LEASE, state } from '../contract/store/fixtures.ts';

const say = (line: string): void => void writeSync(1, `${line}\n`);

const [dir = ''] = process.argv.slice(2);
const store = await openLevelStore({ dir });
say('open');

const start = ((await store.loadGroup(GROUP))?.evalTime ?? at(0)) - at(0);
for (let n = start / 1_000 + 1; ; n++) {
  const entries = ['a', 'b', 'c'].map((name) => anEntry(`${n}${name}`, { alertId: `ep-${n}${name}` }));
  await store.applyEvaluation({ group: GROUP, state: state(at(n)), entries });
  say(`applied ${n}`);
  const entry = await store.takeEntry({ now: at(0), lease: LEASE });
  if (entry === undefined) continue;
  const follow = [
    anEntry(`${entry.id}:next`, { alertId: entry.alertId, kind: 'refresh', notBefore: at(1e6) }),
  ];
  await store.completeEntry({ id: entry.id, ref: aRef(entry.alertId), follow });
  say(`completed ${entry.id}`);
}

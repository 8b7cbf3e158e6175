/**
 * A process that writes to an embedded store again and again, whether it can or not, and says on its standard output
 * what came of it: `applied N` or `failed REASON`. Run with the folder as argument.
 */
import { writeSync } from 'node:fs';
import { openLevelStore } from '../../src/adapters/level/open-level-store.ts';
import { epochMs, SECOND } from '../../src/domain/units.ts';
import { anEntry, at, GROUP, state } from '../contract/store/fixtures.ts';

const say = (line: string): void => void writeSync(1, `${line}\n`);

const [dir = ''] = process.argv.slice(2);
// Time passes so fast that the folder is opened anew at every failure.
let now = 0;
const store = await openLevelStore({ dir, clock: { now: () => epochMs((now += 10 * SECOND)) } });

for (let n = 1; ; n++) {
  const entries = [anEntry(`${n}`, { episode: `ep-${n}` })];
  try {
    say(`${await store.applyEvaluation({ group: GROUP, state: state(at(n)), entries })} ${n}`);
  } catch (error) {
    say(`failed ${store.isOpen() ? 'open' : 'not open'}: ${error instanceof Error ? error.message : ''}`);
  }
}

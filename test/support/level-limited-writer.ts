/**
 * A process that writes to an embedded store, once for each line of its standard input, and says on its standard output
 * what came of it: `applied N`, or `failed` and why. Run with the folder as argument.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { epochMs, SECOND } from '../../src/lib/units.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anUpdate, at, GROUP, state } from '../contract/store/fixtures.ts';

const say = (line: string): void => void writeSync(1, `${line}\n`);

const [dir = ''] = process.argv.slice(2);
// Time passes so fast that the folder is opened anew at every failure.
let now = 0;
const store = await openLevelStore({ dir, clock: { now: () => epochMs((now += 10 * SECOND)) } });

let n = 0;
for await (const asked of createInterface({ input: process.stdin })) {
  if (asked !== '') break;
  n += 1;
  const messages = [anUpdate(`${n}`, { at: at(n) })];
  try {
    say(`${await store.applyEvaluation({ group: GROUP, state: state(at(n)), messages })} ${n}`);
  } catch (error) {
    say(`failed ${store.isOpen() ? 'open' : 'not open'}: ${error instanceof Error ? error.message : ''}`);
  }
}

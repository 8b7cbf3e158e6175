import { benchChaos } from './chaos.ts';
import { benchCulprit } from './culprit.ts';
import { benchPlantedCulprits } from './culprit-planted.ts';
import { benchDelivery } from './delivery.ts';
import { benchExactness } from './exactness.ts';
import { benchFuzz } from './fuzz.ts';
import { benchGrowth } from './growth.ts';
import { benchLoad } from './load.ts';
import { benchPicture } from './picture.ts';
import { benchRaces } from './race-outages.ts';
import { benchStart } from './start-program.ts';
import { benchTraces } from './traces.ts';
import { benchWatch } from './watch.ts';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  watch: benchWatch,
  growth: benchGrowth,
  traces: benchTraces,
  picture: benchPicture,
  exactness: benchExactness,
  fuzz: benchFuzz,
  culprit: benchCulprit,
  planted: benchPlantedCulprits,
  chaos: benchChaos,
  race: benchRaces,
  delivery: benchDelivery,
  start: benchStart,
  load: benchLoad,
};

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0) {
  console.error(`No bench called ${unknown.join(', ')}: there are ${Object.keys(BENCHES).join(', ')}.`);
  process.exit(1);
}
for (const name of asked.length === 0 ? Object.keys(BENCHES) : asked) await BENCHES[name]?.();

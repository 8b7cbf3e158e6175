import { systemClock } from '../../../src/lib/clock.ts';
import { ms, SECOND } from '../../../src/lib/units.ts';
import { createPicturePainter } from '../../../src/waterfall/picture-painter.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { aWaterfall } from './a-waterfall.ts';

/*
 * A program of its own, so that the memory it measures is nobody else's: draws pictures, and writes by how many bytes
 * it has grown over the last hundred of them.
 */
const WARM_UP = 20;
const MEASURED = 100;

const painter = createPicturePainter({
  clock: systemClock,
  logger: createSpyLogger(),
  limit: ms(50 * SECOND),
});
const draw = async (times: number): Promise<void> => {
  for (let i = 0; i < times; i++) await painter.draw(aWaterfall());
};
await draw(WARM_UP);
const before = process.memoryUsage.rss();
await draw(MEASURED);
process.stdout.write(String(process.memoryUsage.rss() - before));
await painter.close();

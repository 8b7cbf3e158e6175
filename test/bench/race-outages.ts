import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '../../demo/mesh/random.ts';
import type { Message } from '../../demo/slack/model.ts';
import { MINUTE, SECOND } from '../../src/lib/units.ts';
import { isInstalled } from '../support/real-prometheus.ts';
import { type Bed, benchRace, quantile, startBed, untilPosted } from './race.ts';

/*
 * Twenty services turn slow at random moments and stay slow. Then what is scraped is killed, or Prometheus itself: no
 * service has recovered, so no message may say so.
 */

const SERVICES = 20;
/** The services turn slow within this time. */
const MOMENTS = MINUTE;
/** Longer than an Alertmanager takes to report a false end: 55 s after the target is killed, 220 s after Prometheus is. */
const AFTER_KILL = 5 * MINUTE;

const OUTAGES: Readonly<Record<string, (bed: Bed) => Promise<void> | void>> = {
  'target killed': ({ exporter }) => exporter.close(),
  'Prometheus killed': ({ prometheus }) => prometheus.kill(),
};

const isOver = ({ text }: Message): boolean =>
  /recovered|resolved|no longer (?:breaching|returned)/iu.test(text);

async function outage(kind: string, seed: number) {
  const random = createRandom(seed);
  const services = Array.from({ length: SERVICES }, (_, index) => `service-${index}`);
  const bed = await startBed(
    {
      title: kind,
      scrape: 15 * SECOND,
      rule: 'objective: { quantile: 0.99, below: 500ms, window: 1m }',
      policy: 'group_threshold: 0\n',
      goal: '',
    },
    services,
  );
  try {
    await wait(30 * SECOND);
    const times = await Promise.all(
      services.map(async (service) => {
        await wait(random.next() * MOMENTS);
        return await untilPosted(bed, service);
      }),
    );
    times.sort((a, b) => a - b);
    await OUTAGES[kind]?.(bed);
    await wait(AFTER_KILL);
    const all = bed.messages();
    return {
      outage: kind,
      'posted, of 20': times.length,
      'median s': quantile(times, 0.5),
      'max s': quantile(times, 1),
      'false ends in 5 min': all.filter(isOver).length,
      'say that data is missing': all.filter(({ text }) => /no data|not respond/iu.test(text)).length,
    };
  } finally {
    await bed.close();
  }
}

/** The race, and then how it ends in an outage. */
export async function benchRaces(): Promise<void> {
  await benchRace();
  if (isInstalled('prometheus')) await raceOutages();
}

/** Prints how long 20 breaches at random moments take to reach Slack, and how many are reported over by an outage alone. */
async function raceOutages(): Promise<void> {
  console.log(`\n20 breaches at random moments, then an outage (load ${loadavg()[0]?.toFixed(1)})`);
  console.table(await Promise.all(Object.keys(OUTAGES).map((kind, index) => outage(kind, index))));
}

/* eslint-disable no-process-env */
import type { RedisTopology } from '../chaos/bed.ts';
import { type CampaignOptions, runCampaign } from '../chaos/campaign.ts';
import { faultsOf, plantNames } from '../chaos/plant.ts';
import { reportText } from '../chaos/report.ts';
import { isRedisInstalled } from '../support/real-redis.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const numberOf = (name: string): number | undefined => {
  const text = process.env[name];
  if (text === undefined) return undefined;
  if (!Number.isFinite(Number(text))) throw new Error(`${name} is a number`);
  return Number(text);
};

function redisOf(text = 'server'): RedisTopology {
  if (text === 'server' || text === 'sentinel' || text === 'cluster') return text;
  throw new Error('CHAOS_REDIS is server, sentinel or cluster');
}

/**
 * Random faults on real processes. CHAOS_SEED draws the same faults again, CHAOS_SECONDS is the length (300),
 * CHAOS_FAULTS a list of kinds, CHAOS_PLANT a guard to take out, by default under the faults in which that shows, or `each`
 * for one campaign without each guard, which all have to be red; CHAOS_COPIES, CHAOS_EVERY and CHAOS_FREEZE the groups
 * of the rule, the seconds between two faults and the longest freeze, CHAOS_LOGS a folder for the logs of the replicas,
 * CHAOS_REDIS what they share: `server`, `sentinel` or `cluster`.
 */
export async function benchChaos(): Promise<void> {
  if (!isRedisInstalled()) {
    say('\nskipped: chaos: redis-server is not here: apt-get install redis-server');
    return;
  }
  // Processes that are still there end with this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const { CHAOS_PLANT: plant } = process.env;
  if (plant === 'each') {
    for (const each of plantNames()) {
      const isRed = !(await isClean(each));
      say(
        `without the guard "${each}": ${isRed ? 'red, as it has to be' : 'GREEN: the suite does not see it'}`,
      );
      if (!isRed) process.exitCode = 1;
    }
  } else if (!(await isClean(plant))) process.exitCode = 1;
}

/** Runs one campaign, and prints its report. */
async function isClean(plant: string | undefined): Promise<boolean> {
  const seed = numberOf('CHAOS_SEED') ?? Math.floor(Math.random() * 1_000_000);
  say(`\nchaos: CHAOS_SEED=${seed}${plant === undefined ? '' : `, without the guard "${plant}"`}`);
  const planted: Partial<CampaignOptions> =
    plant === undefined ? { seconds: 300 } : { seconds: 150, ...faultsOf(plant) };
  const report = await runCampaign({
    seed,
    seconds: numberOf('CHAOS_SECONDS') ?? planted.seconds ?? 0,
    kinds: process.env['CHAOS_FAULTS']?.split(',') ?? planted.kinds,
    plant,
    copies: numberOf('CHAOS_COPIES') ?? planted.copies,
    every: numberOf('CHAOS_EVERY'),
    redis: redisOf(process.env['CHAOS_REDIS']),
    logs: process.env['CHAOS_LOGS'],
    longestFreeze: numberOf('CHAOS_FREEZE') ?? planted.longestFreeze,
    say,
  });
  say(reportText(report));
  return report.findings.length + report.deaths.length === 0;
}

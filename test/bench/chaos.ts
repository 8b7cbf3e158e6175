/* eslint-disable no-process-env */
import type { RedisTopology } from '../chaos/bed.ts';
import { runCampaign } from '../chaos/campaign.ts';
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
 * CHAOS_FAULTS a list of kinds, CHAOS_PLANT a guard to take out, CHAOS_COPIES, CHAOS_EVERY and CHAOS_FREEZE the groups
 * of the rule, the seconds between two faults and the longest freeze, CHAOS_LOGS a folder for the logs of the replicas,
 * CHAOS_REDIS what they share: `server`, `sentinel` or `cluster`.
 */
export async function benchChaos(): Promise<void> {
  if (!isRedisInstalled()) {
    say('\nskipped: chaos: redis-server is not here: apt-get install redis-server');
    return;
  }
  const { CHAOS_FAULTS, CHAOS_PLANT } = process.env;
  const seed = numberOf('CHAOS_SEED') ?? Math.floor(Math.random() * 1_000_000);
  say(
    `\nchaos: CHAOS_SEED=${seed}${CHAOS_PLANT === undefined ? '' : `, without the guard "${CHAOS_PLANT}"`}`,
  );
  // Processes that are still there end with this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const report = await runCampaign({
    seed,
    seconds: numberOf('CHAOS_SECONDS') ?? 300,
    kinds: CHAOS_FAULTS?.split(','),
    plant: CHAOS_PLANT,
    copies: numberOf('CHAOS_COPIES'),
    every: numberOf('CHAOS_EVERY'),
    redis: redisOf(process.env['CHAOS_REDIS']),
    logs: process.env['CHAOS_LOGS'],
    longestFreeze: numberOf('CHAOS_FREEZE'),
    say,
  });
  say(reportText(report));
  if (report.findings.length + report.deaths.length > 0) process.exitCode = 1;
}

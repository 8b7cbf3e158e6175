import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import type { Script } from '../../demo/mesh/script.ts';
import type { Message } from '../../demo/slack/model.ts';
import { type Bot, startBot } from '../../src/bot.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { epochMs, MINUTE, ms } from '../../src/lib/units.ts';
import { readSettings } from '../../src/settings/env.ts';
import { watchCalls } from '../support/calls.ts';
import { createManualScheduler, type ManualScheduler } from '../support/manual-scheduler.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import { type Relay, startRelay } from '../support/relay.ts';
import { environmentOf, rulesIn } from '../support/stage.ts';
import { createVirtualClock, START, type VirtualClock } from '../support/virtual-clock.ts';

/** One of two bots. */
export interface Replica {
  readonly scheduler: ManualScheduler;
  /** Its line to Slack's Web API. */
  readonly slack: Relay;
  /** A replica that evaluates nothing any more but has not said goodbye: its entries stay in its hands. */
  isFrozen: boolean;
  /** Ends it where it stands: it reaches neither Redis nor Slack any more, and its time stands still. */
  kill(): Promise<void>;
}

/** Two whole bots on one Redis and one Slack, on virtual time. */
export interface Replicas {
  readonly world: DemoWorld;
  readonly redis: RealRedis;
  readonly log: readonly string[];
  readonly all: readonly Replica[];
  /** Messages of the channel that stand for themselves. */
  readonly posts: () => readonly Message[];
  /** Lets a second pass, for the world and for each replica that lives; both want every evaluation time. */
  second(): Promise<void>;
  /** Lets time pass until it holds; fails after that many virtual seconds. */
  until(what: string, holds: () => boolean, seconds?: number): Promise<void>;
  close(): Promise<void>;
}

interface RunningReplica extends Replica {
  readonly bot: Bot;
  readonly revive: () => void;
}

/** Time that can be made to stand still for one replica. */
function mortal(clock: VirtualClock) {
  let diedAt: ReturnType<Clock['now']> | undefined;
  let wake: (() => void) | undefined;
  let revived: Promise<void> = Promise.resolve();
  return {
    clock: {
      now: () => diedAt ?? clock.now(),
      sleep: async (duration, signal) => {
        await clock.sleep(duration, signal);
        await revived;
      },
    } satisfies Clock,
    die: () => {
      diedAt = clock.now();
      revived = new Promise((resolve) => {
        wake = resolve;
      });
    },
    revive: () => {
      diedAt = undefined;
      wake?.();
    },
  };
}

const portOf = (url: string): number => Number(new URL(url).port);

function through(url: string, { port }: Relay): string {
  const relayed = new URL(url);
  relayed.port = String(port);
  return relayed.href;
}

async function startReplica(given: {
  world: DemoWorld;
  redis: RealRedis;
  clock: VirtualClock;
  rulesFile: string;
  write: (line: string) => void;
}): Promise<RunningReplica> {
  const { world, redis, clock, rulesFile, write } = given;
  const slack = await startRelay(portOf(world.slackApiUrl));
  const store = await startRelay(redis.port);
  const life = mortal(clock);
  const read = readSettings({
    ...environmentOf(world),
    SLACK_APP_TOKEN: world.appToken,
    SLACK_API_URL: through(world.slackApiUrl, slack),
    REDIS_URL: through(redis.url, store),
    LOG_LEVEL: 'debug',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const scheduler = createManualScheduler(clock);
  const bot = await startBot({
    settings: read.settings,
    clock: life.clock,
    scheduler,
    host: '127.0.0.1',
    write,
    loadRules: () => rulesIn(rulesFile),
  });
  const replica: RunningReplica = {
    bot,
    scheduler,
    slack,
    isFrozen: false,
    revive: life.revive,
    async kill() {
      replica.isFrozen = true;
      life.die();
      await Promise.all([slack.cut(), store.cut(), scheduler.stop()]);
    },
  };
  return replica;
}

/** Starts a world that lives by a script, and two bots in it. */
export async function startReplicas(options: { rules: string; script: Script }): Promise<Replicas> {
  const redis = await startRealRedis({ password: 'hunter2/%secret' });
  const clock = createVirtualClock(START);
  const calls = watchCalls();
  const world = await startDemoWorld({
    clock,
    commands: SLASH_COMMANDS,
    seed: 11,
    history: ms(5 * MINUTE),
    sampling: 1,
    script: options.script,
  });
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-replicas-'));
  const rulesFile = join(folder, 'rules.yaml');
  await writeFile(rulesFile, options.rules);
  const log: string[] = [];
  const parts = { world, redis, clock, rulesFile, write: (line: string) => void log.push(line) };
  const all = [await startReplica(parts), await startReplica(parts)];

  const posts = () =>
    world.workspace
      .messages(world.workspace.channels()[0]?.id ?? '', world.readerId)
      .filter(({ threadTs }) => threadTs === undefined);
  const lives = (): readonly RunningReplica[] => all.filter(({ isFrozen }) => !isFrozen);

  async function second(): Promise<void> {
    world.advanceTo(epochMs(clock.now() + 1_000));
    const [first, ...others] = lives();
    for (const { scheduler } of others) for (const { id } of scheduler.groups()) await scheduler.fire(id);
    await first?.scheduler.run(1_000);
    await Promise.race([
      Promise.all(lives().map(({ bot }) => bot.deliver().catch(() => 0))),
      calls.stalled(),
    ]);
  }

  return {
    world,
    redis,
    log,
    all,
    posts,
    second,
    async until(what, holds, seconds = 400) {
      for (let elapsed = 0; !holds(); elapsed++) {
        if (elapsed > seconds) {
          const shown = posts().map(({ text }) => text);
          throw new Error(`${what}: it did not come\n${shown.join('\n')}`);
        }
        await second();
      }
    },
    async close() {
      for (const { revive } of all) revive();
      const over = Promise.all(all.map(({ bot }) => bot.stop())).then(() => true);
      const aMoment = async (): Promise<boolean> => {
        await clock.advance(1_000);
        await wait(2);
        return false;
      };
      while (!(await Promise.race([over, aMoment()])));
      for (const replica of all) await replica.kill();
      calls.close();
      await world.close();
      await redis.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

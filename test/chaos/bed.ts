import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import { createScriptPlayer, type Script, type ScriptedFault } from '../../demo/mesh/script.ts';
import { type EpochMs, MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import { onServer, startCluster, startSentinels } from '../support/redis-topologies.ts';
import { environmentOf } from '../support/stage.ts';
import { type Front, startFront } from './front.ts';
import { createReplica, type Replica } from './replica.ts';
import { chaosRules, ruleOf } from './rules.ts';

/** Replicas on one store that post to one channel, with their way to Prometheus and Jaeger. */
export interface Installation {
  readonly name: 'redis' | 'level';
  readonly channelId: string;
  readonly replicas: readonly Replica[];
  readonly prometheus: Front;
  readonly jaeger: Front;
  readonly redis: SharedRedis | undefined;
  /** Evaluation times that were asked for and answered, in s since 1970, by rule. */
  readonly ticks: ReadonlyMap<string, ReadonlySet<number>>;
}

/** One server, one with a replica that Sentinels promote, or a Cluster that does so itself. */
export type RedisTopology = 'server' | 'sentinel' | 'cluster';

/** The Redis that the replicas share. */
export interface SharedRedis {
  readonly url: string;
  /** The server that takes writes now. */
  master(): Promise<RealRedis>;
  close(): Promise<void>;
}

async function startSharedRedis(topology: RedisTopology): Promise<SharedRedis> {
  if (topology === 'server') {
    const server = await startRealRedis();
    return { url: server.url, master: async () => server, close: () => server.close() };
  }
  const started =
    topology === 'sentinel' ? await startSentinels() : await startCluster('{tailwatch}:version');
  const { url, master, replica } = started;
  const isMaster = async (server: RealRedis): Promise<boolean> =>
    (await onServer(server, (redis) => redis.info('replication'))).includes('role:master');
  return {
    url,
    close: () => started.close(),
    master: async () => ((await isMaster(replica)) ? replica : master),
  };
}

/** Everything that runs: one world and its installations. */
export interface Bed {
  readonly world: DemoWorld;
  readonly installations: readonly Installation[];
  /** While true the mesh's samples are late: they come all at once when it is false again. */
  isLate: boolean;
  /** Makes services slow at their times from now on. */
  play(faults: readonly ScriptedFault[]): void;
  close(): Promise<void>;
}

export interface BedOptions {
  readonly folder: string;
  readonly seed: number;
  readonly copies: number;
  /** The file that the program under test starts with. */
  readonly entry: string;
  readonly redis?: RedisTopology;
  /** A folder for the logs of the replicas. */
  readonly logs?: string;
  readonly onDeath: (replica: Replica, code: number | null) => void;
}

const CHANNELS = { redis: 'C0SHOPONCALL', level: 'C0GENERAL00' } as const;
const REPLICAS = { redis: 3, level: 1 } as const;

function noteTick(ticks: Map<string, Set<number>>, path: string, parameters: URLSearchParams): void {
  const rule = path.endsWith('/api/v1/query') ? ruleOf(parameters.get('query') ?? '') : undefined;
  const time = Number(parameters.get('time'));
  if (rule !== undefined && time > 0) ticks.set(rule, (ticks.get(rule) ?? new Set()).add(time));
}

async function install(
  name: Installation['name'],
  world: DemoWorld,
  options: BedOptions,
): Promise<Installation & { close(): Promise<void> }> {
  const ticks = new Map<string, Set<number>>();
  const prometheus = await startFront(world.prometheusUrl, (path, parameters) =>
    noteTick(ticks, path, parameters),
  );
  const jaeger = await startFront(world.jaegerUrl);
  const redis = name === 'redis' ? await startSharedRedis(options.redis ?? 'server') : undefined;
  const environment = {
    ...environmentOf(world),
    SLACK_APP_TOKEN: world.appToken,
    SLACK_CHANNEL: CHANNELS[name],
    PROMETHEUS_URL: prometheus.url,
    JAEGER_URL: jaeger.url,
    RULES_FILE: join(options.folder, 'rules.yaml'),
    // Whoever keeps the logs looks for something.
    LOG_LEVEL: options.logs === undefined ? 'info' : 'debug',
    ...(redis === undefined ? { DATA_DIR: join(options.folder, 'data') } : { REDIS_URL: redis.url }),
  };
  const replicas = await Promise.all(
    Array.from({ length: REPLICAS[name] }, (_, index) =>
      createReplica({
        name: `${name}-${index + 1}`,
        environment,
        slackApiUrl: world.slackApiUrl,
        entry: options.entry,
        control: join(options.folder, `${name}-${index + 1}.json`),
        log: options.logs === undefined ? undefined : join(options.logs, `${name}-${index + 1}.log`),
        onDeath: options.onDeath,
      }),
    ),
  );
  return {
    name,
    channelId: CHANNELS[name],
    replicas,
    prometheus,
    jaeger,
    redis,
    ticks,
    async close() {
      await Promise.all(replicas.map((each) => each.close()));
      await Promise.all([prometheus.close(), jaeger.close(), redis?.close()]);
    },
  };
}

const scriptOf = (opening: readonly ScriptedFault[]): Script => ({
  opening,
  cycle: [],
  cycleStart: ms(0),
  cycleLength: ms(MINUTE),
});

/** How often the mesh lives a little further. */
const HEARTBEAT_MS = 500;

/** Starts the world and what stands in it; the replicas do not run yet. */
export async function layBed(options: BedOptions): Promise<Bed> {
  const world = await startDemoWorld({
    clock: { now: () => Date.now() as EpochMs },
    commands: [],
    seed: options.seed,
    history: ms(2 * MINUTE),
    sampling: 0.05,
    script: scriptOf([]),
  });
  const { conversations } = world.workspace.state;
  const general = conversations.channel(CHANNELS.level);
  if (general !== undefined) conversations.changeChannel({ ...general, botIsMember: true });
  await writeFile(join(options.folder, 'rules.yaml'), chaosRules(options.copies));
  const installations = [await install('redis', world, options), await install('level', world, options)];
  let player: Pick<DemoWorld, 'advanceTo'> = world;
  const bed: Bed = {
    world,
    installations,
    isLate: false,
    play(faults) {
      const start = Date.now() as EpochMs;
      player = createScriptPlayer({ mesh: world.mesh, script: scriptOf(faults), start });
    },
    async close() {
      clearInterval(heartbeat);
      await Promise.all(installations.map((each) => each.close()));
      await world.close();
    },
  };
  const heartbeat = setInterval(() => {
    if (!bed.isLate) player.advanceTo(Date.now() as EpochMs);
  }, HEARTBEAT_MS);
  return bed;
}

/** A fault of the mesh, in seconds from the start of a campaign. */
export const scripted = (from: number, to: number, fault: ScriptedFault['fault']): ScriptedFault => ({
  title: fault.kind,
  at: ms(from * SECOND),
  until: ms(to * SECOND),
  fault,
});

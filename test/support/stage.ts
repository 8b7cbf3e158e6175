import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import type { Fault } from '../../demo/mesh/faults.ts';
import type { Script } from '../../demo/mesh/script.ts';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { type Bot, startBot } from '../../src/bot.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import type { LoadedRules } from '../../src/evaluation/rule-set-holder.ts';
import { MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { loadRuleFiles } from '../../src/rules/file/rule-file.ts';
import { readSettings } from '../../src/settings/env.ts';
import { watchCalls } from './calls.ts';
import { createManualScheduler } from './manual-scheduler.ts';
import { createVirtualClock, START, type VirtualClock } from './virtual-clock.ts';

/** The whole bot in a demo world, on virtual time: what an end-to-end test plays on. */
export interface Stage {
  readonly world: DemoWorld;
  readonly bot: Bot;
  readonly clock: VirtualClock;
  readonly channelId: string;
  /** The bot's log so far. */
  readonly log: readonly string[];
  /** What the reader sees in the channel, oldest first. */
  readonly messages: () => readonly Message[];
  /** Lets the world and the bot live, a second at a time, until it holds; fails after that many virtual seconds. */
  until(what: string, holds: () => boolean, seconds?: number): Promise<void>;
  /** Lets the world and the bot live for so many virtual seconds. */
  readonly live: (seconds: number) => Promise<void>;
  /** Types into the channel and waits for what only the reader sees. */
  readonly ask: (text: string) => Promise<Message>;
  /** The rules in its file, as the bot loads them. */
  loadRules(): Promise<LoadedRules>;
  /** Writes other rules to the file and has the bot read it, as an operator does; fails when they are refused. */
  changeRules(text: string): Promise<void>;
  /** Ends the bot and starts another one, as a deployment does: on the same data, unless they are lost with it. */
  restart(how?: { losesData: boolean; rules?: string; awaySeconds?: number }): Promise<void>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly transport: 'socket' | 'http';
  readonly script?: Script;
  readonly rules?: string;
  /** A Prometheus to ask instead of the world's own. */
  readonly prometheusUrl?: string;
  /** The share of requests that are traced; all of them when absent. */
  readonly sampling?: number;
  /** Further settings. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Nothing happens by itself. */
export const NO_FAULTS: Script = { opening: [], cycle: [], cycleStart: ms(0), cycleLength: ms(MINUTE) };

/** For a test about alerts: writing and searching the traces of all requests is most of what a stage does. */
export const FEW_TRACES = 0.01;

/** Faults at their times, in seconds from the start. */
export const played = (...faults: readonly { from: number; to: number; fault: Fault }[]): Script => ({
  ...NO_FAULTS,
  opening: faults.map(({ from, to, fault }) => ({
    title: fault.kind,
    at: ms(from * SECOND),
    until: ms(to * SECOND),
    fault,
  })),
});

/** The database of payments is slow, so checkout is, and with it frontend. */
export const SLOW_PAYMENTS: Fault = { kind: 'slow-database', service: 'payments-db', factor: 50 };

/** Looks at what is late, before it is called missing. */
const GRACE_ROUNDS = 50;
/** Real time after which an answer is not coming any more. */
const GIVE_UP_MS = 50_000;
/** The stage's time is not the machine's: whatever is slow about it is no slow bot. */
const ACKNOWLEDGE_WITHIN = ms(30 * SECOND);

/** Raises the curtain: a world with five minutes of history, and the bot connected to it. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const clock = createVirtualClock(START);
  const calls = watchCalls();
  const world = await startDemoWorld({
    clock,
    commands: SLASH_COMMANDS,
    seed: 11,
    history: ms(5 * MINUTE),
    sampling: options.sampling ?? 1,
    acknowledgeWithin: ACKNOWLEDGE_WITHIN,
    script: options.script ?? NO_FAULTS,
  });
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-e2e-'));
  const rulesFile = join(folder, 'rules.yaml');
  await writeFile(rulesFile, options.rules ?? SHOP_RULES);
  const log: string[] = [];
  const begin = () => startBotIn({ world, clock, folder, rulesFile, log, options });
  let { bot, scheduler } = await begin();
  const channelId = world.workspace.channels().find(({ name }) => `#${name}` === world.channel)?.id ?? '';
  const messages = (): readonly Message[] => world.workspace.messages(channelId, world.readerId);

  /** One virtual second: the mesh lives on, due groups are evaluated, what is to be notified is notified. */
  async function second(): Promise<void> {
    world.advanceTo((clock.now() + 1_000) as ReturnType<VirtualClock['now']>);
    await scheduler.run(1_000);
    await notified();
  }

  /** What is due now is notified, unless it sleeps or hangs; what a command began has got its answers. */
  async function notified(): Promise<void> {
    await Promise.race([bot.deliver(), calls.stalled()]);
    await calls.settled();
  }

  /** Whether it holds once what does not show as a call, a write or a frame on a socket, has had its turns. */
  async function comesWithoutTime(holds: () => boolean): Promise<boolean> {
    for (let round = 0; round < GRACE_ROUNDS && !holds(); round++) {
      await wait(10);
      await notified();
    }
    return holds();
  }

  /** What is under way may sleep on the clock, so time goes on while it is waited for. */
  async function stopBot(): Promise<void> {
    const stopped = bot.stop().then(() => true);
    const aMoment = async (): Promise<boolean> => {
      await calls.settled();
      await clock.advance(1_000);
      await wait(2);
      return false;
    };
    while (!(await Promise.race([stopped, aMoment()])));
  }

  return {
    world,
    get bot() {
      return bot;
    },
    clock,
    channelId,
    log,
    messages,
    async until(what, holds, seconds = 300) {
      for (let elapsed = 0; !holds(); elapsed++) {
        if (elapsed >= seconds) {
          if (await comesWithoutTime(holds)) break;
          throw new Error(`${what}: not within ${seconds} virtual seconds\n${log.join('')}`);
        }
        await second();
      }
      // What belongs to it, a reply below a message for instance, may be on its way still.
      await notified();
    },
    async live(seconds) {
      for (let elapsed = 0; elapsed < seconds; elapsed++) await second();
    },
    async ask(text) {
      const before = new Set(messages().map(({ ts }) => ts));
      const outcome = await world.workspace.type({ userId: world.readerId, channelId, text });
      if (!outcome.ok) throw new Error(`${text}: ${outcome.error}: ${outcome.detail}`);
      return await answerAfter({ before, messages, text, readerId: world.readerId });
    },
    loadRules: () => rulesIn(rulesFile),
    async changeRules(text) {
      await writeFile(rulesFile, text);
      const { ok, message } = await bot.reload();
      if (!ok) throw new Error(message);
    },
    async restart({ losesData, rules, awaySeconds = 0 } = { losesData: false }) {
      await stopBot();
      if (losesData) await rm(join(folder, 'data'), { recursive: true });
      if (rules !== undefined) await writeFile(rulesFile, rules);
      await clock.advance(awaySeconds * 1_000);
      world.advanceTo(clock.now());
      ({ bot, scheduler } = await begin());
    },
    async close() {
      await stopBot();
      await world.close();
      calls.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A picture comes below the answer it belongs to, after it; it may come when the next question has been asked. */
const isPicture = ({ blocks, text }: Pick<Message, 'blocks' | 'text'>): boolean =>
  blocks[0]?.type === 'image' || text.startsWith('No picture');

async function answerAfter(asked: {
  before: ReadonlySet<string>;
  messages: () => readonly Message[];
  text: string;
  readerId: string;
}): Promise<Message> {
  // An answer is for who asked, unless it is to be shared: an alert that is posted meanwhile is none.
  const isShared = asked.text.endsWith(' share');
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    const answer = asked
      .messages()
      .find(
        ({ ts, userId, blocks, text, ephemeralFor }) =>
          !asked.before.has(ts) &&
          userId === 'U0TAILWATCH' &&
          (isShared || ephemeralFor === asked.readerId) &&
          !isPicture({ blocks, text }),
      );
    if (answer !== undefined) return answer;
    await wait(2);
  }
  throw new Error(`${asked.text}: no answer`);
}

/** What every bot in a world is notified; the way Slack reaches it and its store are added. */
export const environmentOf = (world: DemoWorld) => ({
  SLACK_BOT_TOKEN: world.botToken,
  SLACK_API_URL: world.slackApiUrl,
  SLACK_CHANNEL: world.channel,
  PROMETHEUS_URL: world.prometheusUrl,
  JAEGER_URL: world.jaegerUrl,
  OPS_PORT: '0',
});

/**
 * The rules in a file, as the program loads them, under a name that is always the same: where a group's evaluation times lie
 * follows from the name of its file, and that of a temporary folder is drawn.
 */
export async function rulesIn(file: string): Promise<LoadedRules> {
  const loaded = await loadRuleFiles(['rules.yaml'], () => readFile(file, 'utf8'));
  return loaded.ok
    ? {
        ok: true,
        groups: loaded.groups,
        notes: [],
        policy: loaded.policy,
        naming: loaded.naming,
        permissions: loaded.permissions,
        uses: loaded.uses.map(({ use, group, rule, location }) => ({
          use,
          group,
          ...(rule === undefined ? {} : { key: rule.key }),
          at: `line ${location.line}`,
        })),
      }
    : { ok: false, text: loaded.errors.map(({ line, message }) => `${line}: ${message}`).join('\n') };
}

async function startBotIn(given: {
  world: DemoWorld;
  clock: VirtualClock;
  folder: string;
  rulesFile: string;
  log: string[];
  options: StageOptions;
}) {
  const { world, clock, folder, rulesFile, log, options } = given;
  const read = readSettings({
    ...environmentOf(world),
    ...(options.transport === 'socket'
      ? { SLACK_APP_TOKEN: world.appToken }
      : { SLACK_SIGNING_SECRET: world.signingSecret, SLACK_PORT: '0' }),
    ...(options.prometheusUrl === undefined ? {} : { PROMETHEUS_URL: options.prometheusUrl }),
    DATA_DIR: join(folder, 'data'),
    LOG_LEVEL: 'info',
    ...options.environment,
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const scheduler = createManualScheduler(clock);
  const bot = await startBot({
    settings: read.settings,
    clock,
    scheduler,
    host: '127.0.0.1',
    write: (line) => log.push(line),
    loadRules: () => rulesIn(rulesFile),
  });
  if (bot.slackPort !== undefined) {
    world.slack.deliverTo({ mode: 'http', requestUrl: `http://127.0.0.1:${bot.slackPort}/slack/events` });
  }
  return { bot, scheduler };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Bot, startBot } from '../src/bot.ts';
import { SLASH_COMMANDS } from '../src/commands/table.ts';
import type { LoadedRules } from '../src/evaluation/rule-set-holder.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { EpochMs } from '../src/lib/units.ts';
import type { Settings } from '../src/settings/env.ts';
import { problemsText, readSettings } from '../src/settings/env.ts';
import { type DemoWorld, startDemoWorld } from './demo-world.ts';
import { hintOf } from './hint.ts';
import { DEMO_SCRIPT } from './mesh/script.ts';
import { DEMO_RULES } from './rules.ts';

/** How often the mesh lives a little further. */
const HEARTBEAT_MS = 500;
/** Progress is printed in steps of this share. */
const PROGRESS_STEP = 0.25;

/** The settings of a bot in a demo world, read like any others. */
function demoSettings(world: DemoWorld, files: { rules: string; data: string }): Settings {
  const read = readSettings({
    SLACK_BOT_TOKEN: world.botToken,
    SLACK_APP_TOKEN: world.appToken,
    SLACK_API_URL: world.slackApiUrl,
    SLACK_CHANNEL: world.channel,
    PROMETHEUS_URL: world.prometheusUrl,
    JAEGER_URL: world.jaegerUrl,
    RULES_FILE: files.rules,
    DATA_DIR: files.data,
    OPS_PORT: '0',
    LOG_LEVEL: 'warn',
  });
  if (!read.ok) throw new Error(problemsText(read.problems));
  return read.settings;
}

/** Shows the hint of the moment, when it changes. */
function hints(world: DemoWorld, startedAt: EpochMs): () => void {
  const channelId = world.workspace.channels().find(({ name }) => `#${name}` === world.channel)?.id ?? '';
  let breachAt: EpochMs | undefined;
  let shown = '';
  return () => {
    const now = systemClock.now();
    const isPosted = (): boolean =>
      world.workspace
        .messages(channelId, world.readerId)
        .some(({ userId, ephemeralFor }) => userId !== world.readerId && ephemeralFor === undefined);
    breachAt ??= isPosted() ? now : undefined;
    const hint = hintOf({ now, startedAt, breachAt, script: DEMO_SCRIPT });
    if (hint !== shown) world.setNotice(hint);
    shown = hint;
  };
}

/**
 * Runs the main job on a simulated mesh: the world, the real bot in it, and a line on the terminal for each thing that
 * happens. State and rules live in a temporary folder, which `close` removes.
 */
export async function runDemo(options: {
  port: number;
  say: (text: string) => void;
  loadRules: (paths: readonly string[]) => Promise<LoadedRules>;
}): Promise<{ readonly bot: Bot; readonly close: () => Promise<void> }> {
  const { say } = options;
  say('Starting the mesh, Prometheus, Jaeger and Slack; the past hour is being made ...');
  let printed = 0;
  const world = await startDemoWorld({
    clock: systemClock,
    commands: SLASH_COMMANDS,
    port: options.port,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    onProgress: async (share) => {
      const reached = Math.floor(share / PROGRESS_STEP);
      if (reached > printed) say(`  ${String(Math.round(reached * PROGRESS_STEP * 100)).padStart(3)}%`);
      printed = reached;
      await nextTurn();
    },
    onCue: ({ change, scripted }) => say(`mesh: ${scripted.title} (${change})`),
    onServing: ({ pageUrl }) => say(`\n  Open ${pageUrl}\n`),
  });
  const startedAt = systemClock.now();
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-demo-'));
  const files = { rules: join(folder, 'rules.yaml'), data: join(folder, 'data') };
  await writeFile(files.rules, DEMO_RULES);
  const settings = demoSettings(world, files);
  const bot = await startBot({
    settings,
    host: '127.0.0.1',
    loadRules: () => options.loadRules([files.rules]),
  });
  const showHint = hints(world, startedAt);
  const heartbeat = setInterval(() => {
    world.advanceTo(systemClock.now());
    showHint();
  }, HEARTBEAT_MS);
  say(
    `The bot is in ${world.channel}. Within a minute payments breaches and slows its callers; later it recovers. Ctrl-C ends everything.`,
  );
  say(
    `Rules: ${files.rules} (edit them, then: kill -HUP ${process.pid}). Metrics: http://127.0.0.1:${bot.opsPort}/metrics`,
  );
  return {
    bot,
    close: async () => {
      clearInterval(heartbeat);
      await world.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

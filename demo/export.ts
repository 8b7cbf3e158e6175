import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { SLASH_COMMANDS } from '../src/commands/table.ts';
import { systemClock } from '../src/lib/clock.ts';
import { exportMesh } from './export-mesh.ts';

const ADVANCE_EVERY_MS = 500;

const program = new Command('export')
  .description('Run the simulated mesh for a Prometheus and a Jaeger of your own, with a Slack workspace.')
  .requiredOption('--otlp <url>', 'OTLP/HTTP endpoint for the spans, like http://jaeger:4318')
  .option('--metrics-port <port>', 'port of /metrics', Number, 9500)
  .option('--slack-port <port>', 'port of the Slack workspace and its page', Number, 8080)
  .option('--host <address>', 'interface to listen on', '127.0.0.1')
  .action(async (options: { otlp: string; metricsPort: number; slackPort: number; host: string }) => {
    const say = (text: string): void => void process.stdout.write(`${text}\n`);
    const mesh = await exportMesh({ ...options, clock: systemClock, commands: SLASH_COMMANDS, say });
    say(`Slack: ${mesh.pageUrl}  metrics: ${mesh.metricsUrl}`);
    const ended = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
    while (!ended.signal.aborted) {
      await mesh.advanceTo(systemClock.now());
      await delay(ADVANCE_EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
    await mesh.close();
  });

await program.parseAsync();

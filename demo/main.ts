import { Command, InvalidArgumentError } from 'commander';
import { loadRules } from '../src/cli/rule-files.ts';
import { handleSignals } from '../src/cli/signals.ts';
import { runDemo } from './run-demo.ts';

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 0 (any free one) to 65535.');
}

const program = new Command('demo')
  .description('Run the bot on a simulated mesh, with a Slack workspace in the browser.')
  .option('--port <port>', 'port of the page, on 127.0.0.1', portNumber, 8080)
  .action(async ({ port }: { port: number }) => {
    try {
      const { bot, close } = await runDemo({
        port,
        say: (text) => void process.stdout.write(`${text}\n`),
        loadRules,
      });
      handleSignals().attach(bot, close);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
      process.stderr.write(`Port ${port} is in use. Choose another one: \`npm run demo -- --port 8081\`.\n`);
      process.exit(1);
    }
  });

await program.parseAsync();

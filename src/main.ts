#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { AgainstOptions, CheckOptions } from './cli/check.ts';
import { ruleErrorsText } from './cli/check-report.ts';
import { loadRules, noFiles, readText } from './cli/load-rules.ts';
import type { ReplayOptions } from './cli/replay.ts';
import { rulePaths } from './cli/rule-paths.ts';
import { obeySignals } from './cli/signals.ts';
import { webAddress } from './cli/web-address.ts';
import type { WhyOptions } from './cli/why.ts';
import { RuleFilesError, UpstreamError } from './lib/errors.ts';
import { convertText, SLO_TOOLS, type SloTool } from './rules/convert/convert.ts';
import { EXIT_CONFIG, problemsText, processEnvironment, readSettings } from './settings/env.ts';
import { parseHeaders, proxyAdvice, proxySettings } from './settings/values.ts';

/*
 * What a command needs is loaded when it is given: a rule file is checked, and a slip of the hand answered, without
 * waiting for the parts of a bot.
 */

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

/** What kept the bot from starting, and what to do about it. */
function explained(error: unknown): string {
  if (error instanceof RuleFilesError) return `Invalid rule files (RULES_FILE):\n\n${error.message}`;
  if (error instanceof UpstreamError) return `${error.message} ${error.advice}`;
  return error instanceof Error ? error.message : String(error);
}

async function run(): Promise<void> {
  const read = readSettings(processEnvironment());
  if (read.warnings.length > 0) complain(problemsText(read.warnings));
  if (!read.ok) {
    complain(`Invalid settings:\n\n${problemsText(read.problems)}`);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const { settings } = read;
  const signals = obeySignals();
  try {
    const { startBot } = await import('./bot.ts');
    await startBot({ settings, loadRules: () => loadRules(settings.rulesFiles), onRunning: signals.attach });
  } catch (error) {
    // The start broke off because the bot was notified to end; whoever notified it sees to the exit code.
    if (signals.isStopping()) return;
    complain(explained(error));
    process.exit(error instanceof RuleFilesError ? EXIT_CONFIG : 1);
  }
}

async function check(given: readonly string[], options: CheckOptions): Promise<void> {
  const files = await rulePaths(given);
  if (files.length === 0) {
    // A folder that was mistyped must not pass for rules without mistakes.
    complain(noFiles(given));
    process.exitCode = 1;
    return;
  }
  const io = { readFile: readText, against: await againstOptions() };
  const { checkCommand } = await import('./cli/check.ts');
  const { text, exitCode } = await checkCommand(files, options, io);
  say(text);
  process.exitCode = exitCode;
}

/** How the Prometheus of `--against` is reached: with the headers and the proxy that the bot would use. */
async function againstOptions(): Promise<AgainstOptions> {
  const { PROMETHEUS_HEADERS = '', HTTP_PROXY, HTTPS_PROXY, NO_PROXY } = processEnvironment();
  const read = parseHeaders(PROMETHEUS_HEADERS);
  if (!read.ok) return program.error(`error: PROMETHEUS_HEADERS: ${read.problem}`);
  for (const [name, value] of Object.entries({ HTTP_PROXY, HTTPS_PROXY })) {
    const advice = value === undefined ? undefined : proxyAdvice(value);
    if (advice !== undefined) program.error(`error: ${name}: ${advice}`);
  }
  const { createProxyFor } = await import('./http/proxy.ts');
  const proxyFor = createProxyFor(proxySettings({ HTTP_PROXY, HTTPS_PROXY, NO_PROXY }));
  return { headers: read.headers, proxyFor };
}

async function replay(files: readonly string[], options: ReplayOptions): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const { replayCommand } = await import('./cli/replay.ts');
  process.exitCode = await replayCommand(files, options, {
    loadRules,
    say,
    complain,
    against: await againstOptions(),
    signal: interrupted.signal,
    draw: process.stderr.isTTY ? (bar: string) => void process.stderr.write(bar) : undefined,
  });
}

async function convert(file: string, { from }: { from?: SloTool }): Promise<void> {
  const converted = await readText(file).then(
    (text) => convertText(file, text, from),
    (error: unknown) => ({ ok: false as const, reason: `${file} cannot be read: ${explained(error)}` }),
  );
  if (converted.ok) {
    process.stdout.write(converted.yaml);
    return;
  }
  complain('reason' in converted ? converted.reason : ruleErrorsText(converted.errors));
  process.exitCode = 1;
}

async function why(options: WhyOptions): Promise<void> {
  const { TraceFileError, whyCommand } = await import('./cli/why.ts');
  try {
    say(await whyCommand(options));
  } catch (error) {
    if (!(error instanceof TraceFileError)) throw error;
    complain(error.message);
    process.exitCode = 1;
  }
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('tailwatch')
  .description(
    'Watches latency SLOs, posts each breach to Slack with its proof, and finds the slowest traces.',
  )
  .version(version);
program
  .command('run', { isDefault: true })
  .description('run the bot; settings come from the environment')
  // What no sub-command is called by arrives here: a slip of the hand must not start a bot.
  .allowExcessArguments()
  .action(async (_options: unknown, command: Command) => {
    const [unknown] = command.args;
    if (unknown !== undefined) command.error(`error: unknown command '${unknown}'; see tailwatch --help`);
    await run();
  });
program
  .command('check')
  .description('find mistakes in rule files')
  .argument('<files...>', 'rule files, or folders of them')
  .option(
    '--against <url>',
    'ask this Prometheus for metrics, services and bucket bounds, and what the rules cost it; PROMETHEUS_HEADERS is sent along',
    webAddress,
  )
  .option('--strict', 'let warnings fail the check')
  .action(check);
program
  .command('replay')
  .description('run rules over the past, to see what they would have done')
  .argument('<files...>', 'rule files, or folders of them')
  .requiredOption(
    '--against <url>',
    'the Prometheus that holds the past; PROMETHEUS_HEADERS is sent along',
    webAddress,
  )
  .option('--from <time>', 'from when: -30d, -6h, or an instant like 2026-11-01T00:00:00Z', '-30d')
  .option('--to <time>', 'until when', 'now')
  .option('--step <duration>', "evaluate this often in place of the groups' own intervals")
  .option('--timezone <zone>', 'zone of the nights, like Europe/Vienna', 'UTC')
  .option('--compare <file>', 'run these rules too, and show both side by side')
  .option('--resume <file>', 'keep the progress here, and go on from it after an interruption')
  .option('--json', 'print the report for a program')
  .action(replay);
program
  .command('convert')
  .description('turn an SLO document of another tool into a rule file, on standard output')
  .argument('<file>', 'a document of Sloth, Pyrra or OpenSLO')
  .addOption(new Option('--from <tool>', 'whose it is, where the document does not tell').choices(SLO_TOOLS))
  .action(convert);
program
  .command('why')
  .description(
    'compare exported slow and normal traces of one endpoint, and name the service that made it slow',
  )
  .requiredOption('--slow <file>', 'slow traces, as Jaeger JSON')
  .requiredOption('--normal <file>', 'normal traces of the same endpoint, as Jaeger JSON')
  .option('--json', 'print the result as JSON')
  .action(why);
await program.parseAsync();

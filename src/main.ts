#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { webAddress } from './cli/arguments.ts';
import type { AgainstOptions, CheckOptions } from './cli/check.ts';
import { CHECK_FORMATS } from './cli/check-format.ts';
import type { DoctorOptions } from './cli/doctor.ts';
import type { ReplayOptions } from './cli/replay.ts';
import { loadRules, noFiles, readText, ruleErrorsText, rulePaths } from './cli/rule-files.ts';
import type { LedgerOptions, OpsAddress, TestNotificationOptions } from './cli/running-bot.ts';
import { handleSignals } from './cli/signals.ts';
import type { TraceOptions, WhyOptions } from './cli/trace.ts';
import type { LoadedRules } from './evaluation/rule-set-holder.ts';
import { errorMessage, explanationOf, RuleFilesError, UpstreamError } from './lib/errors.ts';
import { convertText, SLO_TOOLS, type SloTool } from './rules/convert/convert.ts';
import {
  EXIT_CONFIG,
  problemsText,
  processEnvironment,
  readSettings,
  withSecretFiles,
} from './settings/env.ts';
import { parseHeaders, proxyAdvice, proxySettings } from './settings/values.ts';
import { defaultOf } from './settings/variables.ts';

/*
 * The modules of a command are imported when it runs: checking a rule file or printing a usage error does not load the bot.
 */

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const printError = (text: string): void => void process.stderr.write(`${text}\n`);

/** Why the bot did not start, and what to do. */
function explained(error: unknown): string {
  if (error instanceof RuleFilesError) return `Invalid rule files (RULES_FILE):\n\n${error.message}`;
  if (error instanceof UpstreamError) return explanationOf(error);
  return errorMessage(error);
}

async function run(): Promise<void> {
  const read = readSettings(processEnvironment());
  if (!read.ok) {
    if (read.warnings.length > 0) printError(problemsText(read.warnings));
    printError(`Invalid settings:\n\n${problemsText(read.problems)}`);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const { settings, warnings } = read;
  const signals = handleSignals();
  try {
    const { startBot } = await import('./bot.ts');
    const allowsEmpty = settings.alertmanager !== undefined;
    const load = (): Promise<LoadedRules> => loadRules(settings.rulesFiles, { allowsEmpty });
    await startBot({ settings, warnings, loadRules: load, onRunning: signals.attach });
  } catch (error) {
    // A signal stopped the bot during its start: its handler sets the exit code.
    if (signals.isStopping()) return;
    printError(explained(error));
    process.exit(isConfiguration(error) ? EXIT_CONFIG : 1);
  }
}

/** A start with the same configuration fails again. A folder that another process holds is free when that one ends. */
const isConfiguration = (error: unknown): boolean =>
  error instanceof RuleFilesError ||
  (error instanceof UpstreamError && error.system === 'store' && error.code === 'not-authenticated');

async function check(given: readonly string[], options: CheckOptions): Promise<void> {
  const files = await rulePaths(given);
  if (files.length === 0) {
    // A misspelled directory must not pass the check.
    printError(noFiles(given));
    process.exitCode = 1;
    return;
  }
  const io = { readFile: readText, against: await againstOptions() };
  const { checkCommand } = await import('./cli/check.ts');
  const { text, exitCode } = await checkCommand(files, options, io);
  print(text);
  process.exitCode = exitCode;
}

/** The headers and the proxy for the Prometheus of `--against`: those that the bot would use. */
async function againstOptions(): Promise<AgainstOptions> {
  const { environment, problems } = withSecretFiles(processEnvironment());
  const unread = problems.find(({ variable }) => /^(?:PROMETHEUS|HTTPS?_PROXY)/.test(variable));
  if (unread !== undefined) return program.error(`error: ${problemsText([unread])}`);
  const { PROMETHEUS_HEADERS = '', HTTP_PROXY, HTTPS_PROXY, NO_PROXY } = environment;
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
    print,
    printError,
    against: await againstOptions(),
    signal: interrupted.signal,
    draw: process.stderr.isTTY ? (bar: string) => void process.stderr.write(bar) : undefined,
  });
}

async function convert(file: string, { from }: { from?: SloTool }): Promise<void> {
  const converted = await readText(file).then(
    (text) => convertText(file, text, from),
    (error: unknown) => ({ ok: false as const, reason: `Cannot read ${file}: ${explained(error)}` }),
  );
  if (converted.ok) {
    process.stdout.write(converted.yaml);
    return;
  }
  printError('reason' in converted ? converted.reason : ruleErrorsText(converted.errors));
  process.exitCode = 1;
}

async function trace(file: string, options: TraceOptions): Promise<void> {
  const { traceCommand } = await import('./cli/trace.ts');
  await printFromFiles(() => traceCommand(file, options));
}

async function why(options: WhyOptions): Promise<void> {
  const { whyCommand } = await import('./cli/trace.ts');
  await printFromFiles(() => whyCommand(options));
}

async function ledger(options: LedgerOptions): Promise<void> {
  const { ledgerCommand } = await import('./cli/running-bot.ts');
  await ofRunningBot(async (address) => print(await ledgerCommand(address, options)));
}

async function testNotification(options: TestNotificationOptions): Promise<void> {
  const { testNotificationCommand } = await import('./cli/running-bot.ts');
  await ofRunningBot(async (address) => {
    const { text, exitCode } = await testNotificationCommand(address, options);
    print(text);
    process.exitCode = exitCode;
  });
}

/** Runs a command that needs the bot that runs on this machine. */
async function ofRunningBot(run: (address: OpsAddress) => Promise<void>): Promise<void> {
  const { RunningBotError } = await import('./cli/running-bot.ts');
  const { environment } = withSecretFiles(processEnvironment());
  const { OPS_PORT: port = defaultOf('OPS_PORT'), OPS_HOST, OPS_TOKEN: token } = environment;
  const host = OPS_HOST === undefined || OPS_HOST === '0.0.0.0' ? '127.0.0.1' : OPS_HOST;
  try {
    await run({ host, port, token });
  } catch (error) {
    if (!(error instanceof RunningBotError)) throw error;
    printError(error.message);
    process.exitCode = 1;
  }
}

async function doctor(options: DoctorOptions): Promise<void> {
  const { doctorCommand } = await import('./cli/doctor.ts');
  const { text, exitCode } = await doctorCommand(readSettings(processEnvironment()), loadRules, options);
  print(text);
  process.exitCode = exitCode;
}

async function printFromFiles(run: () => Promise<string>): Promise<void> {
  const { TraceFileError } = await import('./cli/trace.ts');
  try {
    print(await run());
  } catch (error) {
    if (!(error instanceof TraceFileError)) throw error;
    printError(error.message);
    process.exitCode = 1;
  }
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('tailwatch')
  .description(
    'Evaluates latency SLOs, posts each breach to Slack with the evidence, and finds the slowest traces.',
  )
  .version(version);
program
  .command('run', { isDefault: true })
  .description('run the bot; settings are environment variables')
  // An unknown command is an argument of the default one: a typo must not start the bot.
  .allowExcessArguments()
  .action(async (_options: unknown, command: Command) => {
    const [unknown] = command.args;
    if (unknown !== undefined) command.error(`error: unknown command '${unknown}'; see tailwatch --help`);
    await run();
  });
program
  .command('check')
  .description('check rule files for errors')
  .argument('<files...>', 'rule files or directories')
  .option(
    '--against <url>',
    'check metrics, services, bucket bounds and query cost in this Prometheus; sends PROMETHEUS_HEADERS',
    webAddress,
  )
  .option('--strict', 'fail on warnings')
  .option('--allow-empty', 'accept files without rules')
  .addOption(new Option('--format <format>', 'output format').choices(CHECK_FORMATS).default('text'))
  .action(check);
program
  .command('schema')
  .description('print a JSON schema of the rule file, for editors')
  .action(async () => {
    const { ruleFileSchema } = await import('./rules/file/json-schema.ts');
    print(JSON.stringify(ruleFileSchema(), undefined, 2));
  });
program
  .command('replay')
  .description('backtest rules on past data')
  .argument('<files...>', 'rule files or directories')
  .requiredOption('--against <url>', 'the Prometheus with the data; sends PROMETHEUS_HEADERS', webAddress)
  .option('--from <time>', 'start: -30d, -6h, or a time like 2026-11-01T00:00:00Z', '-30d')
  .option('--to <time>', 'end', 'now')
  .option('--step <duration>', "evaluation interval, instead of the groups' own")
  .option('--timezone <zone>', 'time zone of the nights, like Europe/Vienna', 'UTC')
  .option('--compare <file>', 'backtest these rules too and show both side by side')
  .option('--resume <file>', 'save the progress to this file and resume from it')
  .option('--json', 'print the report as JSON')
  .action(replay);
program
  .command('convert')
  .description('convert an SLO document of another tool to a rule file on standard output')
  .argument('<file>', 'a Sloth, Pyrra or OpenSLO document')
  .addOption(new Option('--from <tool>', 'the tool, if the document does not name it').choices(SLO_TOOLS))
  .action(convert);
program
  .command('trace')
  .description('explain an exported trace: critical path, network, retries, errors; of several, the slowest')
  .argument('<file>', 'traces as JSON from Jaeger, Tempo or OTLP, also gzip')
  .option('--id <id>', 'the trace, by its id or the start of it')
  .option('--json', 'print the result as JSON; durations in microseconds')
  .option('--picture <file>', 'draw the waterfall into this PNG file')
  .action(trace);
program
  .command('why')
  .description(
    'compare exported slow and normal traces of one endpoint, and name the service that made it slow',
  )
  .requiredOption(
    '--slow <path>',
    'slow traces: a file of JSON from Jaeger, Tempo or OTLP, or a folder of such files',
  )
  .requiredOption('--normal <path>', 'normal traces of the same endpoint')
  .option('--json', 'print the result as JSON')
  .action(why);
program
  .command('doctor')
  .description('check Slack, Prometheus, Jaeger, the store and the rules with the settings of the bot')
  .addOption(new Option('--format <format>', 'output format').choices(['text', 'json']).default('text'))
  .action(doctor);
program
  .command('ledger')
  .description('print what the running bot posted and who did what, the oldest first')
  .option('--json', 'print each entry as a JSON document on a line')
  .action(ledger);
program
  .command('test-notification')
  .description('let the running bot post a sample breach, marked TEST; it closes by itself after 5 minutes')
  .option('--channel <channel>', 'post there instead of where the routes say')
  .option('--service <service>', 'the service; by default the first one that a rule has')
  .option('--mention', 'mention whom a real breach would mention')
  .action(testNotification);
await program.parseAsync();

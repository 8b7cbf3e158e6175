import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { createReplay, type ReplayReport, type ReplayRequest } from '../evaluation/replay/replay.ts';
import { DEFAULT_CHANNEL, type HourOfMessages, type RuleTally } from '../evaluation/replay/tally.ts';
import type { LoadedRules } from '../evaluation/rule-set-holder.ts';
import { createHttpClient } from '../http/http-client.ts';
import { systemClock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import {
  between,
  type EpochMs,
  epochMs,
  formatDuration,
  MINUTE,
  ms,
  type TimeWindow,
  utcTime,
} from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import { createTelemetry } from '../ops/metrics.ts';
import { createLocalTime } from '../policy/time-interval.ts';
import { createPrometheusMetrics } from '../prometheus/prometheus-metrics.ts';
import { expandTemplate } from '../rules/template/template.ts';
import { checkTimezone, stepOption, UsageError, windowOption } from './arguments.ts';
import type { AgainstOptions } from './check.ts';

/** Options of `tailwatch replay` as they were typed. */
export interface ReplayOptions {
  readonly against: string;
  readonly from: string;
  readonly to: string;
  readonly timezone: string;
  readonly step?: string;
  readonly compare?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

export interface ReplayIo {
  readonly loadRules: (given: readonly string[]) => Promise<LoadedRules>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** Draws the progress bar; absent without a terminal. */
  readonly draw?: (bar: string) => void;
  readonly against: AgainstOptions;
  readonly signal: AbortSignal;
}

/** The content of the `--resume` file: the window of the first run, and the progress of each set of rules. */
const stateSchema = z.object({
  version: z.literal(1),
  /** The arguments of the command: another command must not continue here. */
  command: z.string(),
  start: z.number(),
  end: z.number(),
  progress: z.record(z.string(), z.string()),
});

type State = z.infer<typeof stateSchema>;

/** The progress of a replay, in a file with `--resume`. */
export interface ReplayState {
  readonly window: TimeWindow;
  /** Whether an earlier run is continued. */
  readonly isResumed: boolean;
  readonly saved: (which: string) => string | undefined;
  readonly save: (which: string, progress: string) => Promise<void>;
}

async function readState(file: string): Promise<State | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${file} is not a replay state. Use another file for --resume.`);
  }
}

/**
 * Opens the state in a file, or starts a new one. Each save replaces the whole file, so that an interruption at any time
 * leaves the state before it.
 * @throws UsageError when the file belongs to another command.
 */
export async function openReplayState(
  file: string,
  { command, window }: { readonly command: string; readonly window: TimeWindow },
): Promise<ReplayState> {
  const found = await readState(file);
  if (found !== undefined && found.command !== command)
    throw new UsageError(
      `${file} is the state of a replay with other arguments. Use another file for --resume, or delete it.`,
    );
  const state: State = found ?? { version: 1, command, ...window, progress: {} };
  return {
    window: { start: epochMs(state.start), end: epochMs(state.end) },
    isResumed: found !== undefined,
    saved: (which) => state.progress[which],
    save: async (which, progress) => {
      state.progress[which] = progress;
      const next = `${file}.new`;
      await writeFile(next, JSON.stringify(state));
      await rename(next, file);
    },
  };
}

async function stateOf(files: readonly string[], options: ReplayOptions): Promise<ReplayState> {
  const window = windowOption(options, systemClock.now());
  const { resume, json: _json, ...rest } = options;
  return resume === undefined
    ? { window, isResumed: false, saved: () => undefined, save: async () => undefined }
    : await openReplayState(resume, { command: JSON.stringify([files, rest]), window });
}

type Rules = Pick<ReplayRequest, 'groups' | 'policy'>;

async function rulesOf(io: ReplayIo, files: readonly string[]): Promise<Rules> {
  const loaded = await io.loadRules(files);
  if (!loaded.ok) throw new UsageError(loaded.text);
  const { groups, policy } = loaded;
  return { groups, policy };
}

function sources(url: string, options: AgainstOptions) {
  const { recorder } = createTelemetry();
  const logger = createLogger({
    level: 'error',
    secrets: [],
    write: (line) => void process.stderr.write(line),
  });
  const http = createHttpClient({ system: 'prometheus', baseUrl: url, ...options });
  const metrics = createPrometheusMetrics({ http, deadline: MINUTE, logger });
  return { http, metrics, recorder, logger };
}

async function runReplays(files: readonly string[], options: ReplayOptions, io: ReplayIo): Promise<void> {
  const { timezone } = options;
  checkTimezone(timezone);
  const step = stepOption(options.step);
  const state = await stateOf(files, options);
  const rules = await rulesOf(io, files);
  const compared = options.compare === undefined ? undefined : await rulesOf(io, [options.compare]);
  if (state.isResumed) io.printError(`Resuming the replay in ${options.resume}.`);
  const { http, ...parts } = sources(options.against, io.against);
  const localTime = createLocalTime();
  const replay = createReplay({ ...parts, clock: systemClock, expand: expandTemplate, localTime });
  const run = (which: 'rules' | 'compare', set: Rules): Promise<ReplayReport> =>
    replay({
      ...set,
      window: state.window,
      timezone,
      step,
      saved: state.saved(which),
      signal: io.signal,
      save: (progress) => state.save(which, progress),
      onProgress: (evalTimes) => io.draw?.(progressBar(evalTimes)),
    });
  try {
    const reports = {
      rules: await run('rules', rules),
      compare: compared === undefined ? undefined : await run('compare', compared),
    };
    io.draw?.('\n');
    io.print(options.json === true ? replayJson(reports) : replayText(reports));
  } finally {
    http.close();
  }
}

/** Runs `tailwatch replay` and returns the exit code. */
export async function replayCommand(
  files: readonly string[],
  options: ReplayOptions,
  io: ReplayIo,
): Promise<number> {
  try {
    await runReplays(files, options, io);
    return 0;
  } catch (error) {
    io.draw?.('\n');
    if (io.signal.aborted) {
      const hint = options.resume === undefined ? 'Use --resume FILE' : 'Run the same command again';
      io.printError(`Interrupted. ${hint} to continue an interrupted replay.`);
      return 130;
    }
    if (error instanceof UpstreamError) io.printError(`${error.message}\n${error.advice}`);
    else if (error instanceof UsageError) io.printError(error.message);
    else throw error;
    return 1;
  }
}

/** The report of one set of rules, or of two to compare. */
export interface ReplayReports {
  readonly rules: ReplayReport;
  readonly compare?: ReplayReport;
}

/** Hours shown for a channel; the JSON has all of them. */
const BUSIEST_SHOWN = 3;

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

const hourText = (at: EpochMs): string => utcTime(at).slice(0, 16);

const COLUMNS = [
  ['alerts', (tally: RuleTally) => tally.alerts],
  ['minutes firing', (tally: RuleTally) => tally.minutesFiring],
  ['flaps', (tally: RuleTally) => tally.flaps],
  ['messages', (tally: RuleTally) => tally.messages],
  ['replies', (tally: RuleTally) => tally.replies],
  ['failed', (tally: RuleTally) => tally.failedEvaluations],
] as const;

type Numbers = readonly number[];

const numbersOf = (tally: RuleTally): Numbers => COLUMNS.map(([, read]) => read(tally));

const sumOf = ({ rules }: ReplayReport): Numbers =>
  COLUMNS.map(([, read]) => rules.reduce((sum, r) => sum + read(r), 0));

/** Aligns columns: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

const nameOf = ({ group, rule }: RuleTally): string => (group === rule ? rule : `${group} / ${rule}`);

/** A cell of one report, or of two: `12 -> 3`. */
const cell = (first: number | undefined, second: number | undefined, isPair: boolean): string => {
  const text = (value: number | undefined): string => (value === undefined ? '-' : grouped(value));
  return isPair ? `${text(first)} -> ${text(second)}` : text(first);
};

function ruleTable({ rules, compare }: ReplayReports): string {
  const first = new Map(rules.rules.map((tally) => [nameOf(tally), numbersOf(tally)]));
  const second = new Map((compare?.rules ?? []).map((tally) => [nameOf(tally), numbersOf(tally)]));
  const isPair = compare !== undefined;
  const row = (name: string, one: Numbers | undefined, other: Numbers | undefined): readonly string[] => [
    name,
    ...COLUMNS.map((_, i) => cell(one?.[i], other?.[i], isPair)),
  ];
  const names = [...new Set([...first.keys(), ...second.keys()])];
  return table([
    ['rule', ...COLUMNS.map(([title]) => title)],
    ...names.map((name) => row(name, first.get(name), second.get(name))),
    row('all', sumOf(rules), compare === undefined ? undefined : sumOf(compare)),
  ]);
}

function channelText(channel: string, hours: readonly HourOfMessages[]): string {
  const total = hours.reduce((sum, { messages }) => sum + messages, 0);
  const busiest = [...hours]
    .sort((a, b) => b.messages - a.messages || a.hour - b.hour)
    .slice(0, BUSIEST_SHOWN);
  const shown = busiest.map(
    ({ hour, messages }) => `${grouped(messages)} in the hour from ${hourText(hour)}`,
  );
  return `${channel === DEFAULT_CHANNEL ? 'the default channel' : channel}: ${grouped(total)} messages (most: ${shown.join(', ')})`;
}

function channelsText({ hours }: ReplayReport): readonly string[] {
  const channels = [...new Set(hours.map(({ channel }) => channel))];
  if (channels.length === 0) return ['no messages'];
  return channels.map((channel) =>
    channelText(
      channel,
      hours.filter((each) => each.channel === channel),
    ),
  );
}

const percent = ({ nightsInterrupted, nights }: ReplayReport): number =>
  nights === 0 ? 0 : (100 * nightsInterrupted) / nights;

const nightsText = (report: ReplayReport): string =>
  `nights interrupted: ${report.nightsInterrupted} of ${report.nights}, ${grouped(percent(report))}% (22:00 to 06:00 ${report.timezone})`;

const headline = ({ window, evaluations }: ReplayReport): string => {
  const length = formatDuration(ms(Math.round(between(window.start, window.end) / MINUTE) * MINUTE));
  return `${hourText(window.start)} to ${hourText(window.end)} UTC (${length}), ${grouped(evaluations)} group evaluations`;
};

const summary = (report: ReplayReport): readonly string[] => [...channelsText(report), nightsText(report)];

const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`);

/** The report as text; of two reports, the second value is after the arrow. */
export function replayText(reports: ReplayReports): string {
  const { rules, compare } = reports;
  const ends =
    compare === undefined
      ? summary(rules)
      : ['before:', ...indented(summary(rules)), 'after:', ...indented(summary(compare))];
  const notes = [...new Set([...rules.notes, ...(compare?.notes ?? [])])].map((note) => `note: ${note}`);
  return [headline(rules), '', ruleTable(reports), '', ...ends, ...notes].join('\n');
}

function jsonOf(report: ReplayReport) {
  const { window, hours, ...rest } = report;
  return {
    from: utcTime(window.start),
    to: utcTime(window.end),
    ...rest,
    percentOfNightsInterrupted: percent(report),
    hours: hours.map(({ hour, ...each }) => ({ ...each, hour: utcTime(hour) })),
  };
}

/** The report as JSON. */
export function replayJson({ rules, compare }: ReplayReports): string {
  return JSON.stringify(
    { rules: jsonOf(rules), compare: compare === undefined ? undefined : jsonOf(compare) },
    null,
    2,
  );
}

/** A progress bar that overwrites the last one in a terminal. */
export function progressBar({ done, total }: { readonly done: number; readonly total: number }): string {
  const share = total === 0 ? 1 : done / total;
  const filled = Math.round(30 * share);
  return `\r[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${Math.floor(100 * share)}%, ${grouped(done)} of ${grouped(total)} evaluations`;
}

import { createReplay, type ReplayReport, type ReplayRequest } from '../evaluation/replay/replay.ts';
import type { LoadedRules } from '../evaluation/rule-set-holder.ts';
import { createHttpClient } from '../http/http-client.ts';
import { systemClock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import {
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  parseDuration,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import { createTelemetry } from '../ops/metrics.ts';
import { createLocalTime } from '../policy/local-time.ts';
import { createPrometheusMetrics } from '../prometheus/prometheus-metrics.ts';
import { expandTemplate } from '../rules/template/template.ts';
import type { AgainstOptions } from './check.ts';
import { parseMoment } from './moment.ts';
import { openReplayState, type ReplayState, ResumeError } from './replay-state.ts';
import { progressBar, replayJson, replayText } from './replay-text.ts';

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
  readonly say: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Where a bar may be drawn; absent when nobody looks at a terminal. */
  readonly draw?: (bar: string) => void;
  readonly against: AgainstOptions;
  readonly signal: AbortSignal;
}

/** What was asked for cannot be done: the message says what to write instead. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

function windowOf({ from, to }: ReplayOptions, now: EpochMs): TimeWindow {
  const read = (name: string, text: string): EpochMs => {
    const instant = parseMoment(text, now);
    if (instant !== undefined) return instant;
    throw new UsageError(
      `--${name} is "${text}": write now, -30d, -6h, or an instant like 2026-11-01T00:00:00Z.`,
    );
  };
  const start = read('from', from);
  // Nothing has been measured of the future.
  const end = epochMs(Math.min(read('to', to), now));
  if (start >= end) throw new UsageError('--from must lie before --to, and before now.');
  return { start, end };
}

function stepOf({ step }: ReplayOptions): Milliseconds | undefined {
  if (step === undefined) return undefined;
  const read = parseDuration(step);
  if (read !== undefined && read >= SECOND && read % SECOND === 0) return read;
  throw new UsageError(`--step is "${step}": write whole seconds, like 30s or 1m.`);
}

function checkTimezone(timezone: string): void {
  try {
    createLocalTime()(epochMs(0), timezone);
  } catch {
    throw new UsageError(`--timezone is "${timezone}": write the name of a time zone, like Europe/Vienna.`);
  }
}

/** What a set of rule files says. */
type RuleSet = Pick<ReplayRequest, 'groups' | 'policy'>;

async function rulesOf(io: ReplayIo, files: readonly string[]): Promise<RuleSet> {
  const loaded = await io.loadRules(files);
  if (!loaded.ok) throw new UsageError(loaded.text);
  const { groups, policy } = loaded;
  return { groups, policy };
}

async function stateOf(files: readonly string[], options: ReplayOptions): Promise<ReplayState> {
  const window = windowOf(options, systemClock.now());
  if (options.resume === undefined) {
    return { window, isResumed: false, saved: () => undefined, save: async () => undefined };
  }
  const { resume, json: _json, ...rest } = options;
  return await openReplayState(resume, { command: JSON.stringify([files, rest]), window });
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
  checkTimezone(options.timezone);
  const step = stepOf(options);
  const state = await stateOf(files, options);
  const sets = {
    rules: await rulesOf(io, files),
    compare: options.compare === undefined ? undefined : await rulesOf(io, [options.compare]),
  };
  if (state.isResumed) io.complain(`Going on with the replay in ${options.resume}.`);
  const { http, ...parts } = sources(options.against, io.against);
  const replay = createReplay({
    ...parts,
    clock: systemClock,
    expand: expandTemplate,
    localTime: createLocalTime(),
  });
  const run = async (which: 'rules' | 'compare', rules: RuleSet): Promise<ReplayReport> => {
    const saved = state.saved(which);
    return await replay({
      ...rules,
      window: state.window,
      timezone: options.timezone,
      signal: io.signal,
      save: (progress) => state.save(which, progress),
      onProgress: (evalTimes) => io.draw?.(progressBar(evalTimes)),
      ...(step === undefined ? {} : { step }),
      ...(saved === undefined ? {} : { saved }),
    });
  };
  try {
    const rules = await run('rules', sets.rules);
    const reports = {
      rules,
      compare: sets.compare === undefined ? undefined : await run('compare', sets.compare),
    };
    io.draw?.('\n');
    io.say(options.json === true ? replayJson(reports) : replayText(reports));
  } finally {
    http.close();
  }
}

/** Runs `tailwatch replay`; gives the exit code. */
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
      const next =
        options.resume === undefined
          ? 'with --resume FILE it could be gone on with'
          : 'the same command goes on';
      io.complain(`Interrupted; ${next}.`);
      return 130;
    }
    if (error instanceof UpstreamError) io.complain(`${error.message}\n${error.advice}`);
    else if (error instanceof UsageError || error instanceof ResumeError) io.complain(error.message);
    else throw error;
    return 1;
  }
}

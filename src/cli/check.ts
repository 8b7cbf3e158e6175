import { createHttpClient, type HttpClientOptions } from '../http/http-client.ts';
import { systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { type EpochMs, epochMs, formatDuration, ms, SECOND } from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import { destinationsOf } from '../policy/route.ts';
import { createLocalTime } from '../policy/time-interval.ts';
import { createPrometheusMetrics } from '../prometheus/prometheus-metrics.ts';
import { createRuleCheck } from '../rules/check-rules.ts';
import { lintRules } from '../rules/file/lint.ts';
import { knownLabels } from '../rules/file/route.ts';
import { loadRuleFiles, type ReadFile, type RuleFileContents } from '../rules/file/rule-file.ts';
import type { RuleFileLocation } from '../rules/file/section.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';
import { FINDINGS, type RuleFinding, type RuleUse } from '../rules/rule-use.ts';
import { type CheckFormat, type CheckResult, checkText } from './check-format.ts';
import type { ReportLine } from './rule-files.ts';

/** How an alert of a rule ends, for programs. The kinds are stable. */
function recoveryFields({ recovery, noData }: SloRule): object {
  const closes = noData === 'resolve' ? noData : formatDuration(noData);
  if (recovery === undefined) return { kind: 'not-returned' };
  const { expr, comparison, bound } = recovery;
  return comparison === undefined
    ? { kind: 'data', expr, noData: closes }
    : { kind: 'value', expr, alertsWhen: `${comparison} ${bound}`, noData: closes };
}

const objectiveFields = ({ quantile, threshold, window, family }: LatencyObjective): object => ({
  metric: family.metric,
  quantile,
  below: formatDuration(threshold),
  window: formatDuration(window),
});

/** Where an alert goes by the labels that are known before it fires. A channel of null is SLACK_CHANNEL. */
function destinationFields({ policy }: RuleFileContents, rule: SloRule): readonly object[] {
  const alert = { labels: knownLabels(rule), channel: rule.channel };
  const now = { at: epochMs(0), localTime: createLocalTime() };
  return destinationsOf(policy, alert, now).map(({ channel, mentions }) => ({
    channel: channel ?? null,
    mentions,
  }));
}

/** The unit of a rule's value; null for a plain number. A share is a ratio of 0 to 1. */
function unitOf({ annotations, unit, valueKind, objective }: SloRule): string | null {
  if (annotations['slo_unit'] !== undefined) return annotations['slo_unit'];
  if (valueKind === 'slow-share') return 'ratio';
  return unit ?? (valueKind === 'latency' ? (objective?.family.unit ?? null) : null);
}

/** What was read out of each alerting rule. */
function describeRules(contents: RuleFileContents): readonly object[] {
  const groups = new Map(contents.groups.map((group) => [group.id, group]));
  return contents.uses.flatMap(({ rule, group: id, location: { file, line, column } }) => {
    const group = groups.get(id);
    if (rule === undefined || group === undefined) return [];
    return [
      {
        file,
        line,
        column,
        group: group.name,
        name: rule.name,
        labels: rule.labels,
        interval: formatDuration(group.interval),
        for: formatDuration(rule.for),
        recovery: recoveryFields(rule),
        service: rule.service ?? { from: 'series' },
        unit: unitOf(rule),
        objective: rule.objective === undefined ? undefined : objectiveFields(rule.objective),
        destinations: destinationFields(contents, rule),
      },
    ];
  });
}

/** The output and exit code of `tailwatch check`. */
export interface CheckReport {
  readonly text: string;
  /** 1 when there is an error, or a warning with `--strict`; else 2 when Prometheus could not be queried. */
  readonly exitCode: 0 | 1 | 2;
}

export interface CheckRequest {
  readonly files: readonly string[];
  readonly readFile: ReadFile;
  readonly now: EpochMs;
  /** Warnings fail the check. */
  readonly isStrict?: boolean;
  /** A file without rules is no error. */
  readonly allowsEmpty?: boolean;
  readonly format?: CheckFormat;
  /** Checks the rules against Prometheus, one list of findings for each; rejects when Prometheus does not answer. */
  readonly against?: (uses: readonly RuleUse[]) => Promise<readonly (readonly RuleFinding[])[]>;
}

function sorted(lines: readonly ReportLine[], files: readonly string[]): readonly ReportLine[] {
  const rank = ({ file }: ReportLine): number => {
    const index = files.indexOf(file);
    return index < 0 ? files.length : index;
  };
  return [...lines].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

/** The findings of Prometheus at the places of the rules, or why there are none. */
async function findingsOf(
  { against }: CheckRequest,
  uses: readonly { readonly use: RuleUse; readonly location: RuleFileLocation }[],
): Promise<{ readonly lines: readonly ReportLine[]; readonly failure?: string }> {
  if (against === undefined) return { lines: [] };
  try {
    const findings = await against(uses.map(({ use }) => use));
    const lines = uses.flatMap(({ use, location }, i) =>
      (findings[i] ?? []).map(({ code, message }) => ({
        ...location,
        code,
        severity: FINDINGS[code],
        message: `\`${use.name}\`: ${message}`,
      })),
    );
    return { lines };
  } catch (error) {
    const reason = errorMessage(error);
    return { lines: [], failure: `checking against Prometheus failed: ${reason}` };
  }
}

/** Errors first: only without any it matters that Prometheus could not be queried. */
function exitCodeOf({ lines, failure }: CheckResult, isStrict: boolean): CheckReport['exitCode'] {
  if (lines.some(({ severity }) => severity === 'error' || (isStrict && severity === 'warning'))) return 1;
  return failure === undefined ? 0 : 2;
}

/** Checks rule files: their syntax, the lint rules, and with `against` what the rules read from Prometheus. */
export async function runCheck(request: CheckRequest): Promise<CheckReport> {
  const { files, readFile, now, isStrict = false, allowsEmpty = false, format = 'text', against } = request;
  const loaded = await loadRuleFiles(files, readFile);
  // Files without errors are checked against Prometheus even when others have some.
  const { lines: findings, failure } = await findingsOf(request, loaded.uses);
  const errors = loaded.ok ? [] : loaded.errors;
  const notes = [...loaded.notes, ...lintRules(loaded, { now, hasPrometheus: against !== undefined })];
  const lines = sorted(
    [
      ...errors.map((error): ReportLine => ({ ...error, severity: 'error' })),
      ...notes
        .filter(({ code }) => !(allowsEmpty && code === 'empty-file'))
        .map((note): ReportLine => ({ ...note, severity: FINDINGS[note.code] })),
      ...findings,
    ],
    files,
  );
  const { groups } = loaded;
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  const result: CheckResult = {
    lines,
    counts: { files: files.length, groups: groups.length, rules },
    failure,
    rules: describeRules(loaded),
  };
  return { text: checkText(result, format), exitCode: exitCodeOf(result, isStrict) };
}

/** Options of `tailwatch check` as they were typed. */
export interface CheckOptions {
  readonly against?: string;
  readonly strict?: boolean;
  readonly allowEmpty?: boolean;
  readonly format?: CheckFormat;
}

/** The headers and the proxy for the Prometheus of `--against`. */
export type AgainstOptions = Pick<HttpClientOptions, 'headers' | 'proxyFor'>;

function checkAgainst(url: string, options: AgainstOptions): NonNullable<CheckRequest['against']> {
  const http = createHttpClient({ system: 'prometheus', baseUrl: url, ...options });
  const logger = createLogger({
    level: 'warn',
    secrets: [],
    write: (line) => void process.stderr.write(line),
  });
  const metrics = createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger });
  const checkRules = createRuleCheck({ metrics, clock: systemClock });
  return async (uses) => {
    try {
      return await checkRules(uses);
    } finally {
      http.close();
    }
  };
}

/** Runs `tailwatch check`. */
export async function checkCommand(
  files: readonly string[],
  { against, strict, allowEmpty, format }: CheckOptions,
  io: { readonly readFile: ReadFile; readonly against: AgainstOptions },
): Promise<CheckReport> {
  return await runCheck({
    files,
    readFile: io.readFile,
    now: systemClock.now(),
    isStrict: strict,
    allowsEmpty: allowEmpty,
    format,
    against: against === undefined ? undefined : checkAgainst(against, io.against),
  });
}

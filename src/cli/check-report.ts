import { errorMessage } from '../lib/errors.ts';
import { count as counted } from '../lib/format.ts';
import type { EpochMs } from '../lib/units.ts';
import { type LintOptions, lintRules } from '../rules/file/lint.ts';
import type { ReadFile, RuleFileError, RuleFileNote, RuleFileResult } from '../rules/file/rule-file.ts';
import { loadRuleFiles } from '../rules/file/rule-file.ts';
import type { RuleFileLocation } from '../rules/file/source.ts';
import {
  FINDINGS,
  type FindingCode,
  type FindingSeverity,
  type RuleFinding,
  type RuleUse,
} from '../rules/rule-use.ts';

/** What `tailwatch check` prints and how it ends. */
export interface CheckReport {
  readonly text: string;
  /** 1 when there is an error, or a warning with `--strict`. */
  readonly exitCode: 0 | 1;
}

export interface CheckRequest {
  readonly files: readonly string[];
  readonly readFile: ReadFile;
  readonly now: EpochMs;
  /** Warnings fail the check. */
  readonly isStrict?: boolean;
  /** Asks a Prometheus about the rules, one list of findings for each; rejects when it cannot be asked. */
  readonly against?: (uses: readonly RuleUse[]) => Promise<readonly (readonly RuleFinding[])[]>;
}

interface Line extends RuleFileError {
  readonly severity: FindingSeverity;
  /** Absent: what cannot be read. */
  readonly code?: FindingCode;
}

const indented = (text: string): string => text.replaceAll(/^/gm, '    ');

/** `rules.yaml:12:5: warning: message [code]` and the line with its caret below. */
function lineText({ file, line, column, message, excerpt, severity, code }: Line): string {
  const kind = severity === 'error' ? '' : `${severity}: `;
  const head = `${file}:${line}:${column}: ${kind}${message}${code === undefined ? '' : ` [${code}]`}`;
  return excerpt === '' ? head : `${head}\n${indented(excerpt)}`;
}

function sorted(lines: readonly Line[], files: readonly string[]): readonly Line[] {
  const order = new Map(files.map((file, i) => [file, i]));
  const rank = ({ file }: Line): number => order.get(file) ?? files.length;
  return [...lines].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

/** The rules that were asked about, and why asking failed, if it did. */
async function ask(
  { against }: CheckRequest,
  uses: readonly { readonly use: RuleUse; readonly location: RuleFileLocation }[],
): Promise<{ readonly lines: readonly Line[]; readonly failure?: string }> {
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
    return { lines: [], failure: `The Prometheus could not be asked: ${reason}` };
  }
}

/** What was read, in one line: `2 files, 3 groups, 7 rules`. */
function summary(files: number, groups: readonly { readonly rules: readonly unknown[] }[]): string {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  return [counted(files, 'file'), counted(groups.length, 'group'), counted(rules, 'rule')].join(', ');
}

function problemCount(lines: readonly Line[]): string {
  const counts = (['error', 'warning'] as const).flatMap((severity) => {
    const count = lines.filter((line) => line.severity === severity).length;
    return count === 0 ? [] : [counted(count, severity)];
  });
  return counts.length === 0 ? 'no problems found' : counts.join(', ');
}

/** Everything that is known of rule files without asking anybody. */
function foundIn(loaded: RuleFileResult, options: LintOptions): readonly Line[] {
  const errors = loaded.ok ? [] : loaded.errors.map((error): Line => ({ ...error, severity: 'error' }));
  const notes = [...loaded.notes, ...lintRules(loaded, options)];
  return [...errors, ...notes.map((note): Line => ({ ...note, severity: FINDINGS[note.code] }))];
}

/**
 * Reads rule files, looks for what is probably not meant, asks about them where a Prometheus is given, and writes
 * everything that was found.
 */
export async function runCheck(request: CheckRequest): Promise<CheckReport> {
  const { files, readFile, now, isStrict = false } = request;
  const loaded = await loadRuleFiles(files, readFile);
  // Files without errors are checked against Prometheus even when others have some.
  const asked = await ask(request, loaded.uses);
  const read = foundIn(loaded, { now, hasPrometheus: request.against !== undefined });
  const lines = sorted([...read, ...asked.lines], files);
  const isWrong = lines.some(({ severity }) => severity === 'error' || (isStrict && severity === 'warning'));
  const end = `${summary(files.length, loaded.groups)}: ${asked.failure ?? problemCount(lines)}`;
  return {
    text: [...lines.map(lineText), `${end}${/[.!?]$/.test(end) ? '' : '.'}`].join('\n'),
    exitCode: isWrong || asked.failure !== undefined ? 1 : 0,
  };
}

/** Errors and notes of rule files as text, each with its place and the line with its caret. */
export const ruleErrorsText = (errors: readonly (RuleFileError | RuleFileNote)[]): string =>
  errors
    .map((error) => lineText({ ...error, severity: 'code' in error ? FINDINGS[error.code] : 'error' }))
    .join('\n');

import type { RuleFinding, RuleUse } from '../domain/slo/rule-use.ts';
import type { ReadFile, RuleFileError } from './rule-file.ts';
import { loadRuleFiles } from './rule-file.ts';

/** What `tailwatch check` prints and how it ends. */
export interface CheckReport {
  readonly text: string;
  /** 0 when nothing has to be mended, 1 otherwise. */
  readonly exitCode: 0 | 1;
}

export interface CheckRequest {
  readonly files: readonly string[];
  readonly readFile: ReadFile;
  /** Asks a Prometheus about the rules, one list of findings for each; rejects when it cannot be asked. */
  readonly against?: (uses: readonly RuleUse[]) => Promise<readonly (readonly RuleFinding[])[]>;
}

interface Line extends RuleFileError {
  readonly isProblem: boolean;
}

const indented = (text: string): string => text.replaceAll(/^/gm, '    ');

/** `rules.yaml:12:5: message` and the line with its caret below. */
function lineText({ file, line, column, message, excerpt, isProblem }: Line): string {
  const head = `${file}:${line}:${column}: ${isProblem ? '' : 'note: '}${message}`;
  return excerpt === '' ? head : `${head}\n${indented(excerpt)}`;
}

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

function sorted(lines: readonly Line[], files: readonly string[]): readonly Line[] {
  const order = new Map(files.map((file, i) => [file, i]));
  const rank = ({ file }: Line): number => order.get(file) ?? files.length;
  return [...lines].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

/** The rules that were asked about, and why asking failed, if it did. */
async function ask(
  { against }: CheckRequest,
  uses: readonly { readonly use: RuleUse; readonly place: RuleFileError }[],
): Promise<{ readonly lines: readonly Line[]; readonly failure?: string }> {
  if (against === undefined) return { lines: [] };
  try {
    const findings = await against(uses.map(({ use }) => use));
    const lines = uses.flatMap(({ use, place }, i) =>
      (findings[i] ?? []).map(({ isProblem, message }) => ({
        ...place,
        isProblem,
        message: `\`${use.name}\`: ${message}`,
      })),
    );
    return { lines };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { lines: [], failure: `The Prometheus could not be asked: ${reason}` };
  }
}

/** What was read, in one line: `2 files, 3 groups, 7 rules`. */
function summary(files: number, groups: readonly { readonly rules: readonly unknown[] }[]): string {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  return [counted(files, 'file'), counted(groups.length, 'group'), counted(rules, 'rule')].join(', ');
}

/** Reads rule files, asks about them where a Prometheus is given, and writes everything that was found. */
export async function runCheck(request: CheckRequest): Promise<CheckReport> {
  const { files, readFile } = request;
  const loaded = await loadRuleFiles(files, readFile);
  const mistakes = loaded.ok ? [] : loaded.errors.map((error) => ({ ...error, isProblem: true }));
  const notes = loaded.notes.map((entry) => ({ ...entry, isProblem: false }));
  // Files without mistakes are asked about even when others have some.
  const asked = await ask(request, loaded.uses);
  const lines = sorted([...mistakes, ...notes, ...asked.lines], files);
  const problems = lines.filter(({ isProblem }) => isProblem).length;
  const verdict = problems === 0 ? 'nothing to mend' : `${counted(problems, 'mistake')} to mend`;
  const end = `${summary(files.length, loaded.groups)}: ${asked.failure ?? verdict}`;
  return {
    text: [...lines.map(lineText), `${end}${/[.!?]$/.test(end) ? '' : '.'}`].join('\n'),
    exitCode: problems === 0 && asked.failure === undefined ? 0 : 1,
  };
}

/** Mistakes and notes of rule files as text, each with its place and the line with its caret. */
export const ruleErrorsText = (errors: readonly RuleFileError[]): string =>
  errors.map((error) => lineText({ ...error, isProblem: true })).join('\n');

import { count as counted } from '../lib/format.ts';
import { lineText, type ReportLine } from './rule-files.ts';

/** How `tailwatch check` prints its findings. */
export const CHECK_FORMATS = ['text', 'json', 'github'] as const;
export type CheckFormat = (typeof CHECK_FORMATS)[number];

/** The findings of a check, and what was checked. */
export interface CheckResult {
  readonly lines: readonly ReportLine[];
  readonly counts: { readonly files: number; readonly groups: number; readonly rules: number };
  /** Why Prometheus could not be queried: a sentence. */
  readonly failure?: string;
  /** What is known about each alerting rule, for programs. */
  readonly rules: readonly object[];
}

function problemCount(lines: readonly ReportLine[]): string {
  const counts = (['error', 'warning'] as const).flatMap((severity) => {
    const count = lines.filter((line) => line.severity === severity).length;
    return count === 0 ? [] : [counted(count, severity)];
  });
  return counts.length === 0 ? 'no problems found' : counts.join(', ');
}

/** The size of the rule files and the result: `2 files, 3 groups, 7 rules: 1 error.` */
function summary({ lines, counts: { files, groups, rules }, failure }: CheckResult): string {
  const sizes = [counted(files, 'file'), counted(groups, 'group'), counted(rules, 'rule')].join(', ');
  const end = `${sizes}: ${failure ?? problemCount(lines)}`;
  return `${end}${/[.!?]$/.test(end) ? '' : '.'}`;
}

const GITHUB_COMMANDS: Readonly<Record<ReportLine['severity'], string>> = {
  error: 'error',
  warning: 'warning',
  note: 'notice',
};

const escaped = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapedProperty = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** A workflow command of GitHub Actions, which shows the finding beside its line. */
function githubLine({ file, line, column, severity, code, message }: ReportLine): string {
  const title = code === undefined ? '' : `,title=${escapedProperty(code)}`;
  const place = `file=${escapedProperty(file)},line=${line},col=${column}`;
  return `::${GITHUB_COMMANDS[severity]} ${place}${title}::${escaped(message)}`;
}

const jsonText = ({ lines, counts, failure, rules }: CheckResult): string =>
  JSON.stringify(
    {
      counts,
      failure,
      findings: lines.map(({ file, line, column, severity, code, message }) => ({
        file,
        line,
        column,
        severity,
        code,
        message,
      })),
      rules,
    },
    undefined,
    2,
  );

/** The output of a check. */
export function checkText(result: CheckResult, format: CheckFormat): string {
  switch (format) {
    case 'text':
      return [...result.lines.map(lineText), summary(result)].join('\n');
    case 'json':
      return jsonText(result);
    case 'github':
      return [...result.lines.map(githubLine), summary(result)].join('\n');
  }
}

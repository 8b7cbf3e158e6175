import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadedRules } from '../evaluation/rule-set-holder.ts';
import { loadRuleFiles, type RuleFileError, type RuleFileNote } from '../rules/file/rule-file.ts';
import { FINDINGS, type FindingCode, type FindingSeverity } from '../rules/rule-use.ts';

export const readText = (path: string): Promise<string> => readFile(path, 'utf8');

const isRuleFile = (name: string): boolean => /\.ya?ml$/.test(name) && !name.startsWith('.');

/**
 * The rule files of the given paths: a file itself, of a folder its `.yaml` and `.yml` files in order of name. A path that
 * does not exist is returned as it is: reading it gives the error. Names that begin with a dot are left out, since
 * Kubernetes mounts a ConfigMap with such folders.
 */
export async function rulePaths(given: readonly string[]): Promise<readonly string[]> {
  const paths = await Promise.all(
    given.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() !== true) return [path];
      return (await readdir(path))
        .filter(isRuleFile)
        .sort()
        .map((name) => join(path, name));
    }),
  );
  return paths.flat();
}

/** The message when none of the given paths contains a rule file. */
export const noFiles = (given: readonly string[]): string => `No .yaml or .yml file in ${given.join(', ')}.`;

/** A problem at its place in a rule file. */
export interface ReportLine extends RuleFileError {
  readonly severity: FindingSeverity;
  /** Absent for a syntax error. */
  readonly code?: FindingCode;
}

/** `rules.yaml:12:5: warning: message [code]`, and the line with a caret below. */
export function lineText({ file, line, column, message, excerpt, severity, code }: ReportLine): string {
  const kind = severity === 'error' ? '' : `${severity}: `;
  const head = `${file}:${line}:${column}: ${kind}${message}${code === undefined ? '' : ` [${code}]`}`;
  return excerpt === '' ? head : `${head}\n${excerpt.replaceAll(/^/gm, '    ')}`;
}

/** Errors and notes of rule files as text. */
export const ruleErrorsText = (errors: readonly (RuleFileError | RuleFileNote)[]): string =>
  errors
    .map((error) => lineText({ ...error, severity: 'code' in error ? FINDINGS[error.code] : 'error' }))
    .join('\n');

/** Loads rule files, or the folders that contain them. `allowsEmpty`: alerts come from Alertmanager, so none may be there. */
export async function loadRules(
  given: readonly string[],
  { allowsEmpty = false }: { readonly allowsEmpty?: boolean } = {},
): Promise<LoadedRules> {
  const paths = await rulePaths(given);
  if (paths.length === 0) return { ok: false, text: noFiles(given) };
  const loaded = await loadRuleFiles(paths, readText);
  if (!loaded.ok) return { ok: false, text: ruleErrorsText(loaded.errors) };
  // Most likely the tool that wrote it failed: its alerts would vanish.
  const empty = allowsEmpty ? [] : loaded.notes.filter(({ code }) => code === 'empty-file');
  if (empty.length > 0) return { ok: false, text: ruleErrorsText(empty) };
  const { groups, notes, policy, naming, permissions, uses } = loaded;
  return {
    ok: true,
    groups,
    notes: notes.map((note) => ruleErrorsText([note])),
    policy,
    naming,
    permissions,
    uses: uses.map(({ use, group, rule, location: { file, line, column } }) => ({
      use,
      group,
      key: rule?.key,
      at: `${file}:${line}:${column}`,
    })),
  };
}

import { readFile } from 'node:fs/promises';
import type { LoadedRules } from '../evaluation/rule-set-holder.ts';
import { loadRuleFiles } from '../rules/file/rule-file.ts';
import { ruleErrorsText } from './check-report.ts';
import { rulePaths } from './rule-paths.ts';

export const readText = (path: string): Promise<string> => readFile(path, 'utf8');

/** What is printed when none of the given paths holds a rule file. */
export const noFiles = (given: readonly string[]): string =>
  `There is no .yaml or .yml file in ${given.join(', ')}.`;

/** Reads rule files, or the folders that hold them. */
export async function loadRules(given: readonly string[]): Promise<LoadedRules> {
  const paths = await rulePaths(given);
  if (paths.length === 0) return { ok: false, text: noFiles(given) };
  const loaded = await loadRuleFiles(paths, readText);
  if (!loaded.ok) return { ok: false, text: ruleErrorsText(loaded.errors) };
  return {
    ok: true,
    groups: loaded.groups,
    notes: loaded.notes.map((note) => ruleErrorsText([note])),
    policy: loaded.policy,
    naming: loaded.naming,
    uses: loaded.uses.map(({ use, group, rule, location: { file, line, column } }) => ({
      use,
      group,
      key: rule?.key,
      at: `${file}:${line}:${column}`,
    })),
  };
}

import { errorMessage } from '../lib/errors.ts';
import { count } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { isOfServices, type RuleGroup } from '../rules/rule.ts';
import type { RuleInFile } from '../rules/verify-rules.ts';
import type { Evaluator } from './evaluator.ts';

/** Rules that were loaded from rule files without errors. */
interface Loaded extends Omit<RuleSet, 'objectives'> {
  readonly ok: true;
  readonly notes: readonly string[];
  /** The metrics that the rules use, to verify against Prometheus; absent: they are not verified. */
  readonly uses?: readonly RuleInFile[];
}

/** The result of loading the rule files. `text` describes the errors with file, line and column. */
export type LoadedRules = Loaded | { readonly ok: false; readonly text: string };

/** Holds the current rule set and reloads it. */
export interface RuleSetHolder {
  readonly ruleSet: () => RuleSet;
  readonly uses: () => readonly RuleInFile[];
  /** Loads the rule files; on an error the current rules remain in use. Returns a message for an operator. */
  reload(evaluator: Pick<Evaluator, 'replace'>): Promise<{ readonly ok: boolean; readonly message: string }>;
}

const ruleSetOf = ({ groups, policy, naming, permissions }: Omit<RuleSet, 'objectives'>): RuleSet => ({
  groups,
  objectives: groups.flatMap(({ rules }) =>
    rules.flatMap(({ objective }) => (objective !== undefined && isOfServices(objective) ? objective : [])),
  ),
  policy,
  naming,
  permissions,
});

function loadedText(groups: readonly RuleGroup[]): string {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  return `loaded ${count(rules, 'rule')} in ${count(groups.length, 'group')}`;
}

/** The folder may be missing for a moment while its files are replaced, so this does not end the process. */
const unreadable = (error: unknown): LoadedRules => ({
  ok: false,
  text: `The rule files cannot be read: ${errorMessage(error)}`,
});

/** Starts with the rules that were loaded at the start of the process. */
export function createRuleSetHolder(options: {
  readonly initial: Omit<Loaded, 'ok' | 'notes'>;
  readonly load: () => Promise<LoadedRules>;
  readonly recorder: Pick<Recorder, 'reloaded'>;
  readonly logger: Logger;
}): RuleSetHolder {
  const { initial, load, recorder, logger } = options;
  let ruleSet = ruleSetOf(initial);
  let uses = initial.uses ?? [];
  recorder.reloaded({ ok: true });
  logger.info(loadedText(initial.groups));

  async function reload(evaluator: Pick<Evaluator, 'replace'>): Promise<{ ok: boolean; message: string }> {
    const loaded = await load().catch(unreadable);
    recorder.reloaded({ ok: loaded.ok });
    if (!loaded.ok) {
      logger.error('rule files not loaded; the current rules remain in use', { errors: loaded.text });
      return {
        ok: false,
        message: `Rule files not loaded; the current rules remain in use.\n${loaded.text}`,
      };
    }
    for (const note of loaded.notes) logger.warn(note);
    ruleSet = ruleSetOf(loaded);
    uses = loaded.uses ?? [];
    await evaluator.replace(ruleSet);
    const message = loadedText(loaded.groups);
    logger.info(message);
    return { ok: true, message };
  }

  // Reloads run one after the other, so that the last one applies.
  let last: Promise<unknown> = Promise.resolve();
  return {
    ruleSet: () => ruleSet,
    uses: () => uses,
    reload: (evaluator) => {
      const next = last.then(() => reload(evaluator));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

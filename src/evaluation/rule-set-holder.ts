import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import type { NoisePolicy } from '../policy/suppress.ts';
import type { RuleSet } from '../rules/file/rule-set.ts';
import type { RuleGroup } from '../rules/rule.ts';
import type { ServiceNaming } from '../rules/service-naming.ts';
import type { RuleInFile } from '../rules/verify-rules.ts';
import type { Evaluator } from './evaluator.ts';

/** What reading the rule files gave. `text` says to a person what is wrong, with file, line and column. */
export type LoadedRules =
  | {
      readonly ok: true;
      readonly groups: readonly RuleGroup[];
      readonly notes: readonly string[];
      /** What the rules read, for holding them against the Prometheus they run on; absent: it is not looked at. */
      readonly uses?: readonly RuleInFile[];
      readonly policy?: NoisePolicy;
      readonly naming?: ServiceNaming;
    }
  | { readonly ok: false; readonly text: string };

/** The rules the bot works by, and the way to replace them. */
export interface RuleSetHolder {
  readonly ruleSet: () => RuleSet;
  readonly uses: () => readonly RuleInFile[];
  /** Reads the files; on a mistake the rules in force stay as they are. Answers with a sentence for an operator. */
  reload(watch: Pick<Evaluator, 'replace'>): Promise<{ readonly ok: boolean; readonly message: string }>;
}

type Loaded = Extract<LoadedRules, { ok: true }>;

function ruleSetOf({ groups, policy, naming }: Pick<Loaded, 'groups' | 'policy' | 'naming'>): RuleSet {
  const objectives = groups.flatMap(({ rules }) =>
    rules.flatMap(({ objective }) => (objective === undefined ? [] : [objective])),
  );
  return {
    groups,
    objectives,
    policy,
    naming,
  };
}

const countText = (groups: readonly RuleGroup[]): string => {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  return `${rules} ${rules === 1 ? 'rule' : 'rules'} in ${groups.length} ${groups.length === 1 ? 'group' : 'groups'}`;
};

/** A folder may be away for a moment, as when its files are replaced: that is no reason to end. */
const unreadable = (error: unknown): LoadedRules => ({
  ok: false,
  text: `The rule files cannot be read: ${error instanceof Error ? error.message : String(error)}`,
});

/** Takes the groups that were loaded at the start; later ones come through `reload`. */
export function createRuleSetHolder(deps: {
  groups: readonly RuleGroup[];
  policy?: NoisePolicy;
  naming?: ServiceNaming;
  uses?: readonly RuleInFile[];
  load: () => Promise<LoadedRules>;
  recorder: Pick<Recorder, 'reloaded'>;
  logger: Logger;
}): RuleSetHolder {
  const { recorder, logger } = deps;
  let ruleSet = ruleSetOf(deps);
  let uses = deps.uses ?? [];
  recorder.reloaded({ ok: true });
  logger.info(`${countText(deps.groups)} in force`);

  async function reload(watch: Pick<Evaluator, 'replace'>): Promise<{ ok: boolean; message: string }> {
    const loaded = await deps.load().catch(unreadable);
    recorder.reloaded({ ok: loaded.ok });
    if (!loaded.ok) {
      logger.error('the rule files were refused; the rules in force stay as they are', {
        mistakes: loaded.text,
      });
      return { ok: false, message: `The rules in force stay as they are.\n${loaded.text}` };
    }
    for (const note of loaded.notes) logger.warn(note);
    ruleSet = ruleSetOf(loaded);
    uses = loaded.uses ?? [];
    await watch.replace(ruleSet);
    const message = `${countText(loaded.groups)} in force`;
    logger.info(message);
    return { ok: true, message };
  }

  // Two signals at once must not replace the rule set out of order.
  let last: Promise<unknown> = Promise.resolve();
  return {
    ruleSet: () => ruleSet,
    uses: () => uses,
    reload: (watch) => {
      const next = last.then(() => reload(watch));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

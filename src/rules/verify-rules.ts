import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE } from '../lib/units.ts';
import { FINDINGS, type RuleFinding, type RuleUse } from './rule-use.ts';

/** What a rule reads, and where it stands in the files. */
export interface RuleInFile {
  readonly use: RuleUse;
  /** `file;name` of its group. */
  readonly group: string;
  /** Its key in the group; absent for a recording rule. */
  readonly key?: string;
  /** `rules.yaml:12:5`. */
  readonly at: string;
}

/** What looking at the rules in force needs. */
export interface VerifyRulesOptions {
  /** Asks the Prometheus about rules: one list of findings for each. */
  readonly check: (
    uses: readonly RuleUse[],
    signal: AbortSignal,
  ) => Promise<readonly (readonly RuleFinding[])[]>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

/**
 * Looks whether rules can see what they are about. A rule on a bucket bound or a metric that is not there is never
 * breached and never complains: that must be said.
 */
export interface VerifyRules {
  /** Asks about these rules in the background, in place of those before; waits for a Prometheus that does not answer. */
  verify(rules: readonly RuleInFile[]): void;
  /** What keeps a rule, named by its key, from seeing what it is about: a sentence; undefined when nothing is known to. */
  readonly problemOf: (group: string, key: string) => string | undefined;
  /** Ends what is under way. */
  stop(): Promise<void>;
}

const keyOf = (group: string, rule: string): string => `${group}\n${rule}`;

/** An evaluation says itself that its expression was refused. */
const isDoubt = ({ code }: RuleFinding): boolean =>
  FINDINGS[code] === 'error' && code !== 'expression-refused';

/** Asks until it is answered, a minute apart; undefined when it is not needed any more. */
async function askPatiently(
  { check, clock, logger }: VerifyRulesOptions,
  rules: readonly RuleInFile[],
  signal: AbortSignal,
): Promise<readonly (readonly RuleFinding[])[] | undefined> {
  while (!signal.aborted) {
    try {
      // What is only worth knowing to whoever writes a rule is not asked on every start.
      return await check(
        rules.map(({ use }) => ({ ...use, rates: [], services: [] })),
        signal,
      );
    } catch (error) {
      logger.debug('the rules could not be held against Prometheus yet', { error });
      await clock.sleep(MINUTE, signal);
    }
  }
  return undefined;
}

/** Looks at the rules in the background, again whenever others come into force. */
export function createVerifyRules(options: VerifyRulesOptions): VerifyRules {
  let warnings: ReadonlyMap<string, string> = new Map();
  let aborter = new AbortController();
  let running: Promise<void> = Promise.resolve();

  async function run(rules: readonly RuleInFile[], signal: AbortSignal): Promise<void> {
    const findings = await askPatiently(options, rules, signal);
    if (findings === undefined || signal.aborted) return;
    const found = new Map<string, string>();
    for (const [index, { use, group, key, at }] of rules.entries()) {
      const messages = (findings[index] ?? []).filter(isDoubt).map(({ message }) => message);
      if (messages.length === 0) continue;
      const reason = messages.join(' ');
      found.set(keyOf(group, key ?? use.name), reason);
      options.logger.warn('a rule cannot see what it is about', { rule: use.name, at, reason });
    }
    warnings = found;
  }

  const end = (): void => aborter.abort();
  return {
    verify(rules) {
      end();
      aborter = new AbortController();
      const { signal } = aborter;
      running = run(
        rules.filter(({ use }) => use.kind === 'alerting' && use.isBurnRate !== true),
        signal,
      ).catch((error: unknown) =>
        options.logger.error('holding the rules against Prometheus failed', { error }),
      );
    },
    problemOf: (group, key) => warnings.get(keyOf(group, key)),
    stop: async () => {
      end();
      await running;
    },
  };
}

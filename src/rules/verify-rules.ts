import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE } from '../lib/units.ts';
import { FINDINGS, type RuleFinding, type RuleUse } from './rule-use.ts';

/** A rule with its place in the files. */
export interface RuleInFile {
  readonly use: RuleUse;
  /** `file;name` of its group. */
  readonly group: string;
  /** Its key in the group; absent for a recording rule. */
  readonly key?: string;
  /** `rules.yaml:12:5`. */
  readonly at: string;
}

export interface VerifyRulesOptions {
  /** Checks rules against Prometheus: one list of findings for each. */
  readonly check: (
    uses: readonly RuleUse[],
    signal: AbortSignal,
  ) => Promise<readonly (readonly RuleFinding[])[]>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

/** Checks the loaded rules in the background: a rule with a missing bucket bound or metric never fires, without an error. */
export interface VerifyRules {
  /** Starts the check of these rules, in place of the rules before. Retries while Prometheus does not answer. */
  verify(rules: readonly RuleInFile[]): void;
  /** Why a rule, named by its key, can never fire: a sentence; undefined when no reason is known. */
  readonly problemOf: (group: string, key: string) => string | undefined;
  /** Ends a running check. */
  stop(): Promise<void>;
}

const keyOf = (group: string, rule: string): string => `${group}\n${rule}`;

/** An expression that Prometheus rejects is left out: its evaluation reports it. */
const isProblem = ({ code }: RuleFinding): boolean =>
  FINDINGS[code] === 'error' && code !== 'expression-refused';

/** Retries every minute until Prometheus answers; undefined when aborted. */
async function checkWithRetries(
  { check, clock, logger }: VerifyRulesOptions,
  rules: readonly RuleInFile[],
  signal: AbortSignal,
): Promise<readonly (readonly RuleFinding[])[] | undefined> {
  while (!signal.aborted) {
    try {
      // Rates and services give warnings only, for the author of a rule.
      return await check(
        rules.map(({ use }) => ({ ...use, recovery: undefined, rates: [], services: [] })),
        signal,
      );
    } catch (error) {
      logger.debug('rule check failed, next attempt in 1m', { error });
      await clock.sleep(MINUTE, signal);
    }
  }
  return undefined;
}

export function createVerifyRules(options: VerifyRulesOptions): VerifyRules {
  const { logger } = options;
  let problems: ReadonlyMap<string, string> = new Map();
  let aborter = new AbortController();
  let running: Promise<void> = Promise.resolve();

  async function run(rules: readonly RuleInFile[], signal: AbortSignal): Promise<void> {
    const findings = await checkWithRetries(options, rules, signal);
    if (findings === undefined || signal.aborted) return;
    const found = new Map<string, string>();
    for (const [index, { use, group, key, at }] of rules.entries()) {
      const messages = (findings[index] ?? []).filter(isProblem).map(({ message }) => message);
      if (messages.length === 0) continue;
      const reason = messages.join(' ');
      found.set(keyOf(group, key ?? use.name), reason);
      logger.warn('a rule can never fire', { rule: use.name, at, reason });
    }
    problems = found;
  }

  return {
    verify(rules) {
      aborter.abort();
      aborter = new AbortController();
      const checked = rules.filter(({ use }) => use.kind === 'alerting' && use.isBurnRate !== true);
      running = run(checked, aborter.signal).catch((error: unknown) =>
        logger.error('checking the rules against Prometheus failed', { error }),
      );
    },
    problemOf: (group, key) => problems.get(keyOf(group, key)),
    stop: async () => {
      aborter.abort();
      await running;
    },
  };
}

import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
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

/**
 * Checks the loaded rules in the background: a rule with a missing bucket bound or metric never fires, without an error.
 * While a rule has a problem it is checked again.
 */
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

/**
 * The times between checks while a rule has a problem: a metric may appear later, with the first scrape or the first
 * deployment of its service. The last one repeats.
 */
const RECHECKS: readonly Milliseconds[] = [
  ms(15 * SECOND),
  ms(15 * SECOND),
  ms(30 * SECOND),
  MINUTE,
  ms(5 * MINUTE),
];

const nameOf = ({ group, key, use }: RuleInFile): string => keyOf(group, key ?? use.name);

/** The problems of rules by their keys. */
type Problems = ReadonlyMap<string, string>;

function problemsIn(rules: readonly RuleInFile[], findings: readonly (readonly RuleFinding[])[]): Problems {
  const problems = new Map<string, string>();
  for (const [index, rule] of rules.entries()) {
    const messages = (findings[index] ?? []).filter(isProblem).map(({ message }) => message);
    if (messages.length > 0) problems.set(nameOf(rule), messages.join(' '));
  }
  return problems;
}

export function createVerifyRules(options: VerifyRulesOptions): VerifyRules {
  const { clock, logger } = options;
  let problems: Problems = new Map();
  let aborter = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const logChange = (
    { use, at }: RuleInFile,
    { before, now }: { readonly before: string | undefined; readonly now: string | undefined },
  ): void => {
    if (now === before) return;
    if (now === undefined) logger.info('a rule can fire now', { rule: use.name, at });
    else logger.warn('a rule can never fire', { rule: use.name, at, reason: now });
  };

  /** Checks the rules, and those with a problem again until there are none. */
  async function run(all: readonly RuleInFile[], signal: AbortSignal): Promise<void> {
    let known: Problems = new Map();
    let rules = all;
    for (let attempt = 0; rules.length > 0; attempt++) {
      const findings = await checkWithRetries(options, rules, signal);
      if (findings === undefined || signal.aborted) return;
      const found = problemsIn(rules, findings);
      for (const rule of rules)
        logChange(rule, { before: known.get(nameOf(rule)), now: found.get(nameOf(rule)) });
      known = found;
      problems = found;
      rules = rules.filter((rule) => found.has(nameOf(rule)));
      if (rules.length > 0) await clock.sleep(RECHECKS[attempt] ?? RECHECKS.at(-1) ?? MINUTE, signal);
    }
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

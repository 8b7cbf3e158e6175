import { expect, test } from 'vitest';
import { createRuleSetHolder, type LoadedRules } from '../../../src/evaluation/rule-set-holder.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import type { RuleSet } from '../../../src/rules/file/rule-file.ts';
import { aGroup, aRule } from '../../support/builders.ts';

function setUp(...loads: readonly (LoadedRules | Promise<LoadedRules>)[]) {
  const left = [...loads];
  const lines: string[] = [];
  const reloads: boolean[] = [];
  const replaced: RuleSet[] = [];
  const rules = createRuleSetHolder({
    initial: { groups: [aGroup()] },
    load: async () => (await left.shift()) ?? { ok: false, text: 'nothing left' },
    recorder: { reloaded: ({ ok }) => reloads.push(ok) },
    logger: createLogger({ level: 'info', secrets: [], write: (line) => lines.push(line) }),
  });
  const evaluator = { replace: async (ruleSet: RuleSet) => void replaced.push(ruleSet) };
  return { rules, evaluator, lines, reloads, replaced };
}

const two = aGroup({ rules: [aRule({ name: 'A', key: 'A' }), aRule({ name: 'B', key: 'B' })] });

test('a successful reload replaces the rules and counts them', async () => {
  const { rules, evaluator, replaced, reloads } = setUp({ ok: true, groups: [two], notes: [] });
  expect(await rules.reload(evaluator)).toEqual({ ok: true, message: 'loaded 2 rules in 1 group' });
  expect(replaced).toEqual([rules.ruleSet()]);
  expect(rules.ruleSet().groups).toEqual([two]);
  expect(reloads).toEqual([true, true]);
});

test('a successful reload replaces the notification policy', async () => {
  const policy = { ...NO_POLICY, inhibitsByCallGraph: true };
  const { rules, evaluator } = setUp({ ok: true, groups: [two], notes: [], policy });
  expect(rules.ruleSet().policy).toBeUndefined();
  await rules.reload(evaluator);
  expect(rules.ruleSet().policy).toBe(policy);
});

test('an invalid file keeps the current rules and is reported in the log, the metric and the response', async () => {
  const { rules, evaluator, replaced, reloads, lines } = setUp({
    ok: false,
    text: 'rules.yaml:3:7: unknown key',
  });
  const before = rules.ruleSet();
  expect(await rules.reload(evaluator)).toEqual({
    ok: false,
    message: 'Rule files not loaded; the current rules remain in use.\nrules.yaml:3:7: unknown key',
  });
  expect(rules.ruleSet()).toBe(before);
  expect(replaced).toEqual([]);
  expect(reloads).toEqual([true, false]);
  expect(lines.at(-1)).toContain('rules.yaml:3:7');
});

test('unreadable files fail the reload and do not throw', async () => {
  const { rules, evaluator, replaced, reloads } = setUp(Promise.reject(new Error('EACCES: /rules')));
  const before = rules.ruleSet();
  expect(await rules.reload(evaluator)).toEqual({
    ok: false,
    message:
      'Rule files not loaded; the current rules remain in use.\nThe rule files cannot be read: EACCES: /rules',
  });
  expect(rules.ruleSet()).toBe(before);
  expect(replaced).toEqual([]);
  expect(reloads).toEqual([true, false]);
});

test('concurrent reloads run one after the other', async () => {
  const first = deferred();
  const { rules, evaluator, replaced } = setUp(first.promise, { ok: true, groups: [two], notes: [] });
  const both = [rules.reload(evaluator), rules.reload(evaluator)];
  first.resolve({ ok: true, groups: [], notes: [] });
  await Promise.all(both);
  expect(replaced.map(({ groups }) => groups.length)).toEqual([0, 1]);
});

function deferred() {
  let resolve: (value: LoadedRules) => void = () => undefined;
  const promise = new Promise<LoadedRules>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

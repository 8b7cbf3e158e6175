import { expect, test } from 'vitest';
import { createRuleSetHolder, type LoadedRules } from '../../../src/evaluation/rule-set-holder.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import type { RuleSet } from '../../../src/rules/file/rule-set.ts';
import { aGroup, aRule } from '../../support/builders.ts';

function setUp(...loads: readonly (LoadedRules | Promise<LoadedRules>)[]) {
  const left = [...loads];
  const lines: string[] = [];
  const reloads: boolean[] = [];
  const replaced: RuleSet[] = [];
  const rules = createRuleSetHolder({
    groups: [aGroup()],
    load: async () => (await left.shift()) ?? { ok: false, text: 'nothing left' },
    recorder: { reloaded: ({ ok }) => reloads.push(ok) },
    logger: createLogger({ level: 'info', secrets: [], write: (line) => lines.push(line) }),
  });
  const watch = { replace: async (ruleSet: RuleSet) => void replaced.push(ruleSet) };
  return { rules, watch, lines, reloads, replaced };
}

const two = aGroup({ rules: [aRule({ name: 'A', key: 'A' }), aRule({ name: 'B', key: 'B' })] });

test('a good reload replaces the rules and counts them', async () => {
  const { rules, watch, replaced, reloads } = setUp({ ok: true, groups: [two], notes: [] });
  expect(await rules.reload(watch)).toEqual({ ok: true, message: '2 rules in 1 group in force' });
  expect(replaced).toEqual([rules.ruleSet()]);
  expect(rules.ruleSet().groups).toEqual([two]);
  expect(reloads).toEqual([true, true]);
});

test('a good reload replaces what the files say about notifications, too', async () => {
  const policy = { ...NO_POLICY, inhibitsByCallGraph: true };
  const { rules, watch } = setUp({ ok: true, groups: [two], notes: [], policy });
  expect(rules.ruleSet().policy).toBeUndefined();
  await rules.reload(watch);
  expect(rules.ruleSet().policy).toBe(policy);
});

test('a bad file leaves the rules alone and says so in the log, the metric and the answer', async () => {
  const { rules, watch, replaced, reloads, lines } = setUp({
    ok: false,
    text: 'rules.yaml:3:7: unknown key',
  });
  const before = rules.ruleSet();
  expect(await rules.reload(watch)).toEqual({
    ok: false,
    message: 'The rules in force stay as they are.\nrules.yaml:3:7: unknown key',
  });
  expect(rules.ruleSet()).toBe(before);
  expect(replaced).toEqual([]);
  expect(reloads).toEqual([true, false]);
  expect(lines.at(-1)).toContain('rules.yaml:3:7');
});

test('files that cannot be read are a refused reload, not an error', async () => {
  const { rules, watch, replaced, reloads } = setUp(Promise.reject(new Error('EACCES: /rules')));
  const before = rules.ruleSet();
  expect(await rules.reload(watch)).toEqual({
    ok: false,
    message: 'The rules in force stay as they are.\nThe rule files cannot be read: EACCES: /rules',
  });
  expect(rules.ruleSet()).toBe(before);
  expect(replaced).toEqual([]);
  expect(reloads).toEqual([true, false]);
});

test('two reloads at once are done one after the other', async () => {
  const first = deferred();
  const { rules, watch, replaced } = setUp(first.promise, { ok: true, groups: [two], notes: [] });
  const both = [rules.reload(watch), rules.reload(watch)];
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

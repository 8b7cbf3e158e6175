import { expect, test } from 'vitest';
import { createCommands } from '../../../src/commands/commands.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { sample, useActionsBed } from '../actions/actions-bed.ts';
import { open } from './bench.ts';

const bed = useActionsBed();

async function show(rule: string, rules: readonly SloRule[] = [aRule()]): Promise<string> {
  const { store } = bed;
  const { deps } = open([]);
  const ruleSet = () => ({ ...deps.ruleSet(), groups: [{ ...aGroup(), rules }], policy: NO_POLICY });
  const problemOf = () => 'no series has the label service';
  const links = createLinks({ prometheus: 'https://prometheus.example' });
  const commands = createCommands({ ...deps, links, store, ruleSet, problemOf });
  const answer = await commands.run({ kind: 'show-rule', rule }, { by: 'U1', now: bed.clock.now() });
  if (answer.kind !== 'lines') throw new Error(answer.kind);
  return answer.lines
    .map(({ phrase }) =>
      phrase.map((part) => (typeof part === 'string' ? part : Object.values(part)[0])).join(''),
    )
    .join('\n');
}

test('/slo show: the rule, how its alerts end, where they go, and its alerts', async () => {
  await bed.tick(0, [sample('checkout', 0.5)]);
  const shown = await show(aRule().name.toLowerCase());
  expect(shown).toContain(`Expression: ${aRule().expr}`);
  expect(shown).toMatch(
    /^Recovery: an alert ends when slow_share has a value that is not > 0.01\. Missing data /mu,
  );
  expect(shown).toContain('Destination: the default channel');
  expect(shown).toMatch(/^Last evaluation: \d+$/mu);
  expect(shown).toContain('Problem: no series has the label service');
  expect(shown).toMatch(/^firing: checkout since \d+/mu);
});

test.each<[string, Partial<SloRule>, string]>([
  [
    'with a long recovery query, which is a link',
    { recovery: { expr: `${'very_long_metric + '.repeat(9)}up`, comparison: '>', bound: 0.01 } },
    'Recovery: an alert ends when its recovery query has a value that is not > 0.01.',
  ],
  ['without a recovery condition', { recovery: undefined }, 'ends when the expression no longer returns it'],
  [
    'with data as its recovery',
    { recovery: { expr: 'up' }, noData: ms(15 * MINUTE) },
    'up has data and the expression no longer returns the alert. Missing data closes it after 15 min.',
  ],
  ['with a channel of its own', { channel: '#own' }, 'Destination: #own'],
])('a rule %s', async (_what, over, expected) => {
  const rule = { ...aRule(), ...over };
  expect(await show(rule.name, [rule])).toContain(expected);
});

test('a name with a typo is answered with the nearest one', async () => {
  expect(await show('CheckoutSlw')).toBe('No rule is named CheckoutSlw. Did you mean CheckoutSlow?');
});

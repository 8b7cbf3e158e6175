import { expect, test } from 'vitest';
import { createCommands } from '../../../src/commands/commands.ts';
import { after, MINUTE } from '../../../src/lib/units.ts';
import type { LedgerEntry } from '../../../src/messages/ledger.ts';
import { START } from '../../support/virtual-clock.ts';
import { open } from './bench.ts';

const ENTRIES: readonly LedgerEntry[] = [
  {
    at: after(START, MINUTE),
    kind: 'acknowledged',
    by: 'U0ANN',
    what: 'Slow checkout',
    service: 'checkout',
    outcome: 'mine',
  },
  { at: START, kind: 'posted', what: 'Slow cart', service: 'cart', permalink: 'https://slack.example/p1' },
];

async function history(service?: string): Promise<string> {
  const commands = createCommands({ ...open([]).deps, ledger: async () => ENTRIES });
  const answer = await commands.run({ kind: 'history', service }, { by: 'U1', now: after(START, MINUTE) });
  return JSON.stringify(answer.kind === 'lines' ? answer.lines.map(({ phrase }) => phrase) : answer);
}

test('/slo history lists who did what, with links, for all services or one', async () => {
  expect(await history()).toContain('acknowledged: Slow checkout (mine)');
  expect(await history()).toContain('"person":"U0ANN"');
  expect(await history()).toContain('https://slack.example/p1');
  expect(await history('cart')).not.toContain('checkout');
  expect(await history('auth')).toContain('Nothing is recorded about auth.');
});

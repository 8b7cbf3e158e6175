import { expect, it } from 'vitest';
import { actEntries } from '../../../src/actions/standing-alerts.ts';
import type { Acts, Alert } from '../../../src/alerts/alert.ts';
import { sharedEntries } from '../../../src/messages/decide-storms.ts';
import { asItStands } from '../../../src/messages/people-acts.ts';
import type { Store } from '../../../src/messages/store.ts';
import { at, many, play, seconds } from '../evaluation/rule-play.ts';

/** A storm of so many, and one of its alerts as it is stored. */
function stormOf(count: number) {
  const rule = play({ storm: 10, flap: 0 });
  rule.tick(0, many(count));
  const alert = rule.alerts()[0] as Alert;
  return { alert, storms: rule.storms() };
}

it.each([
  ['the message alone where it shows all of them', 12, [undefined]],
  ['the message and the reply that lists the alert, where there are replies', 120, [undefined, 3]],
])('what a person did is shown in %s', (_, count, pages) => {
  const { alert, storms } = stormOf(count);
  const entries = sharedEntries(at, seconds(0), { alerts: [alert], storms });
  expect(entries.map(({ kind, storm }) => [kind, storm?.page?.number])).toEqual(
    pages.map((page) => ['act', page]),
  );
});

it('a silence is told once to the thread that many share, an acknowledgement is shown for each', () => {
  const { alert, storms } = stormOf(12);
  const standing = { group: at.group.id, rule: at.rule, slot: seconds(0), alert, storms };
  const other: Alert = { ...alert, episode: 'other' };
  const ids = (name: string, told?: 'silenced'): readonly string[] =>
    [alert, other].flatMap((each) =>
      actEntries([{ of: standing, alert: each }], {
        name,
        ...(told === undefined
          ? {}
          : { told: { what: told, id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } }),
      }).map(({ id }) => id),
    );
  expect(new Set(ids('silence-1', 'silenced')).size).toBe(1);
  expect(new Set(ids('acknowledged')).size).toBe(2);
});

it('a silence of all that share messages is told to each message once', () => {
  const rule = play({ storm: 10, flap: 0 });
  rule.tick(0, many(120));
  const storms = rule.storms();
  const acted = rule.alerts().map((alert) => ({
    of: { group: at.group.id, rule: at.rule, slot: seconds(0), alert, storms },
    alert,
  }));
  const told = { what: 'silenced', id: 'silence-1', by: 'U0ANN00000', at: seconds(1) } as const;
  const entries = actEntries(acted, { name: 'silenced:silence-1', told });
  expect(entries.map(({ storm }) => storm?.page?.number)).toEqual([undefined, 1, 2, 3]);
});

it('the rows of a message show what people did until it is delivered', async () => {
  const [main] = play({ storm: 10, flap: 0 }).tick(0, many(12));
  const [worst, next] = main?.storm?.rows ?? [];
  const acknowledged = { by: 'U0ANN00000', at: seconds(5) };
  const acts = new Map<string, Acts>([[worst?.episode ?? '', { acknowledged }]]);
  const store = { acts: async () => acts } satisfies Partial<Store> as unknown as Store;
  if (main === undefined) throw new Error('a storm is told');
  const { storm } = await asItStands(store, main);
  expect(storm?.rows[0]).toEqual({ ...worst, acknowledged });
  expect(storm?.rows[1]).toEqual(next);
});

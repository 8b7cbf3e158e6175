import { describe, expect, it } from 'vitest';
import type { Alert, AlertActions } from '../../../src/alerts/alert.ts';
import { after, SECOND } from '../../../src/lib/units.ts';
import type { OutboxEntry, SilenceUpdate } from '../../../src/messages/store.ts';
import { asItStands } from '../../../src/messages/with-actions.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const ANN = { by: 'U0ANN', at: START };
const HUSH = { kind: 'silence', by: 'move', since: START, silence: { id: 'aa', by: 'U0ANN' } } as const;
const later = after(START, SECOND);

const anEntry = (over: Partial<OutboxEntry> = {}): OutboxEntry => ({
  id: 'x',
  alertId: anAlert().alertId,
  kind: 'act',
  group: 'g',
  alert: anAlert(),
  rule: aRule(),
  createdAt: START,
  notBefore: START,
  attempt: 1,
  ...over,
});

/** What is delivered when the store has this by then. */
async function delivered(entry: OutboxEntry, stored: { actions?: AlertActions; alert?: Alert } = {}) {
  const rule = aRule();
  return await asItStands(
    {
      loadGroup: async () =>
        stored.alert && {
          evalTime: later,
          rules: { [rule.key]: { rule, alerts: [stored.alert], health: { kind: 'ok' } } },
        },
      actions: async () =>
        new Map(stored.actions === undefined ? [] : [[entry.alert.alertId, stored.actions]]),
    },
    entry,
  );
}

describe('an entry is delivered as its alert stands by then', () => {
  it.each(['firing', 'refresh', 'no-data', 'resolved'] as const)(
    'a %s that was decided before shows who took it since, and keeps its own values',
    async (kind) => {
      const entry = anEntry({ kind });
      const shown = await delivered(entry, { actions: { acknowledged: ANN }, alert: anAlert({ value: 9 }) });
      expect(shown).toEqual({ ...entry, alert: { ...entry.alert, acknowledged: ANN } });
    },
  );

  it('one that was decided before an end by a person does not open the message again', async () => {
    const shown = await delivered(anEntry({ kind: 'data-back' }), { actions: { closed: ANN } });
    expect(shown.alert).toMatchObject({ state: 'resolved', resolveReason: 'closed' });
  });

  it('an act shows what an evaluation found meanwhile, as of that evaluation', async () => {
    const ended = anAlert({ state: 'resolved', resolvedAt: later, resolveReason: 'recovered' });
    const shown = await delivered(anEntry(), { actions: { acknowledged: ANN }, alert: ended });
    expect(shown).toMatchObject({ createdAt: later, alert: { ...ended, acknowledged: ANN } });
  });

  it('an act whose alert is forgotten shows what the person saw', async () => {
    expect(await delivered(anEntry())).toEqual(anEntry());
  });

  const news = (what: SilenceUpdate['what']): SilenceUpdate => ({ ...ANN, what, id: 'aa' });
  it.each<[string, SilenceUpdate['what'], Alert, Alert, Alert['suppressed']]>([
    ['a silence shows', 'silenced', anAlert({ suppressed: HUSH }), anAlert(), HUSH],
    [
      'a silence is not shown on what is over',
      'silenced',
      anAlert({ suppressed: HUSH }),
      anAlert({ state: 'resolved' }),
      undefined,
    ],
    ['the end of a silence shows', 'unsilenced', anAlert(), anAlert({ suppressed: HUSH }), undefined],
    [
      'the end of a silence leaves another one alone',
      'unsilenced',
      anAlert(),
      anAlert({ suppressed: { ...HUSH, silence: { id: 'bb', by: 'U0BOB' } } }),
      { ...HUSH, silence: { id: 'bb', by: 'U0BOB' } },
    ],
  ])('%s although an evaluation under way did not know of it', async (_, what, decided, alert, expected) => {
    const shown = await delivered(anEntry({ alert: decided, notified: news(what) }), { alert });
    expect(shown.alert.suppressed).toEqual(expected);
  });
});

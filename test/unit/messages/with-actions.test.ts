import { describe, expect, it } from 'vitest';
import type { Alert, AlertActions } from '../../../src/alerts/alert.ts';
import { after, before, SECOND } from '../../../src/lib/units.ts';
import type { DesiredMessage, SilenceUpdate } from '../../../src/messages/store.ts';
import { withLatestActions } from '../../../src/messages/with-actions.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const ANN = { by: 'U0ANN', at: START };
const SILENCED = { kind: 'silence', by: 'move', since: START, silence: { id: 'aa', by: 'U0ANN' } } as const;

const aMessage = (alert: Alert = anAlert()): DesiredMessage => ({
  group: 'g',
  alert,
  rule: aRule(),
  asOf: before(START, SECOND),
});

/** What is shown when the store has these actions by then. */
const shown = (message: DesiredMessage, given: { actions?: AlertActions; silence?: SilenceUpdate } = {}) =>
  withLatestActions(
    {
      actions: async () =>
        new Map(given.actions === undefined ? [] : [[message.alert.alertId, given.actions]]),
    },
    message,
    given.silence,
  );

describe('a message shows what people did after its evaluation', () => {
  it('who acknowledged it since, and its own values', async () => {
    const message = aMessage();
    expect(await shown(message, { actions: { acknowledged: ANN } })).toEqual({
      ...message,
      alert: { ...message.alert, acknowledged: ANN },
    });
  });

  it('that a person closed it: it does not open again', async () => {
    const { alert } = await shown(aMessage(), { actions: { closed: ANN } });
    expect(alert).toMatchObject({ state: 'resolved', resolveReason: 'closed' });
  });

  it('nothing where nobody did anything', async () => {
    expect(await shown(aMessage())).toEqual(aMessage());
  });

  const update = (what: SilenceUpdate['what']): SilenceUpdate => ({
    ...ANN,
    what,
    id: 'aa',
    comment: 'move',
  });
  it.each<[string, SilenceUpdate['what'], Alert, Alert['suppressed']]>([
    ['a silence shows', 'silenced', anAlert(), SILENCED],
    ['a silence is not shown on what has ended', 'silenced', anAlert({ state: 'resolved' }), undefined],
    ['the end of a silence shows', 'unsilenced', anAlert({ suppressed: SILENCED }), undefined],
    [
      'the end of a silence leaves another one alone',
      'unsilenced',
      anAlert({ suppressed: { ...SILENCED, silence: { id: 'bb', by: 'U0BOB' } } }),
      { ...SILENCED, silence: { id: 'bb', by: 'U0BOB' } },
    ],
  ])('%s although an evaluation under way did not know of it', async (_, what, alert, expected) => {
    const message = await shown(aMessage(alert), { silence: update(what) });
    expect(message.alert.suppressed).toEqual(expected);
  });

  it('a later evaluation knows of the silence itself', async () => {
    const message = { ...aMessage(), asOf: after(START, SECOND) };
    expect((await shown(message, { silence: update('silenced') })).alert.suppressed).toBeUndefined();
  });
});

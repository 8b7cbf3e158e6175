import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { after, SECOND } from '../../../src/lib/units.ts';
import { loadWithActions } from '../../../src/messages/with-actions.ts';
import { aGroup } from '../../support/builders.ts';
import { evalTimeAt } from '../../support/timeline.ts';
import { sample, useActionsBed } from './actions-bed.ts';

const bed = useActionsBed();

const BREACH = [sample('checkout', 0.5)];

/** The alert that has been firing since the first tick. */
async function firing(): Promise<Alert> {
  await bed.tick(0, BREACH);
  await bed.drain();
  const [alert] = await bed.stored();
  if (alert === undefined) throw new Error('nothing fires');
  return alert;
}

/** The same without data: after two ticks without samples. */
async function silent(): Promise<Alert> {
  await firing();
  for (const number of [1, 2, 3]) await bed.tick(number, []);
  await bed.drain();
  const [alert] = await bed.stored();
  expect(alert?.noDataSince).toBeDefined();
  return alert as Alert;
}

const by = (person: string, comment?: string) => ({
  by: person,
  now: after(bed.clock.now(), SECOND),
  ...(comment === undefined ? {} : { comment }),
});

describe('acknowledging', () => {
  it('updates the message at once, without a line in the thread', async () => {
    const { alertId } = await firing();
    expect(await bed.alerts.acknowledge({ alertId, ...by('U0ANN') })).toMatchObject({
      kind: 'done',
      action: { by: 'U0ANN' },
      alert: { state: 'firing', acknowledged: { by: 'U0ANN' } },
    });
    const [entry, ...more] = await bed.drain();
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ alertId, kind: 'act', update: { isTouched: true } });
    expect((await bed.store.actions([alertId])).get(alertId)).toMatchObject({
      acknowledged: { by: 'U0ANN' },
    });
    expect(entry).not.toMatchObject({ notified: expect.anything() });
  });

  it('a second time returns the first one, without another update', async () => {
    const { alertId } = await firing();
    await bed.alerts.acknowledge({ alertId, ...by('U0ANN') });
    await bed.drain();
    expect(await bed.alerts.acknowledge({ alertId, ...by('U0BOB') })).toMatchObject({
      kind: 'already',
      action: { by: 'U0ANN' },
    });
    expect(await bed.drain()).toEqual([]);
  });

  it('concurrently: only one counts', async () => {
    const { alertId } = await firing();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => bed.alerts.acknowledge({ alertId, ...by(`U0N${i}`) })),
    );
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'already')).toHaveLength(7);
  });

  it('is kept by a concurrent evaluation: the next one has it in its state', async () => {
    const { alertId } = await firing();
    const underWay = bed.tick(1, BREACH);
    await bed.alerts.acknowledge({ alertId, ...by('U0ANN') });
    await underWay;
    await bed.tick(2, BREACH);
    expect(await bed.stored()).toMatchObject([{ alertId, state: 'firing', acknowledged: { by: 'U0ANN' } }]);
  });

  it('does not replace a resolution that is decided meanwhile', async () => {
    const { alertId } = await firing();
    await bed.clock.advanceTo(after(evalTimeAt(1), SECOND));
    await bed.alerts.acknowledge({ alertId, by: 'U0ANN', now: bed.clock.now() });
    bed.metrics.answer('slow_share > 0.01', []);
    bed.metrics.answer('slow_share', [sample('checkout', 0.001)]);
    await bed.evaluate(aGroup(), evalTimeAt(1));
    const [act, end] = await bed.drain();
    expect([act?.kind, end?.kind]).toEqual(['act', 'resolved']);
    expect(act?.update.desired).toBeUndefined();
    expect(end?.alert).toMatchObject({ resolveReason: 'recovered' });
  });

  it('is not kept for the next occurrence', async () => {
    const { alertId } = await firing();
    await bed.alerts.acknowledge({ alertId, ...by('U0ANN') });
    await bed.tick(1, [], [sample('checkout', 0.001)]);
    await bed.tick(2, BREACH);
    const again = (await bed.stored()).find(({ state }) => state === 'firing');
    expect(again?.alertId).not.toBe(alertId);
    expect(again).not.toMatchObject({ acknowledged: expect.anything() });
  });

  it.each([
    [
      'that is resolved',
      async (): Promise<string> => {
        const { alertId } = await firing();
        await bed.tick(1, [], [sample('checkout', 0.001)]);
        return alertId;
      },
      'resolved',
    ],
    ['that is unknown', async (): Promise<string> => 'ffffffffffffffff-1', 'unknown'],
  ] as const)('an alert %s is rejected', async (_, set, kind) => {
    const alertId = await set();
    await bed.drain();
    expect(await bed.alerts.acknowledge({ alertId, ...by('U0ANN') })).toMatchObject({ kind });
    expect(await bed.drain()).toEqual([]);
  });
});

describe('closing', () => {
  it('an alert without data gives the message its final form, and resolves the state', async () => {
    const { alertId } = await silent();
    const outcome = await bed.alerts.close({ alertId, ...by('U0ANN', 'gone for good') });
    expect(outcome).toMatchObject({ kind: 'done', alert: { state: 'resolved' } });
    const [entry, ...more] = await bed.drain();
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      kind: 'resolved',
      alert: {
        resolveReason: 'closed',
        closed: { by: 'U0ANN', comment: 'gone for good' },
      },
    });
    expect((await loadWithActions(bed.store, aGroup().id))?.rules).toMatchObject({
      CheckoutSlow: { alerts: [{ state: 'resolved' }] },
    });
    await bed.tick(4, []);
    expect(await bed.stored()).toMatchObject([{ state: 'resolved', resolveReason: 'closed' }]);
    expect(await bed.drain()).toEqual([]);
  });

  it('a later breach is a new alert with its own message', async () => {
    const { alertId } = await silent();
    await bed.alerts.close({ alertId, ...by('U0ANN') });
    await bed.drain();
    await bed.tick(4, BREACH);
    const entries = await bed.drain();
    expect(entries.map(({ kind }) => kind)).toEqual(['firing']);
    expect(entries[0]?.alertId).not.toBe(alertId);
  });

  it('when data comes back at the same time: two alerts, each with one resolution, and no open message', async () => {
    const { alertId } = await silent();
    const underWay = bed.tick(4, BREACH);
    await bed.alerts.close({ alertId, ...by('U0ANN') });
    await underWay;
    await bed.tick(5, BREACH);
    await bed.tick(6, [], [sample('checkout', 0.001)]);
    const ends = (await bed.drain()).filter(({ kind }) => kind === 'resolved').map((entry) => entry.alertId);
    expect(ends).toContain(alertId);
    expect(new Set(ends).size).toBe(ends.length);
    expect((await bed.stored()).every(({ state }) => state === 'resolved')).toBe(true);
  });

  it('a second time returns the first one', async () => {
    const { alertId } = await silent();
    await bed.alerts.close({ alertId, ...by('U0ANN') });
    expect(await bed.alerts.close({ alertId, ...by('U0BOB') })).toMatchObject({
      kind: 'already',
      action: { by: 'U0ANN' },
    });
  });

  it('an alert with data is rejected', async () => {
    const { alertId } = await firing();
    expect(await bed.alerts.close({ alertId, ...by('U0ANN') })).toMatchObject({ kind: 'has-data' });
    expect(await bed.drain()).toEqual([]);
  });
});

it('unreadable actions are ignored; a store that does not respond is an error', async () => {
  const { alertId } = await firing();
  const failing = (code: 'bad-answer' | 'unavailable') => ({
    ...bed.store,
    actions: async () => {
      throw new UpstreamError({ system: 'store', code, message: 'x', advice: 'y' });
    },
  });
  const read = await loadWithActions(failing('bad-answer'), aGroup().id);
  expect(Object.values(read?.rules ?? {})[0]?.alerts).toMatchObject([{ alertId, state: 'firing' }]);
  await expect(loadWithActions(failing('unavailable'), aGroup().id)).rejects.toMatchObject({
    code: 'unavailable',
  });
});

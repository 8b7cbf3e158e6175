import { describe, expect, it } from 'vitest';
import { createCurrentPolicy } from '../../../src/actions/silences.ts';
import { createEvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Matcher } from '../../../src/lib/matcher.ts';
import { after, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { withLatestActions } from '../../../src/messages/with-actions.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { aGroup } from '../../support/builders.ts';
import type { Decided } from '../../support/decided.ts';
import { createSpyRecorder } from '../../support/spies.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { START } from '../../support/virtual-clock.ts';
import { sample, useActionsBed } from './actions-bed.ts';

const bed = useActionsBed();

const CHECKOUT: readonly Matcher[] = [{ label: 'service', operator: '=', value: 'checkout' }];
const BOTH = [sample('checkout', 0.5), sample('cart', 0.4)];

const silence = (over: { lasts?: number; by?: string; key?: string; comment?: string } = {}) =>
  bed.silences.silence({
    matchers: CHECKOUT,
    duration: ms(over.lasts ?? HOUR),
    comment: over.comment ?? 'moving it',
    by: over.by ?? 'U0ANN',
    now: bed.clock.now(),
    ...(over.key === undefined ? {} : { key: over.key }),
  });
const kinds = async (): Promise<readonly string[]> =>
  (await bed.drain()).map(({ kind, alert }) => `${kind} ${alert.labels['service'] ?? ''}`);

/** What a message shows after an update, until the next evaluation. */
const shown = (entry: Decided | undefined) => {
  if (entry === undefined) throw new Error('nothing was decided');
  const { alert, rule, notified } = entry;
  return withLatestActions(bed.store, { group: 'g', alert, rule, asOf: START }, notified);
};

describe('a silence', () => {
  it('is announced in the thread of every message that it suppresses, with its creator and its end', async () => {
    await bed.tick(0, BOTH);
    await bed.drain();
    const { silence: made, alerts } = await silence();
    expect(alerts.map(({ labels }) => labels['service'])).toEqual(['checkout']);
    const entries = await bed.drain();
    expect(entries).toMatchObject([
      {
        kind: 'act',
        id: `${alerts[0]?.alertId ?? ''}:silenced:${made.id}`,
        notified: { what: 'silenced', by: 'U0ANN', until: after(START, HOUR), comment: 'moving it' },
      },
    ]);
    expect((await shown(entries[0])).alert).toMatchObject({
      suppressed: { kind: 'silence', silence: { id: made.id, by: 'U0ANN' } },
    });
  });

  it('suppresses new alerts, which are evaluated as before', async () => {
    await silence();
    await bed.tick(0, BOTH);
    expect(await kinds()).toEqual(['firing cart']);
    expect(await bed.stored()).toMatchObject([
      { state: 'firing', labels: { service: expect.any(String) as string } },
      { state: 'firing', labels: { service: expect.any(String) as string } },
    ]);
  });

  it('expires: alerts that still fire are posted then', async () => {
    await silence({ lasts: MINUTE });
    await bed.tick(0, BOTH);
    await bed.tick(1, BOTH);
    expect(await kinds()).toEqual(['firing cart']);
    await bed.tick(2, BOTH);
    expect(await kinds()).toContain('firing checkout');
  });

  it('hides alerts that recover before it ends', async () => {
    await silence({ lasts: MINUTE });
    await bed.tick(0, BOTH);
    await bed.tick(1, [], [sample('checkout', 0.001), sample('cart', 0.001)]);
    await bed.tick(2, []);
    expect(await kinds()).toEqual(['firing cart', 'resolved cart']);
  });

  it('does not suppress the resolution of a posted alert', async () => {
    await bed.tick(0, BOTH);
    await silence();
    await bed.tick(1, [sample('cart', 0.4)], [sample('checkout', 0.001)]);
    expect(await kinds()).toContain('resolved checkout');
  });

  it('of a form that is sent twice is created once', async () => {
    const first = await silence({ key: 'V0FORM' });
    await bed.clock.advance(SECOND);
    const second = await silence({ key: 'V0FORM' });
    expect(second.silence).toEqual(first.silence);
    expect(await bed.silences.list(bed.clock.now())).toHaveLength(1);
  });

  it('of a command that is sent twice is created twice', async () => {
    await silence();
    await bed.clock.advance(SECOND);
    await silence();
    expect(await bed.silences.list(bed.clock.now())).toHaveLength(2);
  });
});

describe('ending a silence early', () => {
  it('is announced in the threads, and alerts that still fire are posted by the next evaluation', async () => {
    await bed.tick(0, [sample('checkout', 0.5)]);
    await bed.drain();
    const { silence: made } = await silence();
    await bed.tick(1, BOTH);
    await bed.drain();
    await bed.clock.advance(SECOND);
    const now = bed.clock.now();
    const ended = await bed.silences.unsilence({ id: made.id, by: 'U0BOB', now });
    expect(ended).toMatchObject({ kind: 'ended', silence: { endsAt: now, ended: { by: 'U0BOB' } } });
    const [entry] = await bed.drain();
    expect(entry).toMatchObject({ kind: 'act', notified: { what: 'unsilenced', by: 'U0BOB' } });
    expect((await shown(entry)).alert.suppressed).toBeUndefined();
    expect(await bed.silences.unsilence({ id: made.id, by: 'U0ANN', now: after(now, SECOND) })).toMatchObject(
      {
        kind: 'already-ended',
        silence: { ended: { by: 'U0BOB' } },
      },
    );
  });

  it('with an unknown id returns the active ones', async () => {
    const { silence: made } = await silence();
    expect(await bed.silences.unsilence({ id: '00000000', by: 'U0ANN', now: bed.clock.now() })).toEqual({
      kind: 'unknown',
      ids: [made.id],
    });
  });
});

it('the list has silences of users and of the rule files, with the number of alerts of each', async () => {
  const ofFile = { matchers: [], endsAt: after(START, HOUR), createdBy: 'ann', comment: 'planned' };
  bed.usePolicy({ silences: [ofFile, { ...ofFile, endsAt: START }] });
  await silence({ lasts: MINUTE });
  await bed.tick(0, BOTH);
  const rows = await bed.silences.list(bed.clock.now());
  expect(rows.map(({ silence: each, alerts }) => [each.createdBy, alerts])).toEqual([
    ['U0ANN', 1],
    ['ann', 2],
  ]);
  expect(await bed.silences.list(after(START, ms(2 * MINUTE)))).toMatchObject([{ alerts: 0 }, {}]);
});

describe('silences that cannot be read', () => {
  const evaluation = (code: 'bad-answer' | 'unavailable') => {
    let reads = 0;
    const evaluate = createEvaluateGroup({
      store: bed.store,
      metrics: bed.metrics,
      clock: bed.clock,
      logger: bed.logger,
      recorder: createSpyRecorder(),
      expand: expandValue,
      notifications: {
        policy: () => NO_POLICY,
        localTime: () => ({ year: 2026, month: 11, day: 20, weekday: 5, minute: 0 }),
        callGraphAt: async () => undefined,
        currentPolicy: createCurrentPolicy(
          () => NO_POLICY,
          async () => {
            reads += 1;
            throw new UpstreamError({ system: 'store', code, message: 'x', advice: 'y' });
          },
        ),
      },
    });
    return { evaluate, reads: () => reads };
  };

  it('because one is unreadable: every alert is notified', async () => {
    bed.metrics.answer('slow_share > 0.01', BOTH);
    const { evaluate } = evaluation('bad-answer');
    expect((await evaluate(aGroup(), evalTimeAt(0))).kind).toBe('applied');
    expect(await kinds()).toHaveLength(2);
  });

  it('because the store does not respond: nothing is notified, and nothing is lost', async () => {
    bed.metrics.answer('slow_share > 0.01', BOTH);
    const { evaluate } = evaluation('unavailable');
    expect((await evaluate(aGroup(), evalTimeAt(0))).kind).toBe('store-error');
    expect(await kinds()).toEqual([]);
    await bed.tick(1, BOTH);
    expect(await kinds()).toHaveLength(2);
  });

  it('are not read while nothing is firing', async () => {
    bed.metrics.answer('slow_share > 0.01', []);
    const { evaluate, reads } = evaluation('unavailable');
    expect((await evaluate(aGroup(), evalTimeAt(0))).kind).toBe('applied');
    expect(reads()).toBe(0);
  });
});

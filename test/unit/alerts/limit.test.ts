import { describe, expect, it } from 'vitest';
import { stepRule } from '../../../src/alerts/step-rule.ts';
import { ms } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { expandValue, runTimeline, slotAt, TICK } from '../../support/timeline.ts';

const ticks = (count: number) => ms(count * TICK);

describe('a rule that goes over its limit', () => {
  const rule = aRule({ for: ticks(1) });
  const input = { rule, group: aGroup({ limit: 2 }), expand: expandValue };
  const breaching = (...services: readonly string[]) =>
    ({
      kind: 'vector',
      samples: services.map((service) => ({ labels: { service }, value: 0.5 })),
    }) as const;
  const first = stepRule({ ...input, previous: undefined, evaluation: breaching('a'), evalTime: slotAt(0) });
  const fired = stepRule({
    ...input,
    previous: first.next,
    evaluation: breaching('a', 'b'),
    evalTime: slotAt(1),
  });

  it('may have as many alerts as the limit says', () => {
    expect(fired.next.health).toEqual({ kind: 'ok' });
    expect(fired.next.alerts.map(({ state }) => state).sort()).toEqual(['firing', 'pending']);
  });

  const over = stepRule({
    ...input,
    previous: fired.next,
    evaluation: breaching('a', 'b', 'c'),
    evalTime: slotAt(2),
  });

  it('loses all its alerts and says why', () => {
    expect(over.next.alerts.filter(({ state }) => state !== 'resolved')).toEqual([]);
    expect(over.next.health).toEqual({ kind: 'rule-error', message: 'exceeded limit of 2 with 3 alerts' });
  });

  it('ends the alerts that people know of with that reason, and only those', () => {
    const notified = over.transitions.map(
      ({ kind, alert }) => `${alert.labels['service']} ${kind} ${alert.resolveReason ?? ''}`,
    );
    expect(notified.sort()).toEqual(['a resolved limit-exceeded', 'b dropped ']);
  });

  it('lets an end that was proven in the same tick stand', () => {
    const recoverySamples = [{ labels: { service: 'a' }, value: 0 }];
    const { transitions } = stepRule({
      ...input,
      previous: fired.next,
      evaluation: { ...breaching('b', 'c', 'd'), recoverySamples },
      evalTime: slotAt(2),
    });
    const ends = transitions.filter(({ kind }) => kind === 'resolved');
    expect(ends.map(({ alert }) => alert.resolveReason)).toEqual(['recovered']);
  });

  it('says nothing more while it stays over, and starts anew when it is back under', () => {
    const still = stepRule({
      ...input,
      previous: over.next,
      evaluation: breaching('a', 'b', 'c'),
      evalTime: slotAt(3),
    });
    expect(still.transitions).toEqual([]);
    const back = stepRule({
      ...input,
      previous: still.next,
      evaluation: breaching('a'),
      evalTime: slotAt(4),
    });
    expect(back.transitions.map(({ kind }) => kind)).toEqual(['pending']);
  });
});

describe('an alert that has fired and was taken back to pending by a raised for, in Prometheus mode', () => {
  it('still ends with a resolve, since people have seen it', () => {
    const { transitions } = runTimeline('0.5 0.5 _', {
      isPrometheus: true,
      reload: { tick: 1, rule: { for: ticks(9) } },
    });
    expect(transitions).toEqual([
      [0, 'firing'],
      [2, 'resolved'],
    ]);
  });
});

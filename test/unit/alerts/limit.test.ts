import { describe, expect, it } from 'vitest';
import { stepRule } from '../../../src/alerts/step-rule.ts';
import { ms } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { evalTimeAt, expandValue, runTimeline, TICK } from '../../support/timeline.ts';

const ticks = (count: number) => ms(count * TICK);

describe('a rule that exceeds its limit', () => {
  const rule = aRule({ for: ticks(1) });
  const input = { rule, group: aGroup({ limit: 2 }), expand: expandValue };
  const breaching = (...services: readonly string[]) =>
    ({
      kind: 'vector',
      samples: services.map((service) => ({ labels: { service }, value: 0.5 })),
    }) as const;
  const first = stepRule({
    ...input,
    previous: undefined,
    evaluation: breaching('a'),
    evalTime: evalTimeAt(0),
  });
  const fired = stepRule({
    ...input,
    previous: first.next,
    evaluation: breaching('a', 'b'),
    evalTime: evalTimeAt(1),
  });

  it('may have as many alerts as the limit', () => {
    expect(fired.next.health).toEqual({ kind: 'ok' });
    expect(fired.next.alerts.map(({ state }) => state).sort()).toEqual(['firing', 'pending']);
  });

  const over = stepRule({
    ...input,
    previous: fired.next,
    evaluation: breaching('a', 'b', 'c'),
    evalTime: evalTimeAt(2),
  });

  it('drops all its alerts with the reason', () => {
    expect(over.next.alerts.filter(({ state }) => state !== 'resolved')).toEqual([]);
    expect(over.next.health).toEqual({ kind: 'rule-error', message: 'exceeded limit of 2 with 3 alerts' });
  });

  it('resolves the alerts that fired with that reason, and only those', () => {
    const notified = over.transitions.map(
      ({ kind, alert }) => `${alert.labels['service']} ${kind} ${alert.resolveReason ?? ''}`,
    );
    expect(notified.sort()).toEqual(['a resolved limit-exceeded', 'b dropped ']);
  });

  it('keeps the reason of an alert that recovered in the same tick', () => {
    const recoverySamples = [{ labels: { service: 'a' }, value: 0 }];
    const { transitions } = stepRule({
      ...input,
      previous: fired.next,
      evaluation: { ...breaching('b', 'c', 'd'), recoverySamples },
      evalTime: evalTimeAt(2),
    });
    const ends = transitions.filter(({ kind }) => kind === 'resolved');
    expect(ends.map(({ alert }) => alert.resolveReason)).toEqual(['recovered']);
  });

  it('has no more transitions while it exceeds the limit, and starts again when it is below', () => {
    const still = stepRule({
      ...input,
      previous: over.next,
      evaluation: breaching('a', 'b', 'c'),
      evalTime: evalTimeAt(3),
    });
    expect(still.transitions).toEqual([]);
    const back = stepRule({
      ...input,
      previous: still.next,
      evaluation: breaching('a'),
      evalTime: evalTimeAt(4),
    });
    expect(back.transitions.map(({ kind }) => kind)).toEqual(['pending']);
  });
});

describe('an alert that has fired and returned to pending by a raised for, in Prometheus mode', () => {
  it('is resolved, because its message was posted', () => {
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

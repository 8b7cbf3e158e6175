import { describe, expect, it } from 'vitest';
import { stepRule } from '../../../../src/domain/alert/step.ts';
import { aGroup, aRule } from '../../../support/builders.ts';
import { expandValue, slotAt } from '../../../support/timeline.ts';

describe('the identity of an alert', () => {
  it('ends an alert whose series goes on under other labels, such as a severity that depends on the value', () => {
    const rule = aRule({ labels: { severity: 'level $value' } });
    const input = { rule, group: aGroup(), expand: expandValue };
    const at = (value: number) =>
      ({ kind: 'vector', samples: [{ labels: { service: 'a' }, value }], evidence: [] }) as const;
    const first = stepRule({ ...input, previous: undefined, evaluation: at(1), slot: slotAt(0) });
    const second = stepRule({ ...input, previous: first.next, evaluation: at(2), slot: slotAt(1) });
    expect(second.transitions.map(({ kind, alert }) => `${alert.labels['severity']} ${kind}`).sort()).toEqual(
      ['level 1 resolved', 'level 2 firing'],
    );
  });
});

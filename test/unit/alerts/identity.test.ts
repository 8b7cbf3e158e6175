import { array, assert, constantFrom, dictionary, property, record, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breachesOf } from '../../../src/alerts/identity.ts';
import { stepRule } from '../../../src/alerts/step-rule.ts';
import { fingerprint } from '../../../src/lib/labels.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';

describe('the identity of an alert', () => {
  it('resolves an alert whose series continues with other labels, such as a severity that depends on the value', () => {
    const rule = aRule({ labels: { severity: 'level $value' } });
    const input = { rule, group: aGroup(), expand: expandValue };
    const at = (value: number) =>
      ({ kind: 'vector', samples: [{ labels: { service: 'a' }, value }], recoverySamples: [] }) as const;
    const first = stepRule({ ...input, previous: undefined, evaluation: at(1), evalTime: evalTimeAt(0) });
    const second = stepRule({ ...input, previous: first.next, evaluation: at(2), evalTime: evalTimeAt(1) });
    expect(second.transitions.map(({ kind, alert }) => `${alert.labels['severity']} ${kind}`).sort()).toEqual(
      ['level 1 resolved', 'level 2 firing'],
    );
  });

  const name = constantFrom('__name__', 'alertname', 'a', 'b', 'c', 'team', 'zone');
  const labels = dictionary(name, constantFrom('', 'x', 'y', '$value'));

  it("is that of the element's labels, overwritten one by one by the rule's", () => {
    assert(
      property(labels, labels, (element, own) => {
        const rule = aRule({ name: 'A', labels: own });
        const expected: Record<string, string> = { ...element };
        delete expected['__name__'];
        for (const [label, text] of Object.entries(own)) expected[label] = text.replace('$value', '7');
        expected['alertname'] = 'A';
        const kept = Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== ''));
        const [breach] = breachesOf(rule, [{ labels: element, value: 7 }], expandValue)?.values() ?? [];
        expect(breach?.labels).toEqual(kept);
        expect(breach?.fingerprint).toBe(fingerprint(kept));
        expect(Object.keys(breach?.labels ?? {})).toEqual(Object.keys(kept).sort());
      }),
    );
  });

  it('is the same in every evaluation, and changes with the value of a template', () => {
    const rule = aRule({ labels: { level: '$value' } });
    const labels = { service: 'a' };
    const levelAt = (value: number) => {
      const [breach] = breachesOf(rule, [{ labels: { ...labels }, value }], expandValue)?.values() ?? [];
      return breach?.labels['level'];
    };
    expect([levelAt(1), levelAt(1), levelAt(2), levelAt(1)]).toEqual(['1', '1', '2', '1']);
  });

  it('does not depend on earlier evaluations, whichever elements are added, removed and reordered', () => {
    const element = record({
      labels: record({
        service: constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
        zone: constantFrom('x', 'y'),
      }),
      value: constantFrom(1, 2),
    });
    const result = uniqueArray(element, {
      selector: ({ labels: { service, zone }, value }) => `${service} ${zone} ${value}`,
    });
    assert(
      property(array(result, { minLength: 1, maxLength: 4 }), (results) => {
        const rule = aRule({ labels: { severity: 'level $value' } });
        for (const samples of results)
          expect(breachesOf(rule, samples, expandValue)).toEqual(
            breachesOf({ ...rule }, [...samples], expandValue),
          );
      }),
    );
  });

  it('is not computed again for an element that is in the next result', () => {
    const rule = aRule();
    const samples = (...names: readonly string[]) =>
      names.map((service) => ({ labels: { service }, value: 1 }));
    const labelsOf = (...names: readonly string[]) =>
      new Map(
        [...(breachesOf(rule, samples(...names), expandValue)?.values() ?? [])].map(
          (breach) => [breach.series['service'] ?? '', breach.labels] as const,
        ),
      );
    const first = labelsOf('a', 'b', 'c', 'd');
    const second = labelsOf('a', 'new', 'c', 'd');
    for (const name of ['a', 'c', 'd']) expect(second.get(name), name).toBe(first.get(name));
  });

  it('is different where a value looks like another label', () => {
    const rule = aRule();
    const [a, b] = [{ x: '1', y: '2' }, { x: '11:y1:2' }];
    const found = [a, b].map((labels) => [
      ...(breachesOf(rule, [{ labels, value: 1 }], expandValue)?.keys() ?? []),
    ]);
    expect(found[0]).not.toEqual(found[1]);
  });
});

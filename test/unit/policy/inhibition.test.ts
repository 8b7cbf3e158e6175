import { describe, expect, it } from 'vitest';
import type { Labels } from '../../../src/lib/labels.ts';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { createInhibitionIndex, type Inhibitor, type InhibitRule } from '../../../src/policy/inhibition.ts';

const matchers = (text: string): InhibitRule['source'] => {
  const read = parseMatchers(text);
  return read.ok ? read.matchers : [];
};
const RULES: readonly InhibitRule[] = [
  { source: matchers('severity="page"'), target: matchers('severity=~"page|ticket"'), equal: ['service'] },
  { source: matchers('alertname="Down"'), target: matchers('severity="ticket"'), equal: ['zone', 'rack'] },
];
const alert = (alertId: string, labels: Labels) => ({ alertId, labels });

const rows: Readonly<Record<string, readonly [Labels, readonly Labels[], string | undefined]>> = {
  'a source of the same service': [
    { severity: 'ticket', service: 'a' },
    [{ severity: 'page', service: 'a' }],
    'source-0',
  ],
  'not a source of another service': [
    { severity: 'ticket', service: 'a', zone: 'z' },
    [{ severity: 'page', service: 'b' }],
    undefined,
  ],
  'labels that both lack are equal': [
    { severity: 'ticket', service: 'a' },
    [{ alertname: 'Down' }],
    'source-0',
  ],
  'a label that one lacks is not equal to one with a value': [
    { severity: 'ticket', service: 'a', rack: '7' },
    [{ alertname: 'Down' }],
    undefined,
  ],
  'an empty label is a missing one': [
    { severity: 'ticket', service: 'a', rack: '' },
    [{ alertname: 'Down' }],
    'source-0',
  ],
  'two that are both source and target do not suppress each other': [
    { severity: 'page', service: 'a' },
    [{ severity: 'page', service: 'a' }],
    undefined,
  ],
  'an alert that is not a target is not inhibited': [{ severity: 'info' }, [{ severity: 'page' }], undefined],
  'the first matching source is returned': [
    { severity: 'ticket', service: 'a' },
    [{ severity: 'info' }, { severity: 'page', service: 'a' }, { alertname: 'Down' }],
    'source-1',
  ],
};

/** All of them are in one group. */
function createInhibition(rules: readonly InhibitRule[], firing: readonly Inhibitor[]) {
  const index = createInhibitionIndex(rules);
  index.set('g', firing);
  return (target: Inhibitor) => index.inhibitorOf(target, 'g');
}

describe('inhibition over several groups', () => {
  const source = (id: string, service = 'a') => alert(id, { severity: 'page', service });
  const target = alert('target', { severity: 'ticket', service: 'a' });

  it('is by an alert of the own group first, then by one of another group, while it fires', () => {
    const index = createInhibitionIndex(RULES);
    index.set('one', [source('s1')]);
    index.set('two', [source('s2')]);
    expect(index.inhibitorOf(target, 'two')?.alertId).toBe('s2');
    expect(index.inhibitorOf(target, 'three')?.alertId).toBe('s1');
    index.set('one', [source('s1b')]);
    expect(index.inhibitorOf(target, 'three')?.alertId).toBe('s1b');
    index.set('one', []);
    expect(index.inhibitorOf(target, 'three')?.alertId).toBe('s2');
    index.set('two', [source('s2', 'b')]);
    expect(index.inhibitorOf(target, 'three')).toBeUndefined();
  });

  it('costs a look at the own alerts of the group that changes, whatever the others have', () => {
    let looks = 0;
    const index = createInhibitionIndex(RULES);
    const counted = (id: string, labels: Labels) =>
      alert(
        id,
        new Proxy(labels, {
          get: (of: Labels, name: string) => {
            looks += 1;
            return of[name];
          },
        }),
      );
    for (let group = 0; group < 200; group++)
      index.set(`g${group}`, [counted(`e${group}`, { severity: 'page', service: `s${group}` })]);
    const before = looks;
    index.set('g0', [counted('e0', { severity: 'page', service: 's0' })]);
    expect(looks - before).toBeLessThan(20);
  });
});

describe('inhibition by rules', () => {
  it.each(Object.entries(rows))('%s', (_, [target, sources, expected]) => {
    const firing = sources.map((labels, i) => alert(`source-${i}`, labels));
    expect(createInhibition(RULES, firing)(alert('target', target))?.alertId).toBe(expected);
  });

  it('never inhibits an alert by itself', () => {
    const self = alert('self', { severity: 'ticket', alertname: 'Down' });
    expect(createInhibition(RULES, [self])(self)).toBeUndefined();
  });

  it('matches each of thousands of alerts a few times, not once for each other', () => {
    let looks = 0;
    const alerts = Array.from({ length: 1_000 }, (_, index) => {
      const labels: Labels = { severity: index % 2 === 0 ? 'page' : 'ticket', service: `s${index % 500}` };
      const get = (_target: Labels, name: string): string | undefined => {
        looks += 1;
        return labels[name];
      };
      return alert(`e${index}`, new Proxy(labels, { get }));
    });
    const inhibitorOf = createInhibition(RULES, alerts);
    for (const each of alerts) inhibitorOf(each);
    expect(looks).toBeLessThan(alerts.length * 20);
  });
});

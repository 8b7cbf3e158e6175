import { describe, expect, it } from 'vitest';
import type { Labels } from '../../../src/lib/labels.ts';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { createInhibition, type InhibitRule } from '../../../src/policy/inhibition.ts';

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

import { describe, expect, it } from 'vitest';
import { stepRule } from '../../../src/alerts/step-rule.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { ms } from '../../../src/lib/units.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { aGroup, aPlainRule } from '../../support/builders.ts';
import { evalTimeAt, expandValue, runTimeline, TICK, type TimelineOptions } from '../../support/timeline.ts';

const ticks = (count: number) => ms(count * TICK);

interface Row {
  readonly expr: string;
  readonly states: string;
  readonly rule?: Partial<SloRule>;
  readonly reload?: TimelineOptions['reload'];
}

describe('the state machine as Prometheus has it', () => {
  const rows: Readonly<Record<string, Row>> = {
    'fires at the first breach without for': { expr: '_ 1 1 _', states: '.FF.' },
    'waits for as long as for says': { expr: '1 1 1 1', states: 'PPFF', rule: { for: ticks(2) } },
    'waits one more tick when for is shorter than the interval': {
      expr: '1 1',
      states: 'PF',
      rule: { for: ms(TICK / 2) },
    },
    'drops a pending alert that is not returned, and starts again': {
      expr: '1 1 _ 1 1 1',
      states: 'PP.PPF',
      rule: { for: ticks(2) },
    },
    'resolves a firing alert that is not returned': {
      expr: '1 1 _ 1',
      states: 'PF.P',
      rule: { for: ticks(1) },
    },
    'counts zero as an element': { expr: '0 0', states: 'FF' },
    'counts NaN as an element': { expr: 'NaN NaN', states: 'FF' },
    'keeps firing for keep_firing_for': {
      expr: '1 _ _ _ _',
      states: 'FKK..',
      rule: { keepFiringFor: ticks(2) },
    },
    'restarts keep_firing_for after another breach': {
      expr: '1 _ 1 _ _ _',
      states: 'FKFKK.',
      rule: { keepFiringFor: ticks(2) },
    },
    'does not keep a pending alert for keep_firing_for': {
      expr: '1 _',
      states: 'P.',
      rule: { for: ticks(1), keepFiringFor: ticks(5) },
    },
    'keeps its state through an error of the source': {
      expr: '1 1 X 1 X _',
      states: 'PFFFF.',
      rule: { for: ticks(1) },
    },
    'keeps its state through an error of the rule': { expr: '1 E 1 _', states: 'FFF.' },
    'continues for during an error': { expr: '1 X X 1', states: 'PPPF', rule: { for: ticks(3) } },
    'goes back to pending when a reload raises for': {
      expr: '1 1 1 1 1 1',
      states: 'PFFPPF',
      rule: { for: ticks(1) },
      reload: { tick: 3, rule: { for: ticks(5) } },
    },
    'goes back to pending when a reload raises for, also if only keep_firing_for holds it': {
      expr: '1 1 _ _ _',
      states: 'PFKP.',
      rule: { for: ticks(1), keepFiringFor: ticks(5) },
      reload: { tick: 3, rule: { for: ticks(9) } },
    },
    'fires at once when a reload lowers for': {
      expr: '1 1 1',
      states: 'PFF',
      rule: { for: ticks(9) },
      reload: { tick: 1, rule: { for: ticks(1) } },
    },
  };

  it.each(Object.entries(rows))('%s', (_, { expr, states, rule = {}, reload }) => {
    const options = { rule, isPrometheus: true, ...(reload === undefined ? {} : { reload }) };
    expect(runTimeline(expr, options).states).toBe(states);
  });

  it('needs no mode for a rule without a recovery condition', () => {
    const { recovery: _evidence, ...rule } = aPlainRule({ keepFiringFor: ticks(1) });
    const input = { rule, group: aGroup(), evalTime: evalTimeAt(0), expand: expandValue };
    const fired = stepRule({
      ...input,
      previous: undefined,
      evaluation: { kind: 'vector', samples: [{ labels: {}, value: 1 }] },
    });
    const gone = { kind: 'vector', samples: [] } as const;
    const kept = stepRule({ ...input, previous: fired.next, evaluation: gone, evalTime: evalTimeAt(1) });
    const ended = stepRule({ ...input, previous: kept.next, evaluation: gone, evalTime: evalTimeAt(2) });
    expect(ended.transitions).toMatchObject([
      { kind: 'resolved', alert: { resolveReason: 'no-longer-returned', resolvedAt: evalTimeAt(2) } },
    ]);
  });

  it('keeps a resolved alert for fifteen minutes and no longer', () => {
    const row = `1 ${'_ '.repeat(32)}`;
    const { alerts } = runTimeline(row, { isPrometheus: true });
    expect(alerts[31]?.state).toBe('resolved');
    expect(alerts[32]).toBeUndefined();
  });

  it('updates value and annotations of a known alert, and keeps those of one that is not returned', () => {
    const rule = { annotations: { summary: 'value $value' }, keepFiringFor: ticks(9) };
    const { alerts } = runTimeline('0.5 0.7 _', { rule, isPrometheus: true });
    expect(alerts.map((alert) => [alert?.value, alert?.annotations['summary']])).toEqual([
      [0.5, 'value 0.5'],
      [0.7, 'value 0.7'],
      [0.7, 'value 0.7'],
    ]);
  });

  it('stores when it became active and when it fired', () => {
    const { alerts } = runTimeline('1 1 1', { rule: { for: ticks(2) } });
    expect(alerts[2]).toMatchObject({ activeAt: evalTimeAt(0), firedAt: evalTimeAt(2) });
  });
});

describe('the labels of an alert', () => {
  const labelsFor = (rule: Partial<SloRule>, sample: Sample) =>
    stepRule({
      rule: aPlainRule({ name: 'Slow', ...rule }),
      group: aGroup(),
      previous: undefined,
      evaluation: { kind: 'vector', samples: [sample] },
      evalTime: evalTimeAt(0),
      expand: (text, { labels, value }) =>
        text.replace(/\{\{(\w+)\}\}/g, (_, name: string) =>
          name === 'value' ? String(value) : (labels[name] ?? ''),
        ),
    }).next.alerts[0]?.labels;

  const sample = { labels: { __name__: 'm', service: 'checkout', zone: 'a' }, value: 2 };
  const rows: Readonly<Record<string, readonly [Partial<SloRule>, Sample, Record<string, string>]>> = {
    'are those of the result without its metric name, and alertname': [
      {},
      sample,
      { alertname: 'Slow', service: 'checkout', zone: 'a' },
    ],
    "are overwritten by the rule's": [
      { labels: { zone: 'b', severity: 'page' } },
      sample,
      { alertname: 'Slow', service: 'checkout', zone: 'b', severity: 'page' },
    ],
    'have their templates expanded with the labels of the result, not of the rule': [
      { labels: { zone: 'b', was: '{{zone}}', level: 'v{{value}}' } },
      sample,
      { alertname: 'Slow', service: 'checkout', zone: 'b', was: 'a', level: 'v2' },
    ],
    'lack a label whose template is empty': [
      { labels: { zone: '{{none}}' } },
      sample,
      { alertname: 'Slow', service: 'checkout' },
    ],
    'have the name of the rule as alertname, whatever else sets it': [
      { labels: { alertname: 'Mine' } },
      { labels: { alertname: 'Theirs' }, value: 1 },
      { alertname: 'Slow' },
    ],
    'are only the name for a scalar': [{}, { labels: {}, value: 1 }, { alertname: 'Slow' }],
  };

  it.each(Object.entries(rows))('%s', (_, [rule, element, labels]) => {
    expect(labelsFor(rule, element)).toEqual(labels);
  });
});

describe('a result with two elements of the same alert labels', () => {
  it('fails the rule and keeps its state', () => {
    const rule = aPlainRule({ labels: { zone: '' } });
    const input = { rule, group: aGroup(), expand: expandValue };
    const one = { labels: { zone: 'a' }, value: 1 };
    const before = stepRule({
      ...input,
      previous: undefined,
      evaluation: { kind: 'vector', samples: [one] },
      evalTime: evalTimeAt(0),
    }).next;
    const { next, transitions } = stepRule({
      ...input,
      previous: before,
      evaluation: { kind: 'vector', samples: [one, { labels: { zone: 'b' }, value: 2 }] },
      evalTime: evalTimeAt(1),
      isPrometheus: true,
    });
    expect(next.alerts).toEqual(before.alerts);
    expect(next.health).toEqual({
      kind: 'rule-error',
      message: 'vector contains metrics with the same labelset after applying alert labels',
    });
    expect(transitions).toEqual([]);
  });
});

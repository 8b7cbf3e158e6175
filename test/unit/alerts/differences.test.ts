import { describe, expect, it } from 'vitest';
import { ms } from '../../../src/lib/units.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { evalTimeAt, runTimeline, TICK, type TimelineOptions } from '../../support/timeline.ts';

const ticks = (count: number) => ms(count * TICK);

interface Row {
  readonly expr: string;
  readonly states: string;
  readonly transitions: Timeline;
  readonly rule?: Partial<SloRule>;
  readonly reload?: TimelineOptions['reload'];
}
type Timeline = ReturnType<typeof runTimeline>['transitions'];

/** Cells: see `evaluationOf`. The bound is 0.01, so 0.5 breaches and 0.005 does not. */
const rows: Readonly<Record<string, Row>> = {
  'resolves when the recovery condition is met': {
    expr: '0.5 ok0.005',
    states: 'F.',
    transitions: [
      [0, 'firing'],
      [1, 'resolved'],
    ],
  },
  'has no data after two ticks without a series, and never resolves': {
    expr: '0.5 _ _ _ _ _',
    states: 'FFNNNN',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
    ],
  },
  'treats NaN as no data': {
    expr: '0.5 nan nan',
    states: 'FFN',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
    ],
  },
  'ignores one tick without data': {
    expr: '0.5 _ 0.5 _ 0.5',
    states: 'FFFFF',
    transitions: [[0, 'firing']],
  },
  'reports data that is back and still breaching': {
    expr: '0.5 _ _ 0.5 _ _',
    states: 'FFNFFN',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [3, 'data-back'],
      [5, 'no-data'],
    ],
  },
  'only resolves when the data is back and meets the recovery condition': {
    expr: '0.5 _ _ ok0.005',
    states: 'FFN.',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [3, 'resolved'],
    ],
  },
  'reports data that is back and meets the recovery condition while it is kept firing': {
    expr: '0.5 _ _ ok0.005 ok0.005',
    states: 'FFNK.',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [3, 'data-back'],
      [4, 'resolved'],
    ],
    rule: { keepFiringFor: ticks(1) },
  },
  'keeps an alert firing that a guard removes from the result while its value still breaches': {
    expr: '0.5 ok0.5 ok0.5 ok0.5 ok0.005',
    states: 'FFFF.',
    transitions: [
      [0, 'firing'],
      [4, 'resolved'],
    ],
  },
  'reports data that is back but removed by a guard': {
    expr: '0.5 _ _ ok0.5',
    states: 'FFNF',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [3, 'data-back'],
    ],
  },
  'evaluates the recovery at the tick at which keep_firing_for ends': {
    expr: '0.5 ok0.005 _ ok0.005',
    states: 'FKK.',
    transitions: [
      [0, 'firing'],
      [3, 'resolved'],
    ],
    rule: { keepFiringFor: ticks(1) },
  },
  'restarts keep_firing_for when the value breaches again': {
    expr: '0.5 ok0.005 0.5 ok0.005 ok0.005 ok0.005',
    states: 'FKFKK.',
    transitions: [
      [0, 'firing'],
      [5, 'resolved'],
    ],
    rule: { keepFiringFor: ticks(2) },
  },
  'keeps the state when the recovery query failed': {
    expr: '0.5 ? ? ? ? ok0.005',
    states: 'FFFFF.',
    transitions: [
      [0, 'firing'],
      [5, 'resolved'],
    ],
  },
  'closes after the evaluations without data that make up its no_data': {
    expr: '0.5 _ _ _ _ _',
    states: 'FFNN..',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [4, 'resolved'],
    ],
    rule: { noData: ticks(4) },
  },
  'counts toward no_data neither failures nor what was before the data came back': {
    expr: '0.5 _ _ X X 0.5 _ _ X _ _',
    states: 'FFNNNFFNNN.',
    transitions: [
      [0, 'firing'],
      [2, 'no-data'],
      [5, 'data-back'],
      [7, 'no-data'],
      [10, 'resolved'],
    ],
    rule: { noData: ticks(4) },
  },
  'ends when the recovery query has failed for as long as its no_data': {
    expr: '0.5 ? ? ? ?',
    states: 'FFF..',
    transitions: [
      [0, 'firing'],
      [3, 'resolved'],
    ],
    rule: { noData: ticks(3) },
  },
  'treats no data as recovery if the rule says so': {
    expr: '0.5 _',
    states: 'F.',
    transitions: [
      [0, 'firing'],
      [1, 'resolved'],
    ],
    rule: { noData: 'resolve' },
  },
  'keeps firing by its value even if no data is treated as recovery': {
    expr: '0.5 ok0.5 _',
    states: 'FF.',
    transitions: [
      [0, 'firing'],
      [2, 'resolved'],
    ],
    rule: { noData: 'resolve' },
  },
  'drops a pending alert without a recovery query': {
    expr: '0.5 _ 0.5',
    states: 'P.P',
    transitions: [
      [0, 'pending'],
      [1, 'dropped'],
      [2, 'pending'],
    ],
    rule: { for: ticks(1) },
  },
  'pauses for while the source fails': {
    expr: '0.5 X X X 0.5 0.5',
    states: 'PPPPPF',
    transitions: [
      [0, 'pending'],
      [5, 'firing'],
    ],
    rule: { for: ticks(2) },
  },
  'pauses for while the rule fails': {
    expr: '0.5 E 0.5 0.5',
    states: 'PPPF',
    transitions: [
      [0, 'pending'],
      [3, 'firing'],
    ],
    rule: { for: ticks(2) },
  },
  'adds several outages': {
    expr: '0.5 X 0.5 X X 0.5 0.5',
    states: 'PPPPPPF',
    transitions: [
      [0, 'pending'],
      [6, 'firing'],
    ],
    rule: { for: ticks(3) },
  },
  'pauses keep_firing_for while the source fails': {
    expr: '0.5 X X ok0.005 X X ok0.005 ok0.005',
    states: 'FFFKKKK.',
    transitions: [
      [0, 'firing'],
      [7, 'resolved'],
    ],
    rule: { keepFiringFor: ticks(2) },
  },
  'counts no missed tick while the source fails': {
    expr: '0.5 _ X X X 0.5',
    states: 'FFFFFF',
    transitions: [[0, 'firing']],
  },
  'does not return a firing alert to pending when a reload raises for': {
    expr: '0.5 0.5 0.5',
    states: 'FFF',
    transitions: [[0, 'firing']],
    reload: { tick: 1, rule: { for: ticks(9) } },
  },
};

describe('differences of the state machine from Prometheus', () => {
  it.each(Object.entries(rows))('it %s', (_, { expr, states, transitions, rule = {}, reload }) => {
    const result = runTimeline(expr, { rule, ...(reload === undefined ? {} : { reload }) });
    expect(result.states).toBe(states);
    expect(result.transitions).toEqual(transitions);
  });

  it('has no data since the last value', () => {
    const { alerts } = runTimeline('0.5 0.5 _ _');
    expect(alerts[3]).toMatchObject({
      seenAt: evalTimeAt(1),
      noDataSince: evalTimeAt(1),
      missedTicks: 2,
      value: 0.5,
    });
  });

  it('has the value that met the recovery condition, and the worst value of the alert', () => {
    const { alerts } = runTimeline('0.5 0.9 0.4 ok0.005');
    expect(alerts[3]).toMatchObject({
      state: 'resolved',
      resolveReason: 'recovered',
      resolvedAt: evalTimeAt(3),
      value: 0.005,
      peak: 0.9,
    });
  });

  it('has the lowest value as its worst where low is bad', () => {
    const rule = { comparison: '<', recovery: { expr: 'up', comparison: '<', bound: 1 } } as const;
    expect(runTimeline('0.5 0.2 0.7', { rule }).alerts[2]?.peak).toBe(0.2);
  });

  it('keeps a separate, lower threshold for the recovery', () => {
    const recovery = { expr: 'share', comparison: '>', bound: 0.004 } as const;
    expect(runTimeline('0.5 ok0.005 ok0.003', { rule: { recovery } }).states).toBe('FF.');
  });

  it('creates a new alert each time the same labels fire', () => {
    const { alerts } = runTimeline('0.5 ok0 0.5');
    expect(alerts[0]?.fingerprint).toBe(alerts[2]?.fingerprint);
    expect(alerts[0]?.alertId).not.toBe(alerts[2]?.alertId);
    expect(alerts[1]?.alertId).toBe(alerts[0]?.alertId);
  });

  it('stores since when the source fails', () => {
    expect(runTimeline('0.5 X X').last?.health).toEqual({
      kind: 'source-error',
      message: 'connection refused',
      since: evalTimeAt(1),
    });
    expect(runTimeline('0.5 X X 0.5').last?.health).toEqual({ kind: 'ok' });
  });
});

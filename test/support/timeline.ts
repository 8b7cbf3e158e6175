import type { Alert, RuleQueryResult, RuleState, Transition } from '../../src/alerts/alert.ts';
import { type RuleStepInput, stepRule } from '../../src/alerts/step-rule.ts';
import type { Sample } from '../../src/lib/metrics-source.ts';
import { after, type EpochMs, ms } from '../../src/lib/units.ts';
import type { SloRule } from '../../src/rules/rule.ts';
import { aGroup, aRule } from './builders.ts';
import { START } from './virtual-clock.ts';

/** Ticks of a timeline are this far apart. */
export const TICK = ms(30_000);

export const evalTimeAt = (tick: number): EpochMs => after(START, ms(tick * TICK));

export interface TimelineOptions {
  readonly rule?: Partial<SloRule>;
  /** Labels of the one series. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly isPrometheus?: boolean;
  readonly limit?: number;
  /** The rule from some tick on, as after a reload. */
  readonly reload?: { readonly tick: number; readonly rule: Partial<SloRule> };
}

export interface Timeline {
  /** One letter per tick: `.` none, `P` pending, `F` firing, `K` kept firing, `N` firing without data. */
  readonly states: string;
  readonly transitions: readonly (readonly [tick: number, kind: Transition['kind']])[];
  readonly last: RuleState | undefined;
  readonly alerts: readonly (Alert | undefined)[];
}

/** Literal text with `$value`: enough of a template for these tests. */
export const expandValue: RuleStepInput['expand'] = (text, { value }) =>
  text.replace('$value', String(value));

/**
 * The evaluation of one cell of a row:
 *
 *     0.5   the expression returns one element with this value
 *     _     nothing breaches; the recovery query returns no series
 *     ok0.2 nothing breaches; the recovery query returns 0.2
 *     ?     nothing breaches; the recovery query failed
 *     nan   nothing breaches; the recovery query returns NaN
 *     X     the source fails          E     the rule is invalid
 */
function evaluationOf(cell: string, labels: Sample['labels']): RuleQueryResult {
  if (cell === 'X') return { kind: 'source-error', message: 'connection refused' };
  if (cell === 'E') return { kind: 'rule-error', message: 'parse error' };
  if (cell === '?') return { kind: 'vector', samples: [] };
  if (cell === '_') return { kind: 'vector', samples: [], recoverySamples: [] };
  if (cell === 'nan')
    return { kind: 'vector', samples: [], recoverySamples: [{ labels, value: Number.NaN }] };
  if (cell.startsWith('ok')) {
    return { kind: 'vector', samples: [], recoverySamples: [{ labels, value: Number(cell.slice(2)) }] };
  }
  return { kind: 'vector', samples: [{ labels, value: Number(cell) }] };
}

function letterOf(alert: Alert | undefined): string {
  if (alert === undefined || alert.state === 'resolved') return '.';
  if (alert.state === 'pending') return 'P';
  if (alert.noDataSince !== undefined) return 'N';
  return alert.keepFiringSince === undefined ? 'F' : 'K';
}

/** Runs a rule over a row of cells separated by spaces, one tick each. */
export function runTimeline(row: string, options: TimelineOptions = {}): Timeline {
  const {
    labels = { __name__: 'slow_share', service: 'checkout' },
    isPrometheus = false,
    limit = 0,
  } = options;
  const cells = row.trim().split(/\s+/);
  let state: RuleState | undefined;
  let states = '';
  const transitions: (readonly [number, Transition['kind']])[] = [];
  const alerts: (Alert | undefined)[] = [];
  for (const [tick, cell] of cells.entries()) {
    const reload = options.reload !== undefined && tick >= options.reload.tick ? options.reload.rule : {};
    const result = stepRule({
      rule: aRule({ ...options.rule, ...reload }),
      group: aGroup({ limit }),
      previous: state,
      evaluation: evaluationOf(cell, labels),
      evalTime: evalTimeAt(tick),
      expand: expandValue,
      isPrometheus,
    });
    state = result.next;
    const alert = state.alerts.find(({ state: now }) => now !== 'resolved') ?? state.alerts.at(-1);
    alerts.push(alert);
    states += letterOf(alert);
    transitions.push(...result.transitions.map(({ kind }) => [tick, kind] as const));
  }
  return { states, transitions, last: state, alerts };
}

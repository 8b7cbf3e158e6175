import type { Comparison, ValueKind } from '../domain/slo/rule.ts';
import type { EpochMs } from '../domain/units.ts';

/** One rule and, when it is breached, one alert of it. */
export interface SloRow {
  readonly rule: string;
  readonly group: string;
  readonly state: 'ok' | 'pending' | 'firing' | 'no-data' | 'rule-error' | 'source-error' | 'unknown';
  readonly subject?: string;
  readonly value?: number;
  readonly valueKind: ValueKind;
  readonly bound?: number;
  readonly comparison?: Comparison;
  readonly unit?: string;
  readonly since?: EpochMs;
  readonly detail?: string;
  readonly messageUrl?: string;
}

export interface SloStatusView {
  readonly at: EpochMs;
  readonly rows: readonly SloRow[];
}

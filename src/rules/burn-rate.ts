import { DAY, HOUR, MINUTE, type Milliseconds, ms } from '../lib/units.ts';

/** The two windows of a burn-rate alert: it fires while the error budget burns more than `factor` times as fast as the objective allows in both. */
export interface BurnWindows {
  readonly long: Milliseconds;
  readonly short: Milliseconds;
  readonly factor: number;
}

/** A row of a table of burn-rate alerts. */
export interface BurnRateAlert extends BurnWindows {
  readonly severity: 'page' | 'ticket';
}

/** The period of the error budget that the factors below are for. */
const PERIOD: Milliseconds = ms(30 * DAY);

/*
 * A factor is `share of the budget x period / long window`: 2% of 30 days in an hour is 0.02 x 720 h / 1 h = 14.4.
 * Source: The Site Reliability Workbook, chapter 5, table 5-8, https://sre.google/workbook/alerting-on-slos/
 */
const HOURLY: BurnRateAlert = { severity: 'page', long: HOUR, short: ms(5 * MINUTE), factor: 14.4 };
const SIX_HOURLY: BurnRateAlert = { severity: 'page', long: ms(6 * HOUR), short: ms(30 * MINUTE), factor: 6 };
const THREE_DAILY: BurnRateAlert = { severity: 'ticket', long: ms(3 * DAY), short: ms(6 * HOUR), factor: 1 };

/** The workbook's alerts: 2% of a 30-day budget in an hour, 5% in six hours, 10% in three days. */
export const WORKBOOK: readonly BurnRateAlert[] = [HOURLY, SIX_HOURLY, THREE_DAILY];

/**
 * Sloth's alerts: the workbook's, and 10% of the budget in a day.
 * Source: Sloth 0.16, its default windows google-30d
 */
export const SLOTH: readonly BurnRateAlert[] = [
  HOURLY,
  SIX_HOURLY,
  { severity: 'ticket', long: DAY, short: ms(2 * HOUR), factor: 3 },
  THREE_DAILY,
];

/** The workbook's alerts for the budget of another period: the same shares of it in the same windows. */
export const workbookFor = (period: Milliseconds): readonly BurnRateAlert[] =>
  WORKBOOK.map((alert) => ({ ...alert, factor: (alert.factor * period) / PERIOD }));

import type { ReplayReport } from '../evaluation/replay/replay.ts';
import { DEFAULT_CHANNEL, type HourOfMessages, type RuleTally } from '../evaluation/replay/tally.ts';
import { utcTime } from '../lib/instant.ts';
import { between, type EpochMs, formatDuration, MINUTE, ms } from '../lib/units.ts';

/** The report of one set of rules, or of two to compare. */
export interface ReplayReports {
  readonly rules: ReplayReport;
  readonly compare?: ReplayReport;
}

/** Hours shown for a channel; the JSON has all of them. */
const BUSIEST_SHOWN = 3;

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

const hourText = (at: EpochMs): string => utcTime(at).slice(0, 16);

const COLUMNS = [
  ['alerts', (tally: RuleTally) => tally.alerts],
  ['minutes firing', (tally: RuleTally) => tally.minutesFiring],
  ['flaps', (tally: RuleTally) => tally.flaps],
  ['messages', (tally: RuleTally) => tally.messages],
  ['replies', (tally: RuleTally) => tally.replies],
  ['failed', (tally: RuleTally) => tally.failedEvaluations],
] as const;

type Numbers = readonly number[];

const numbersOf = (tally: RuleTally): Numbers => COLUMNS.map(([, read]) => read(tally));

const sumOf = ({ rules }: ReplayReport): Numbers =>
  COLUMNS.map(([, read]) => rules.reduce((sum, r) => sum + read(r), 0));

/** Aligns columns: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

const nameOf = ({ group, rule }: RuleTally): string => (group === rule ? rule : `${group} / ${rule}`);

/** A cell of one report, or of two: `12 -> 3`. */
const cell = (first: number | undefined, second: number | undefined, isPair: boolean): string => {
  const text = (value: number | undefined): string => (value === undefined ? '-' : grouped(value));
  return isPair ? `${text(first)} -> ${text(second)}` : text(first);
};

function ruleTable({ rules, compare }: ReplayReports): string {
  const first = new Map(rules.rules.map((tally) => [nameOf(tally), numbersOf(tally)]));
  const second = new Map((compare?.rules ?? []).map((tally) => [nameOf(tally), numbersOf(tally)]));
  const isPair = compare !== undefined;
  const row = (name: string, one: Numbers | undefined, other: Numbers | undefined): readonly string[] => [
    name,
    ...COLUMNS.map((_, i) => cell(one?.[i], other?.[i], isPair)),
  ];
  const names = [...new Set([...first.keys(), ...second.keys()])];
  return table([
    ['rule', ...COLUMNS.map(([title]) => title)],
    ...names.map((name) => row(name, first.get(name), second.get(name))),
    row('all', sumOf(rules), compare === undefined ? undefined : sumOf(compare)),
  ]);
}

function channelText(channel: string, hours: readonly HourOfMessages[]): string {
  const total = hours.reduce((sum, { messages }) => sum + messages, 0);
  const busiest = [...hours]
    .sort((a, b) => b.messages - a.messages || a.hour - b.hour)
    .slice(0, BUSIEST_SHOWN);
  const shown = busiest.map(
    ({ hour, messages }) => `${grouped(messages)} in the hour from ${hourText(hour)}`,
  );
  return `${channel === DEFAULT_CHANNEL ? 'the default channel' : channel}: ${grouped(total)} messages (most: ${shown.join(', ')})`;
}

function channelsText({ hours }: ReplayReport): readonly string[] {
  const channels = [...new Set(hours.map(({ channel }) => channel))];
  if (channels.length === 0) return ['no messages'];
  return channels.map((channel) =>
    channelText(
      channel,
      hours.filter((each) => each.channel === channel),
    ),
  );
}

const percent = ({ nightsInterrupted, nights }: ReplayReport): number =>
  nights === 0 ? 0 : (100 * nightsInterrupted) / nights;

const nightsText = (report: ReplayReport): string =>
  `nights interrupted: ${report.nightsInterrupted} of ${report.nights}, ${grouped(percent(report))}% (22:00 to 06:00 ${report.timezone})`;

const headline = ({ window, evaluations }: ReplayReport): string => {
  const length = formatDuration(ms(Math.round(between(window.start, window.end) / MINUTE) * MINUTE));
  return `${hourText(window.start)} to ${hourText(window.end)} UTC (${length}), ${grouped(evaluations)} group evaluations`;
};

const summary = (report: ReplayReport): readonly string[] => [...channelsText(report), nightsText(report)];

const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`);

/** The report as text; of two reports, the second value is after the arrow. */
export function replayText(reports: ReplayReports): string {
  const { rules, compare } = reports;
  const ends =
    compare === undefined
      ? summary(rules)
      : ['before:', ...indented(summary(rules)), 'after:', ...indented(summary(compare))];
  const notes = [...new Set([...rules.notes, ...(compare?.notes ?? [])])].map((note) => `note: ${note}`);
  return [headline(rules), '', ruleTable(reports), '', ...ends, ...notes].join('\n');
}

function jsonOf(report: ReplayReport) {
  const { window, hours, ...rest } = report;
  return {
    from: utcTime(window.start),
    to: utcTime(window.end),
    ...rest,
    percentOfNightsInterrupted: percent(report),
    hours: hours.map(({ hour, ...each }) => ({ ...each, hour: utcTime(hour) })),
  };
}

/** The report as JSON. */
export function replayJson({ rules, compare }: ReplayReports): string {
  return JSON.stringify(
    { rules: jsonOf(rules), compare: compare === undefined ? undefined : jsonOf(compare) },
    null,
    2,
  );
}

/** A progress bar that overwrites the last one in a terminal. */
export function progressBar({ done, total }: { readonly done: number; readonly total: number }): string {
  const share = total === 0 ? 1 : done / total;
  const filled = Math.round(30 * share);
  return `\r[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${Math.floor(100 * share)}%, ${grouped(done)} of ${grouped(total)} evaluations`;
}

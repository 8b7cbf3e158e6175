import type { Report } from './campaign.ts';
import type { Finding } from './checker.ts';

const count = ({ findings }: Report, kind: Finding['kind']): number =>
  findings.filter((each) => each.kind === kind).length;

const percent = (part: number, whole: number): string =>
  whole === 0 ? '' : ` (${((part / whole) * 100).toFixed(2)}%)`;

/** A finding on one line. */
export const findingText = ({ kind, installation, service, rule, at, what }: Finding): string =>
  `  ${kind} at ${Math.round(at)} s, ${installation}, ${service} by ${rule}: ${what}`;

/** The outcome as a table of figures, and each finding on a line of its own. */
export function reportText(report: Report): string {
  const { delays, ticks, deaths, findings, others } = report;
  const sorted = [...delays].sort((a, b) => a - b);
  const rows: readonly (readonly [name: string, value: string])[] = [
    ['faults', `${report.faults}`],
    ['breaches owed', `${report.owed}`],
    ['shown', `${report.shown}`],
    ['lost', `${count(report, 'lost')}`],
    ['twice', `${count(report, 'twice')}`],
    ['never ended', `${count(report, 'never ended')}`],
    ['false resolves', `${count(report, 'false resolve')}`],
    ['unfounded', `${count(report, 'unfounded')}`],
    ['order broken', `${count(report, 'order broken')}`],
    ['processes died', `${deaths.length}`],
    ['ticks missed', `${ticks.missed.length} of ${ticks.due}${percent(ticks.missed.length, ticks.due)}`],
    ['delay, median', `${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1)} s`],
    ['delay, longest', `${(sorted.at(-1) ?? 0).toFixed(1)} s`],
  ];
  return [
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(16)}${value}`),
    ...(findings.length + deaths.length + ticks.missed.length === 0 ? [] : ['']),
    ...findings.map(findingText),
    ...ticks.missed.map(
      ({ installation, rule, at }) => `  tick missed at ${at} s, ${installation}, by ${rule}`,
    ),
    ...deaths.map(({ name, at, code, tail }) => `  ${name} died at ${at} s with code ${code}:\n${tail}`),
    ...(others.size === 0 ? [] : ['', '  other messages:']),
    ...[...others].map(([line, times]) => `  ${times} x ${line}`),
  ].join('\n');
}

import type { TableBlock } from '@slack/types';
import { count, durationText, share } from '../../lib/format.ts';
import { type Microseconds } from '../../lib/units.ts';
import type { TraceView } from '../../traces/inspect-trace.ts';
import type { PathRows, PathSubject } from '../../traces/path-breakdown.ts';
import { cell, context, type SlackBlock, section } from './block-kit.ts';
import { code, escape, literal, oneLine } from './mrkdwn.ts';
import { percentileBlocks } from './percentiles.ts';

/** Most of each that one message shows; together they keep clear of Slack's 12,000 characters. */
const SHOWN = { rows: 8, errors: 5, hops: 4, retries: 3, repeats: 3, offPath: 3 } as const;

const time = (duration: Microseconds): string => durationText(duration);

/** What a trace says: what failed, where its time went, what was done again and again, and what the network took. */
export function traceAnalysis(view: TraceView): readonly SlackBlock[] {
  return [
    ...errors(view),
    ...criticalPath(view),
    ...percentileBlocks(view),
    ...lines('Repeated calls', patterns(view)),
    ...lines('Network and proxies, both ways', view.hops.slice(0, SHOWN.hops).map(hop)),
    ...lines('Largest self times off the critical path', view.offPath.slice(0, SHOWN.offPath).map(selfTime)),
  ];
}

const lines = (title: string, shown: readonly string[]): readonly SlackBlock[] =>
  shown.length === 0 ? [] : [section([`*${title}*`, ...shown].join('\n'))];

function errors({ errors: origins, errorCount }: TraceView): readonly SlackBlock[] {
  const shown = origins.slice(0, SHOWN.errors);
  if (shown.length === 0) return [];
  const explained = shown.reduce((sum, { spans }) => sum + spans, 0);
  const rest = errorCount - explained;
  return [
    section(
      [
        `*${count(errorCount, 'span')} failed*; where it began:`,
        ...shown.map(
          ({ service, operation, detail, times, reachesRoot }) =>
            `⚠ ${code(service, 80)} ${code(operation, 100)} ${escape(oneLine(detail), 200)}${times > 1 ? `, ${times} times` : ''}${reachesRoot ? '' : ' · the request did not fail because of it'}`,
        ),
        ...(rest > 0 ? [`and ${count(rest, 'other span')}`] : []),
      ].join('\n'),
    ),
  ];
}

/** The critical path, ranked: each row is time that the request would not have taken without it, at most. */
function criticalPath({ path }: TraceView): readonly SlackBlock[] {
  if (path.rows.length === 0) return [];
  const hidden = path.hidden.count + Math.max(0, path.rows.length - SHOWN.rows);
  return [
    section(`*What the ${time(path.duration)} were spent on* (critical path)`),
    pathTable(path.rows.slice(0, SHOWN.rows)),
    ...context(
      hidden === 0
        ? []
        : [
            `and ${count(hidden, 'smaller part')}${path.hidden.time > 0 ? `, ${time(path.hidden.time)}` : ''}`,
          ],
    ),
  ];
}

/** Most rows of a critical path that one message shows. */
export const SHOWN_PARTS: number = SHOWN.rows;

/** A critical path's parts, ranked. */
export function pathTable(rows: PathRows['rows']): TableBlock {
  return {
    type: 'table',
    column_settings: [
      { align: 'right' },
      { align: 'right' },
      { align: 'left', is_wrapped: true },
      { align: 'left' },
      { align: 'right' },
    ],
    rows: [
      [cell('Time'), cell('Share'), cell('On'), cell('Service'), cell('Saves at most')],
      ...rows.map((row) => [
        cell(time(row.time)),
        cell(share(row.share)),
        // Early in the row: on a phone the later columns are out of sight.
        cell(`${purpose(row)}${row.spans > 1 ? ` (${row.spans} times)` : ''}`, 200),
        cell(row.service, 80),
        cell(row.potentialSaving > 0 ? time(row.potentialSaving) : 'nothing'),
      ]),
    ],
  };
}

/** What a part of a critical path was spent on, in words. Not escaped: for tables. */
export function purpose({ kind, operation, requestLine, peer }: PathSubject): string {
  const called = literal(peer, 80) || literal(requestLine ?? operation, 120);
  switch (kind) {
    case 'own':
      return `own code in ${literal(requestLine ?? operation, 120)}${peer === '' ? '' : `, or the way to ${literal(peer, 60)}`}`;
    case 'network':
      return `network and proxies to ${called}`;
    case 'retry':
      return `pause between attempts at ${called}`;
    case 'database':
      return `database${peer === '' ? '' : ` ${literal(peer, 60)}`}: ${literal(operation, 100)}`;
    case 'call':
      return peer === ''
        ? `waiting in ${called}: what it called sent no span`
        : `waiting for ${called}, which sent no span`;
  }
}

function patterns({ retries, repeats }: TraceView): readonly string[] {
  return [
    ...retries
      .slice(0, SHOWN.retries)
      .map(
        ({ caller, callee, attempts, failed, duration }) =>
          `${code(caller, 80)} tried ${code(callee, 80)} ${attempts} times, ${failed} failed, ${time(duration)} in all`,
      ),
    ...repeats
      .slice(0, SHOWN.repeats)
      .map(
        ({ service, operation, child, count: times, time: spent }) =>
          `${code(service, 80)} ${code(operation, 80)} did ${code(child, 80)} ${times} times in sequence, ${time(spent)} in all: one call for all would spare the others`,
      ),
  ];
}

function hop({ caller, callee, calls, overhead, worst, split }: TraceView['hops'][number]): string {
  const parts = [
    ...(calls > 1 ? [`${calls} calls, the worst ${time(worst)}`] : []),
    split === undefined
      ? 'the clocks do not tell there from back'
      : `${time(split.request)} there, ${time(split.response)} back`,
  ];
  return `${code(caller, 80)} → ${code(callee, 80)} ${time(overhead)} (${parts.join('; ')})`;
}

const selfTime = ({ service, operation, selfTime: own, share: part }: TraceView['offPath'][number]): string =>
  `${time(own)}, ${share(part)}: ${code(service, 80)} ${code(operation, 100)}`;

import { formatInstant } from '../lib/instant.ts';
import { formatDuration } from '../lib/units.ts';
import { isUuid } from '../traces/request-id.ts';
import type { Command, RequestReference } from './command.ts';
import { DEFAULT_TOP } from './parse-command.ts';
import { quote } from './tokens.ts';
import { readTraceReference } from './trace-reference.ts';

/** Needs no quotes: no space, no quote, nothing that Slack or the reader would take for something else. */
const PLAIN = /^[\p{L}\p{N}_./:@*-]+$/u;
const RESERVED = /^(slowest|request|compare|help|status|last|over|top|op|operation|at|share|-h|--help)$/i;

const name = (text: string): string =>
  PLAIN.test(text) && !RESERVED.test(text) && readTraceReference(text).kind === 'other' ? text : quote(text);

/** Writes a command, complete with its slash, so that `parseCommand` understands it as the same one. */
export function formatCommand(command: Command): string {
  switch (command.kind) {
    case 'slowest':
      return slowest(command);
    case 'inspect-trace':
      return `/trace ${command.traceId}`;
    case 'find-request':
      return isUuid(command.requestId) && command.evenUnsampled !== true
        ? `/trace ${command.requestId}`
        : `/trace request ${name(command.requestId)}`;
    case 'compare':
      return ['/trace compare', ...[command.a, command.b].flatMap(reference)].join(' ');
    case 'latency':
      return `/latency ${name(command.service)} last ${formatDuration(command.last)}`;
    case 'request-latency':
      return `/latency ${name(command.service)} ${command.requestId}`;
    case 'trace-latency':
      return `/latency ${name(command.service)} ${command.traceId}`;
    case 'slo-status':
      return '/slo status';
    case 'help':
      return `${command.about} help`;
  }
}

/** What is neither a trace id nor a UUID is a request id because of its quotes. */
function reference(of: RequestReference | undefined): readonly string[] {
  if (of === undefined) return [];
  if (of.kind === 'trace') return [of.traceId];
  return [isUuid(of.requestId) ? of.requestId : quote(of.requestId)];
}

function slowest(command: Extract<Command, { kind: 'slowest' }>): string {
  const { window } = command;
  return [
    `/trace slowest ${name(command.service)}`,
    window === undefined
      ? `last ${formatDuration(command.last)}`
      : `at ${formatInstant(window.start)}/${formatInstant(window.end)}`,
    ...(command.operation === undefined ? [] : [`op ${quote(command.operation)}`]),
    ...(command.over === undefined ? [] : [`over ${formatDuration(command.over)}`]),
    ...(command.top === DEFAULT_TOP ? [] : [`top ${command.top}`]),
  ].join(' ');
}

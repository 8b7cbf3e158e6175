import type { CommandForm, SlashCommand } from './command.ts';
import { latencyOfService } from './latency.ts';
import { latencyOfCall } from './latency-call.ts';
import { latencyOfRequest } from './latency-request.ts';
import { sloAcknowledge, sloClose, sloUnacknowledge } from './slo-alert-actions.ts';
import { sloHistory } from './slo-history.ts';
import { sloServices } from './slo-services.ts';
import { sloShow } from './slo-show.ts';
import { sloSilence } from './slo-silence.ts';
import { sloSilences, sloUnsilence } from './slo-silences.ts';
import { sloStatus } from './slo-status.ts';
import { sloTest } from './slo-test.ts';
import { traceCompare } from './trace-compare.ts';
import { traceEvidence } from './trace-evidence.ts';
import { traceLookup, traceRequest } from './trace-lookup.ts';
import { tracePropagation } from './trace-propagation.ts';
import { traceSlowest } from './trace-slowest.ts';
import { traceWhy } from './trace-why.ts';

/**
 * All forms of all commands. Forms without a keyword are tried in this order. Help, Slack's usage hints, the demo
 * and the documentation list them in this order.
 */
const FORMS = [
  traceSlowest,
  traceLookup,
  traceRequest,
  traceCompare,
  traceWhy,
  traceEvidence,
  tracePropagation,
  latencyOfCall,
  latencyOfService,
  latencyOfRequest,
  sloStatus,
  sloShow,
  sloServices,
  sloSilence,
  sloSilences,
  sloUnsilence,
  sloAcknowledge,
  sloUnacknowledge,
  sloClose,
  sloHistory,
  sloTest,
] as const;

type CommandOf<Form> = Form extends CommandForm<infer C, infer _Result> ? C : never;

/** A parsed command. */
export type Command =
  | CommandOf<(typeof FORMS)[number]>
  | { readonly kind: 'help'; readonly slash: SlashCommand };

/** All forms of all commands. */
export const COMMAND_FORMS: readonly CommandForm<Command>[] = FORMS;

export const formsOf = (slash: SlashCommand): readonly CommandForm<Command>[] =>
  COMMAND_FORMS.filter((form) => form.slash === slash);

/** The form that answers a command. */
export function formOf(command: Command): CommandForm<Command> {
  const found = COMMAND_FORMS.find(({ kind }) => kind === command.kind);
  if (found === undefined) throw new Error(`No form answers the command ${command.kind}.`);
  return found;
}

/** How the forms of a slash command are written, and an example. */
export function usageOf(slash: SlashCommand): readonly string[] {
  const forms = formsOf(slash);
  const texts = [...forms.map(({ usage }) => usage), ...forms.flatMap(({ example = [] }) => example)];
  return texts.map((text) => `${slash} ${text}`);
}

/** The complete text of a command, which parses to the same command; undefined for one that cannot be repeated. */
export function writeCommand(command: Command): string | undefined {
  const form = formOf(command);
  return form.write === undefined ? undefined : `${form.slash} ${form.write(command)}`;
}

const DESCRIPTIONS: Readonly<Record<SlashCommand, string>> = {
  '/trace': 'The slowest traces of a service, or one request by its id',
  '/latency': 'p50, p95 and p99 of a service: now, an hour ago, a day ago',
  '/slo': 'Every latency rule with its state; silences, acknowledgements',
};

/** The slash commands as Slack's manifest and composer describe them. */
export const SLASH_COMMANDS: readonly {
  readonly command: SlashCommand;
  readonly description: string;
  readonly usageHint: string;
}[] = (['/trace', '/latency', '/slo'] as const).map((command) => ({
  command,
  description: DESCRIPTIONS[command],
  usageHint: formsOf(command)
    .map(({ usage }) => usage)
    .join(' | '),
}));

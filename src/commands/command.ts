import type { ManageAlerts } from '../actions/alert-actions.ts';
import type { ManageSilences } from '../actions/silences.ts';
import type { ExplainSlowness } from '../culprit/collect.ts';
import type { TestAlerts } from '../evaluation/test-alert.ts';
import type { ErrorBudget, ServiceBudgets } from '../latency/error-budget.ts';
import type { RankRequest } from '../latency/percentile-rank.ts';
import type { Clock } from '../lib/clock.ts';
import type { System } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import type { EpochMs } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import type { Permission } from '../policy/permission.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import type { VerifyRules } from '../rules/verify-rules.ts';
import type { FindRequest } from '../traces/find-request.ts';
import type { FindSlowest } from '../traces/find-slowest.ts';
import type { InspectTrace } from '../traces/inspect-trace.ts';
import type { ResolveService } from '../traces/resolve-service.ts';
import type { TraceSource } from '../traces/trace-source.ts';
import type { Answer } from './answer.ts';
import type { People } from './permit.ts';
import type { Token } from './tokens.ts';

/** The three slash commands. */
export type SlashCommand = '/trace' | '/latency' | '/slo';

/** One request: by its trace, or by the id that its headers carried. */
export type RequestReference =
  | { readonly kind: 'trace'; readonly traceId: string }
  | { readonly kind: 'request'; readonly requestId: string };

/** The text of a command after its keyword. */
export interface CommandInput {
  readonly tokens: readonly Token[];
  /** The same as text, without what Slack and phones add to it. */
  readonly text: string;
  /** Where the text begins in the line as it was typed: 1 is the slash. */
  readonly column: number;
}

/** Why a text is not a valid command. */
export interface CommandError {
  /** What is wrong, as a sentence. */
  readonly problem: string;
  /** The text that was probably intended, without its keyword. It may hold the next error. */
  readonly fixed?: string;
  /** The text was recognized, and contains nothing to look up: no rewriting can help. */
  readonly isCertain?: true;
  /** What may have been intended, without the keyword: all of these are valid. */
  readonly choices?: readonly string[];
}

/** The result of parsing: a command, and whether its answer is for everyone in the channel; or a error. */
export type Parsed<C> = { readonly command: C; readonly share: boolean } | CommandError;

/** A parsed command, and who sent it when. */
export interface CommandRequest<C> {
  readonly command: C;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  /** Identifies a request that Slack may deliver twice: the id of a form. */
  readonly key?: string;
  readonly signal: AbortSignal;
}

/** An answer, and the command that gives the same answer again. Without that command the answer cannot be shared. */
export interface Reply<C> {
  readonly answer: Answer;
  readonly again?: C;
}

/** What commands are answered with. */
export interface CommandDeps {
  readonly traces: Pick<TraceSource, 'operations' | 'trace' | 'search'>;
  readonly findSlowest: FindSlowest;
  readonly explainSlowness: ExplainSlowness;
  readonly resolveService: ResolveService;
  readonly findRequest: FindRequest;
  readonly inspectTrace: InspectTrace;
  readonly rankRequest: RankRequest;
  readonly metrics: Pick<MetricsSource, 'instant' | 'range' | 'labelValues'>;
  readonly errorBudget: ErrorBudget;
  readonly serviceBudgets: ServiceBudgets;
  readonly ruleSet: () => RuleSet;
  /** The problem that keeps a rule from being evaluated on the data it is about. */
  readonly problemOf: VerifyRules['problemOf'];
  /** Removes secrets from the labels of alerts; absent: they are shown as they are. */
  readonly redactLabels?: (labels: Labels) => Labels;
  /** A sentence for each channel that cannot be posted to. */
  readonly channelProblems: () => readonly string[];
  readonly store: Pick<Store, 'loadGroup' | 'actions' | 'shownMessage'>;
  /** What was kept of an alert. */
  readonly keptEvidence: Store['keptEvidence'];
  readonly ledger: Store['ledger'];
  readonly alerts: ManageAlerts;
  readonly silences: ManageSilences;
  readonly tests: Pick<TestAlerts, 'start'>;
  /** Looks up who sends a command. */
  readonly people: People;
  readonly links: Links;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One form of a slash command, such as `/trace slowest`: how it is written, parsed, and answered. `table.ts` lists all
 * forms; help, the Slack manifests, the demo and the documentation are made from that list. `Result` is what its text can
 * parse to, where that includes the commands of other forms.
 */
export interface CommandForm<
  C extends { readonly kind: string },
  Result extends { readonly kind: string } = C,
> {
  readonly slash: SlashCommand;
  /** The kind of command that this form answers. */
  readonly kind: C['kind'];
  /** The first words that select this form, the documented one first. A form without any is tried when none fits. */
  readonly keywords?: readonly string[];
  /** Whether it is also tried when no keyword fits. */
  readonly isDefault?: true;
  /** How it is written, without the slash command: `slowest <service> [last 30m]`. */
  readonly usage: string;
  /** A complete example for the help text, without the slash command. */
  readonly example?: string;
  /** What it answers, for the documentation. */
  readonly summary: string;
  /** What a person needs to send it; absent: `look_up`. */
  readonly needs?: Permission;
  /** The system that is blamed when no answer arrives before the deadline. */
  readonly system: System;
  /** Pure and total. Undefined: the text is not of this form. */
  parse(input: CommandInput): Parsed<Result> | undefined;
  /** The command as text, without the slash command, that parses to the same command. */
  write?(command: C): string;
  /** Throws `UpstreamError` when a system does not answer. */
  run(request: CommandRequest<C>, deps: CommandDeps): Promise<Reply<C>>;
}

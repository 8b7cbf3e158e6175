import type { EpochMs, Microseconds, Milliseconds, TimeWindow } from '../domain/units.ts';
import type { Asker, KeeperCommand } from './commands/keeper-command.ts';
import type { Answer, TraceRow } from './views.ts';

/** The three slash commands. */
export type SlashCommand = '/trace' | '/latency' | '/slo';

/** Which request is meant: by its trace, or by the id that its headers carried. */
export type RequestReference =
  | { readonly kind: 'trace'; readonly traceId: string }
  | { readonly kind: 'request'; readonly requestId: string };

/** What was asked, understood. Durations are as typed; a window ends at the moment of asking unless it was given. */
export type Command =
  | {
      readonly kind: 'slowest';
      readonly service: string;
      readonly operation?: string;
      readonly last: Milliseconds;
      /** Given as `at <start>/<end>` in ISO 8601: buttons use it, so that an answer can be had again. */
      readonly window?: TimeWindow;
      readonly over?: Milliseconds;
      readonly top: number;
    }
  /** `isUnsampled`: it was asked for by a header that says the caller did not sample it. */
  | { readonly kind: 'inspect-trace'; readonly traceId: string; readonly isUnsampled?: true }
  /** `evenUnsampled`: look for it though its id says that there is no trace. */
  | { readonly kind: 'find-request'; readonly requestId: string; readonly evenUnsampled?: true }
  | {
      readonly kind: 'compare';
      /** Absent: a request like the other one that took as long as such requests usually do. */
      readonly a?: RequestReference;
      readonly b: RequestReference;
    }
  | { readonly kind: 'latency'; readonly service: string; readonly last: Milliseconds }
  | { readonly kind: 'request-latency'; readonly service: string; readonly requestId: string }
  | { readonly kind: 'trace-latency'; readonly service: string; readonly traceId: string }
  | { readonly kind: 'slo-status' }
  | { readonly kind: 'help'; readonly about: SlashCommand };

/** What parsing a command's text gives: pure, no look-ups. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: Command; readonly share: boolean }
  | {
      readonly ok: false;
      /** What is wrong, as a sentence. */
      readonly problem: string;
      readonly usage: readonly string[];
      /** The nearest command that is right, complete, ready to be typed. */
      readonly suggestion?: string;
    };

/** Which service is meant by a name a person typed. */
export type ResolvedService =
  /**
   * Exact, by an alias, or the only one whose name before the first dot is the asked one (`checkout` for
   * `checkout.shop`), or that one in the default namespace.
   */
  | {
      readonly kind: 'found';
      readonly service: string;
      /** Set when only the default namespace decided: all that the name could have meant. */
      readonly among?: readonly string[];
    }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  /** `nearest` holds at most three names by edit distance; `all` is sorted. */
  | { readonly kind: 'unknown'; readonly nearest: readonly string[]; readonly all: readonly string[] };

/** Tells which service a typed name means. Throws `UpstreamError` when the names cannot be had. */
export type ResolveService = (name: string, signal?: AbortSignal) => Promise<ResolvedService>;

/** The exact search for the k slowest, with its proof. */
export type FindSlowest = (
  query: {
    /** A name the tracing backend knows. */
    readonly service: string;
    readonly operation?: string;
    /** What the spans were asked for, `POST /checkout`: looked at here, since no backend can. */
    readonly asked?: string;
    readonly window: TimeWindow;
    readonly minDuration?: Microseconds;
    /** How many are wanted. */
    readonly count: number;
  },
  signal?: AbortSignal,
) => Promise<SlowestResult>;

/** The slowest traces, and what is proven of them. */
export interface SlowestResult {
  /** Longest first; without `url`. */
  readonly rows: readonly TraceRow[];
  readonly isExact: boolean;
  /** `exact: 41 traces >= 812 ms in 14:00-14:10 UTC` or `at least these: 12 of 12 searches used`. */
  readonly certificate: string;
  readonly searches: number;
  /** Set when the end of the window may still be arriving: how much of it. */
  readonly arriving?: Milliseconds;
}

/** Answers a slash command, whatever happens: errors become answers. Never throws. */
export interface Commands {
  answer(
    request: {
      readonly command: SlashCommand;
      readonly text: string;
      readonly now: EpochMs;
      /** The Slack user who asks. */
      readonly by: string;
    },
    signal?: AbortSignal,
  ): Promise<{
    readonly answer: Answer;
    /** Whether all in the channel should see it. */
    readonly share: boolean;
    /** The same question with its window fixed: what the Share button asks. Absent when there is nothing to share. */
    readonly reproducible?: string;
  }>;
  /** Does what a person asks about alerts where it was not typed: in a form. Errors become answers here too. */
  keep(command: KeeperCommand, asker: Asker): Promise<Answer>;
}

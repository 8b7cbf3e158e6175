import type { EpochMs, Milliseconds, TimeWindow } from '../lib/units.ts';
import type { Answer } from './answer.ts';
import type { Asker, KeeperCommand } from './keeper-command.ts';

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

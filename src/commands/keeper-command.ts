import type { Matcher } from '../lib/matcher.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';

/** Which alerts a person means. */
export interface Meant {
  readonly matchers: readonly Matcher[];
  /** Names without a label: services. */
  readonly services: readonly string[];
}

/** What a person asks to do about alerts, understood: the words of `/slo` that change something. */
export type KeeperCommand =
  | {
      readonly kind: 'silence';
      readonly meant: Meant;
      readonly lasts: Milliseconds;
      readonly comment: string;
    }
  | { readonly kind: 'silences' }
  | { readonly kind: 'unsilence'; readonly id: string }
  /** `what`: an alert's name, its service, or both. */
  | { readonly kind: 'acknowledge'; readonly what: string }
  | { readonly kind: 'end'; readonly what: string; readonly comment: string };

/** Who asks, and when. */
export interface Asker {
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  /** What makes the request the same when it comes twice. */
  readonly key?: string;
}

/** What reading such a command gives. */
export type KeeperReading =
  | { readonly ok: true; readonly command: KeeperCommand }
  | { readonly ok: false; readonly problem: string; readonly suggestion?: string };

import type { BreachMessage } from './ledger.ts';
import type { Episode } from './truth.ts';

/** What was wrong, with everything to look it up by. */
export interface Finding {
  readonly kind: 'lost' | 'twice' | 'never ended' | 'false resolve' | 'unfounded' | 'order broken';
  readonly installation: string;
  readonly service: string;
  readonly rule: string;
  /** Seconds from the start. */
  readonly at: number;
  readonly what: string;
}

/** What one installation owed about one service by one rule, and what it showed. */
export interface Case {
  readonly installation: string;
  readonly service: string;
  readonly rule: string;
  /** Start of the campaign, ms since 1970. */
  readonly start: number;
  readonly episodes: readonly Episode[];
  readonly messages: readonly BreachMessage[];
  /** Whether it was slow by any reading: in a part of the window, because scrapes see less than all of it. */
  readonly isSlow: (second: number) => boolean;
  /** A breach that was seen for this long without a gap is owed a message. */
  readonly owedAfter: number;
  /** From the first slow second, a message without any fault is due after this many seconds. */
  readonly dueAfter: number;
}

/** The outcome of one case. */
export interface Checked {
  readonly owed: number;
  readonly shown: number;
  readonly findings: readonly Finding[];
  /** Seconds from when a message was due until it came. */
  readonly delays: readonly number[];
}

/** `for` of the rules, in seconds. */
export const FOR_S = 10;

const NONE: readonly BreachMessage[] = [];

/** The episode that a message is about: the last one that had begun. A breach is slow for a while before it is posted. */
function episodeOf(episodes: readonly Episode[], second: number): Episode | undefined {
  return episodes.findLast(({ from }) => from <= second);
}

type Second = (ms: number) => number;

function grouped(
  { episodes, messages }: Case,
  second: Second,
): ReadonlyMap<Episode | undefined, BreachMessage[]> {
  const byEpisode = new Map<Episode | undefined, BreachMessage[]>();
  for (const each of messages) {
    const episode = episodeOf(episodes, second(each.postedAt));
    byEpisode.set(episode, [...(byEpisode.get(episode) ?? []), each]);
  }
  return byEpisode;
}

/** Compares what was shown with what happened. */
export function check(given: Case): Checked {
  const { episodes, messages, start } = given;
  const second: Second = (ms) => Math.round((ms - start) / 100) / 10;
  const findings: Finding[] = [];
  const find = (kind: Finding['kind'], at: number, what: string): void => {
    const { installation, service, rule } = given;
    findings.push({ kind, installation, service, rule, at, what });
  };
  const told = (each: BreachMessage): string =>
    [
      ...each.shown.map(({ at, text }) => `${second(at)} s "${text}"`),
      ...(each.deletedAt === undefined ? [] : [`deleted at ${second(each.deletedAt)} s`]),
    ].join(', ');

  const byEpisode = grouped(given, second);
  for (const each of byEpisode.get(undefined) ?? NONE)
    find('unfounded', second(each.postedAt), `posted although nothing was slow: ${told(each)}`);

  let owed = 0;
  let shown = 0;
  const delays: number[] = [];
  for (const episode of episodes) {
    const { from, to, seen, mostMessages } = episode;
    const about = byEpisode.get(episode) ?? NONE;
    const [first] = about;
    // A message that was deleted while it was open is owed again; its new post is not a second one.
    const alive = about.filter(({ deletedAt }) => deletedAt === undefined);
    const isOwed = seen.length >= given.owedAfter;
    owed += Number(isOwed);
    shown += Number(first !== undefined);
    if (isOwed && first === undefined) find('lost', from, `slow from ${from} to ${to} s, no message`);
    if (isOwed && first !== undefined)
      delays.push(Math.max(0, second(first.postedAt) - seen.from - given.dueAfter));
    if (alive.length > mostMessages)
      find(
        'twice',
        from,
        `slow from ${from} to ${to} s, ${alive.length} messages: ${alive.map(told).join(' | ')}`,
      );
  }
  for (const each of messages) checkOne(each, { given, second, find, told });
  return { owed, shown, findings, delays };
}

interface Checking {
  readonly given: Case;
  readonly second: Second;
  readonly find: (kind: Finding['kind'], at: number, what: string) => void;
  readonly told: (message: BreachMessage) => string;
}

/** What one message did in its life. */
function checkOne(each: BreachMessage, { given, second, find, told }: Checking): void {
  const states = each.shown;
  const last = states.at(-1);
  if (each.deletedAt === undefined && each.finalReplyAt === undefined && last?.shown === 'open')
    find('never ended', second(each.postedAt), `still open at the end: ${told(each)}`);
  states.forEach(({ shown, at }, index) => {
    if (index > 0 && shown === 'open')
      find('order broken', second(at), `open again after its end: ${told(each)}`);
    if (shown !== 'final') return;
    // It may have been posted late: what fired it lies anywhere in its episode, after the time that a rule waits.
    const begun = episodeOf(given.episodes, second(each.postedAt));
    if (begun === undefined) return;
    const from = begun.from + FOR_S;
    const until = Math.floor(second(at));
    for (let s = from; s <= until; s++) if (!given.isSlow(s)) return;
    find('false resolve', second(at), `ended while slow without a gap since ${from} s: ${told(each)}`);
  });
}

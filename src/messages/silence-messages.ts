import type { Alert, Destination } from '../alerts/alert.ts';
import { count, listed } from '../lib/format.ts';
import { type Labels, sortedLabels } from '../lib/labels.ts';
import { type Matcher, matchersText, matches, parseMatchers } from '../lib/matcher.ts';
import { type EpochMs, epochMs, ms, SECOND } from '../lib/units.ts';
import { destinationsOf, type Routing } from '../policy/route.ts';
import type { StoredSilence } from '../policy/silence.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import { ownGroupId, type RuleGroup, ruleWithoutFile, type SloRule } from '../rules/rule.ts';
import { messageOf, threadLine } from './alert-messages.ts';
import type { MessageUpdate } from './store.ts';

/**
 * The messages that announce silences: one in each channel concerned, edited when the silence ends. Each shows an alert
 * of this rule, whose labels hold all that the message says: so a message continues its silence when the store is lost.
 */
export const SILENCE_RULE: SloRule = {
  ...ruleWithoutFile(ownGroupId('silence'), 'Silence'),
  service: { from: 'none' },
  about: 'silence',
};

/** The rule group of the announcements, in no rule file: its interval is how often ends of silences are looked for. */
export const SILENCE_GROUP: RuleGroup = {
  id: ownGroupId('silences'),
  file: '',
  name: 'silences',
  interval: ms(15 * SECOND),
  queryOffset: ms(0),
  limit: 0,
  rules: [SILENCE_RULE],
};

/** How a silence is, for its messages. */
export interface SilenceProgress {
  readonly at: EpochMs;
  /** Names of the alerts that it has suppressed until now. */
  readonly suppressed: readonly string[];
}

/** Alerts that a message names. */
const NAMED = 10;

const suppressedText = (names: readonly string[]): string => listed(names, NAMED);

/** What a silence suppressed in its life: a sentence. */
export const suppressedSentence = (names: readonly string[]): string =>
  sentenceOf(names.length, suppressedText(names));

const sentenceOf = (amount: number, names: string): string =>
  amount === 0 ? 'It suppressed no alert.' : `It suppressed ${count(amount, 'alert')}: ${names}.`;

/** The same as a message says it; empty when the message does not hold it. */
export const suppressedIn = ({ count: amount, suppressed }: ShownSilence): string =>
  amount === undefined ? '' : sentenceOf(amount, suppressed);

/** The alert that stands for a silence: firing while it is active. */
function alertOf(silence: StoredSilence, { at, suppressed }: SilenceProgress): Alert {
  const { id, matchers, createdBy: by, comment, createdAt, startsAt, endsAt, ended, announcedIn } = silence;
  const labels: Labels = {
    silence: id,
    by,
    matchers: matchersText(matchers),
    comment,
    until: String(endsAt),
  };
  const isEnded = endsAt <= at;
  return {
    fingerprint: id,
    alertId: `silence-${id}`,
    labels,
    series: labels,
    annotations: {
      suppressed: suppressedText(suppressed),
      count: String(suppressed.length),
      endedBy: ended?.by ?? '',
    },
    state: isEnded ? 'resolved' : 'firing',
    activeAt: startsAt,
    firedAt: createdAt,
    resolvedAt: isEnded ? endsAt : undefined,
    resolveReason: isEnded ? 'closed' : undefined,
    value: suppressed.length,
    peak: suppressed.length,
    seenAt: at,
    missedTicks: 0,
    postedTo: announcedIn,
  };
}

/** What the messages of a silence are to show. `isNew`: they are posted. Once it has ended, each thread says so. */
export function silenceUpdates(
  silence: StoredSilence,
  progress: SilenceProgress & { readonly isNew?: true },
): readonly MessageUpdate[] {
  const { at, isNew } = progress;
  const alert = alertOf(silence, progress);
  const context = { group: SILENCE_GROUP, rule: SILENCE_RULE };
  return (silence.announcedIn ?? []).map((destination, index): MessageUpdate => {
    const key = messageOf(alert, index);
    return {
      key,
      isNew,
      desired: { group: SILENCE_GROUP.id, alert, rule: SILENCE_RULE, destination, asOf: at },
      line:
        alert.state === 'resolved'
          ? threadLine(context, at, { kind: 'resolved', alert, message: key })
          : undefined,
      at,
    };
  });
}

/** What a message of a silence says, read from its alert. */
export interface ShownSilence {
  readonly id: string;
  /** A Slack user id. */
  readonly by: string;
  /** Empty: every alert. */
  readonly matchers: string;
  readonly comment: string;
  readonly until: EpochMs;
  /** The names of the alerts, and their number; undefined when it is not known. */
  readonly suppressed: string;
  readonly count?: number;
  /** Who ended it early. */
  readonly endedBy?: string;
}

export function shownSilence({ labels, annotations }: Alert): ShownSilence {
  const { silence: id = '', by = '', matchers = '', comment = '', until = '' } = labels;
  const { suppressed = '', count, endedBy = '' } = annotations;
  return {
    id,
    by,
    matchers,
    comment,
    until: epochMs(Number(until)),
    suppressed,
    count: count === undefined ? undefined : Number(count),
    endedBy: endedBy === '' ? undefined : endedBy,
  };
}

/** The silence that a message found in Slack announces; undefined when the message does not hold all of it. */
export function silenceInMessage(alert: Alert): StoredSilence | undefined {
  const { id, by: createdBy, matchers: text, comment, until: endsAt } = shownSilence(alert);
  const read = text === '' ? { ok: true as const, matchers: [] } : parseMatchers(text);
  if (alert.isUnlabeled === true || id === '' || !read.ok || !Number.isFinite(endsAt)) return undefined;
  const { activeAt: startsAt, firedAt: createdAt = startsAt, postedTo: announcedIn } = alert;
  return { id, matchers: read.matchers, startsAt, endsAt, createdBy, comment, createdAt, announcedIn };
}

/** What decides which channels a silence concerns. */
export interface ConcernedBy {
  /** Destinations of the open alerts that it matches. */
  readonly open: readonly Destination[];
  readonly rules: readonly Pick<SloRule, 'name' | 'labels' | 'channel'>[];
  readonly routing: Routing;
  readonly at: EpochMs;
  readonly localTime: LocalTimeIn;
}

/** Whether a rule's alerts can match: labels that are known only at an evaluation may have any value. */
const canMatch = (matchers: readonly Matcher[], known: Labels): boolean =>
  matchers.every((matcher) => known[matcher.label] === undefined || matches([matcher], known));

/**
 * Where a silence is announced, one destination for each channel, without mentions: where the open alerts are that it
 * matches, and where the alerts of the rules would go that it can match. Without any, the default channel.
 */
export function channelsConcerned(
  matchers: readonly Matcher[],
  { open, rules, routing, at, localTime }: ConcernedBy,
): readonly Destination[] {
  const named = Object.fromEntries(
    matchers.filter(({ operator }) => operator === '=').map(({ label, value }) => [label, value]),
  );
  const ofRules = rules.flatMap(({ name, labels, channel }) => {
    const own = sortedLabels(labels).filter(([, value]) => !value.includes('{{'));
    const known: Labels = { ...Object.fromEntries(own), alertname: name };
    return canMatch(matchers, known)
      ? destinationsOf(routing, { labels: { ...named, ...known }, channel }, { at, localTime })
      : [];
  });
  const channels = new Set([...open, ...ofRules].map(({ channel }) => channel));
  if (channels.size === 0) channels.add(undefined);
  return [...channels].map((channel) => ({ channel, mentions: [] }));
}

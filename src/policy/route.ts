import type { Destination } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import type { EpochMs } from '../lib/units.ts';
import { containsInstant, type LocalTimeIn, type TimeInterval } from './time-interval.ts';

/** Whom to call for which severity: ids of Slack user groups or of people. An empty list, or map, calls nobody. */
export type MentionsBySeverity = Readonly<Record<string, readonly string[]>>;

/** Something that may say where an alert goes, and whom its first post calls. */
export interface Addressing {
  readonly channel?: string;
  readonly mentions?: MentionsBySeverity;
}

/** A node of the routing tree. What it does not say is taken from the node above. */
export interface Route extends Addressing {
  readonly matchers: readonly Matcher[];
  /** Messages are held back while one of these holds. */
  readonly muteTimes?: readonly TimeInterval[];
  /** Messages are held back while none of these holds. */
  readonly activeTimes?: readonly TimeInterval[];
  /** Go on with the next sibling after this one matched. */
  readonly continue: boolean;
  readonly routes: readonly Route[];
}

/** The tree, and what is said of teams and severities for the alerts of which no route below its root says it. */
export interface Routing {
  readonly route: Route;
  /** By the value of the alert's label `team`. */
  readonly teams?: Readonly<Record<string, Addressing>>;
  /** By the value of the alert's label `severity`. */
  readonly severities?: Readonly<Record<string, Addressing>>;
}

/** Where a route sends an alert now. */
export interface RoutedDestination extends Destination {
  /** Its messages are held back at this time of day, week or year. */
  readonly isMuted: boolean;
}

/** A route that takes an alert, and those it stands below, up to the root. */
type Leaf = readonly [Route, ...Route[]];

/**
 * The deepest routes that match, from the first sibling on until one without `continue`.
 * Source: alertmanager dispatch/route.go, Route.Match.
 */
function leavesOf(route: Route, labels: Labels, above: readonly Route[] = []): readonly Leaf[] {
  if (!matches(route.matchers, labels)) return [];
  const leaves: Leaf[] = [];
  for (const child of route.routes) {
    const found = leavesOf(child, labels, [route, ...above]);
    leaves.push(...found);
    if (found.length > 0 && !child.continue) break;
  }
  return leaves.length > 0 ? leaves : [[route, ...above]];
}

function isMuted({ muteTimes, activeTimes }: Route, at: EpochMs, localTime: LocalTimeIn): boolean {
  if (muteTimes !== undefined && containsInstant(muteTimes, at, localTime)) return true;
  return activeTimes !== undefined && !containsInstant(activeTimes, at, localTime);
}

const namedBy = (
  label: 'team' | 'severity',
  labels: Labels,
  defaults: Readonly<Record<string, Addressing>> = {},
): readonly Addressing[] => {
  const found = Object.entries(defaults).find(([name]) => name === labels[label]);
  return found === undefined ? [] : [found[1]];
};

/** All that speak of an alert, the most specific first. The root says what holds when nobody else says anything. */
const voicesOf = ({ teams, severities, route: root }: Routing, leaf: Leaf, labels: Labels) => [
  ...leaf.slice(0, -1),
  ...namedBy('team', labels, teams),
  ...namedBy('severity', labels, severities),
  root,
];

/** A map without the severity says nothing of it, unless it is empty. */
const callsFor = ({ mentions }: Addressing, severity: string): readonly string[] | undefined => {
  if (mentions === undefined) return undefined;
  if (Object.hasOwn(mentions, severity)) return mentions[severity];
  return Object.keys(mentions).length === 0 ? [] : undefined;
};

/** What the first of them says that says anything. */
const firstOf = <T>(voices: readonly Addressing[], said: (voice: Addressing) => T | undefined) => {
  for (const voice of voices) {
    const found = said(voice);
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * Where an alert's messages go: one destination per channel, first match first. The channel is that of the rule itself
 * (`alert.channel`), else of the nearest route below the root, else of the alert's team, else of its severity, else of
 * the root, else the default one; whom to call is decided in the same order by the first that names the severity. Two
 * routes to one channel give one message, that calls whom both call, and is held back only while both are.
 */
export function destinationsOf(
  routing: Routing,
  alert: { readonly labels: Labels; readonly channel?: string },
  { at, localTime }: { readonly at: EpochMs; readonly localTime: LocalTimeIn },
): readonly RoutedDestination[] {
  const { labels } = alert;
  const byChannel = new Map<string | undefined, RoutedDestination>();
  for (const leaf of leavesOf(routing.route, labels)) {
    const voices = voicesOf(routing, leaf, labels);
    const channel = alert.channel ?? firstOf(voices, (voice) => voice.channel);
    const called = firstOf(voices, (voice) => callsFor(voice, labels['severity'] ?? '')) ?? [];
    const known = byChannel.get(channel);
    byChannel.set(channel, {
      channel,
      mentions: [...new Set([...(known?.mentions ?? []), ...called])],
      isMuted: (known?.isMuted ?? true) && isMuted(leaf[0], at, localTime),
    });
  }
  return [...byChannel.values()];
}

/** No tree: everything goes where its rule says, or to the default channel. */
export const PLAIN_ROUTE: Route = { matchers: [], continue: false, routes: [] };

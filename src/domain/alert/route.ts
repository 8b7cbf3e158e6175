import type { Labels } from '../labels.ts';
import type { EpochMs } from '../units.ts';
import { type Matcher, matches } from './matcher.ts';
import { containsInstant, type LocalTimeIn, type TimeInterval } from './time-interval.ts';

/** Whom to call for which severity: ids of Slack user groups or of people. */
export type MentionsBySeverity = Readonly<Record<string, readonly string[]>>;

/** A node of the routing tree. What it does not say is taken from the node above. */
export interface Route {
  readonly matchers: readonly Matcher[];
  readonly channel?: string;
  readonly mentions?: MentionsBySeverity;
  /** Messages are held back while one of these holds. */
  readonly muteTimes?: readonly TimeInterval[];
  /** Messages are held back while none of these holds. */
  readonly activeTimes?: readonly TimeInterval[];
  /** Go on with the next sibling after this one matched. */
  readonly continue: boolean;
  readonly routes: readonly Route[];
}

/** Where one message of an alert goes. */
export interface Destination {
  /** Absent: the default channel. */
  readonly channel?: string;
  /** Whom its first post calls. */
  readonly mentions: readonly string[];
}

export interface RoutedDestination extends Destination {
  /** Its messages are held back at this time of day, week or year. */
  readonly isMuted: boolean;
}

type Inherited = Pick<Route, 'channel' | 'mentions'>;

interface Leaf extends Inherited {
  readonly route: Route;
}

/**
 * The deepest routes that match, from the first sibling on until one without `continue`.
 * Source: alertmanager dispatch/route.go, Route.Match.
 */
function leavesOf(route: Route, labels: Labels, above: Inherited): readonly Leaf[] {
  if (!matches(route.matchers, labels)) return [];
  const channel = route.channel ?? above.channel;
  const mentions = route.mentions ?? above.mentions;
  const own: Inherited = {
    ...(channel === undefined ? {} : { channel }),
    ...(mentions === undefined ? {} : { mentions }),
  };
  const leaves: Leaf[] = [];
  for (const child of route.routes) {
    const found = leavesOf(child, labels, own);
    leaves.push(...found);
    if (found.length > 0 && !child.continue) break;
  }
  return leaves.length > 0 ? leaves : [{ ...own, route }];
}

function isMuted({ muteTimes, activeTimes }: Route, at: EpochMs, localTime: LocalTimeIn): boolean {
  if (muteTimes !== undefined && containsInstant(muteTimes, at, localTime)) return true;
  return activeTimes !== undefined && !containsInstant(activeTimes, at, localTime);
}

function mentionsFor({ mentions = {} }: Leaf, labels: Labels): readonly string[] {
  const severity = labels['severity'] ?? '';
  return Object.hasOwn(mentions, severity) ? (mentions[severity] ?? []) : [];
}

/**
 * Where an alert's messages go: one destination per channel, first match first. `channel` is what the rule itself
 * names: it wins over the tree, which then only says whom to call and when to be still. Two routes to one channel give
 * one message, that calls whom both call, and is held back only while both are.
 */
export function destinationsOf(
  root: Route,
  alert: { readonly labels: Labels; readonly channel?: string },
  { at, localTime }: { readonly at: EpochMs; readonly localTime: LocalTimeIn },
): readonly RoutedDestination[] {
  const byChannel = new Map<string | undefined, RoutedDestination>();
  for (const leaf of leavesOf(root, alert.labels, {})) {
    const channel = alert.channel ?? leaf.channel;
    const known = byChannel.get(channel);
    byChannel.set(channel, {
      ...(channel === undefined ? {} : { channel }),
      mentions: [...new Set([...(known?.mentions ?? []), ...mentionsFor(leaf, alert.labels)])],
      isMuted: (known?.isMuted ?? true) && isMuted(leaf.route, at, localTime),
    });
  }
  return [...byChannel.values()];
}

/** No tree: everything goes where its rule says, or to the default channel. */
export const PLAIN_ROUTE: Route = { matchers: [], continue: false, routes: [] };

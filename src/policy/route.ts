import type { Destination } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import { containsInstant, type LocalTimeIn, type TimeInterval } from './time-interval.ts';

/** Slack mentions by severity: ids of user groups or of users. An empty list or map mentions nobody. */
export type MentionsBySeverity = Readonly<Record<string, readonly string[]>>;

/** A channel and mentions, each optional: of a route, a team or a severity. */
export interface Addressing {
  readonly channel?: string;
  readonly mentions?: MentionsBySeverity;
}

/** A node of the routing tree. What it does not set is inherited from its parent. */
export interface Route extends Addressing {
  readonly matchers: readonly Matcher[];
  /** Alerts are muted during these intervals. */
  readonly muteTimes?: readonly TimeInterval[];
  /** Alerts are muted outside of these intervals. */
  readonly activeTimes?: readonly TimeInterval[];
  /** Whether the channel sees the line about an alert's end, not the thread alone; absent: as its parent. */
  readonly broadcastsEnd?: boolean;
  /** How long an alert waits for an acknowledgement until its thread gets a reminder; 0: none. Absent: as its parent. */
  readonly remindAfter?: Milliseconds;
  /** Whether the next siblings are tried after this one matched. */
  readonly continue: boolean;
  readonly routes: readonly Route[];
}

/** The routing tree, with the defaults of teams and severities for what no route below the root sets. */
export interface Routing {
  readonly route: Route;
  /** By the value of the alert's label `team`. */
  readonly teams?: Readonly<Record<string, Addressing>>;
  /** By the value of the alert's label `severity`. */
  readonly severities?: Readonly<Record<string, Addressing>>;
}

/** The destination of an alert, for one evaluation time. */
export interface RoutedDestination extends Destination {
  /** A time interval of the route mutes it now. */
  readonly isMuted: boolean;
}

/** A route that matches an alert, with its parents up to the root. */
type Leaf = readonly [Route, ...Route[]];

/**
 * The deepest matching routes, in order, up to the first without `continue`.
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

const defaultsOf = (
  name: string | undefined,
  defaults: Readonly<Record<string, Addressing>> = {},
): readonly Addressing[] => {
  const found = name !== undefined && Object.hasOwn(defaults, name) ? defaults[name] : undefined;
  return found === undefined ? [] : [found];
};

/** The channels and mentions that apply to an alert, the most specific first; the root is the last default. */
const addressingsOf = ({ teams, severities, route: root }: Routing, leaf: Leaf, labels: Labels) => [
  ...leaf.slice(0, -1),
  ...defaultsOf(labels['team'], teams),
  ...defaultsOf(labels['severity'], severities),
  root,
];

/** What the nearest route sets. */
const inherited = <K extends 'broadcastsEnd' | 'remindAfter'>(leaf: Leaf, key: K): Route[K] | undefined =>
  leaf.map((each) => each[key]).find((each) => each !== undefined);

function reminderOf(leaf: Leaf): Milliseconds | undefined {
  const remindAfter = inherited(leaf, 'remindAfter');
  return remindAfter === 0 ? undefined : remindAfter;
}

/** Undefined when the map does not contain the severity, unless it is empty. */
const mentionsFor = ({ mentions }: Addressing, severity: string): readonly string[] | undefined => {
  if (mentions === undefined) return undefined;
  if (Object.hasOwn(mentions, severity)) return mentions[severity];
  return Object.keys(mentions).length === 0 ? [] : undefined;
};

/**
 * The destinations of an alert, one per channel, in the order of the routes. The channel is that of the rule itself
 * (`alert.channel`), else of the nearest route below the root, of the alert's team, of its severity, of the root, or the
 * default channel. The mentions are those of the first in this order that contains the severity. Two routes to one channel
 * give one message with the mentions of both, which is muted only while both are.
 */
export function destinationsOf(
  routing: Routing,
  alert: { readonly labels: Labels; readonly channel?: string },
  { at, localTime }: { readonly at: EpochMs; readonly localTime: LocalTimeIn },
): readonly RoutedDestination[] {
  const { labels } = alert;
  const byChannel = new Map<string | undefined, RoutedDestination>();
  for (const leaf of leavesOf(routing.route, labels)) {
    const addressings = addressingsOf(routing, leaf, labels);
    const channel = alert.channel ?? addressings.find((each) => each.channel !== undefined)?.channel;
    const mentions = addressings
      .map((each) => mentionsFor(each, labels['severity'] ?? ''))
      .find((each) => each !== undefined);
    const known = byChannel.get(channel);
    const destination: RoutedDestination = {
      channel,
      mentions: [...new Set(mentions)],
      broadcastsEnd: inherited(leaf, 'broadcastsEnd') === true ? true : undefined,
      remindAfter: reminderOf(leaf),
      isMuted: isMuted(leaf[0], at, localTime),
    };
    byChannel.set(channel, known === undefined ? destination : both(known, destination));
  }
  return [...byChannel.values()];
}

/** Whether a route of the tree sets a reminder. */
export const hasReminders = ({ remindAfter = ms(0), routes }: Route): boolean =>
  remindAfter > 0 || routes.some(hasReminders);

/** One message for two routes to one channel. */
const both = (first: RoutedDestination, second: RoutedDestination): RoutedDestination => ({
  ...first,
  mentions: [...new Set([...first.mentions, ...second.mentions])],
  broadcastsEnd: first.broadcastsEnd ?? second.broadcastsEnd,
  remindAfter: first.remindAfter ?? second.remindAfter,
  isMuted: first.isMuted && second.isMuted,
});

/** Every channel that the routing tree, the teams and the severities name. */
export function channelsIn({ route, teams = {}, severities = {} }: Routing): readonly string[] {
  const ofRoute = ({ channel, routes }: Route): readonly (string | undefined)[] => [
    channel,
    ...routes.flatMap(ofRoute),
  ];
  const others = [...Object.values(teams), ...Object.values(severities)].map(({ channel }) => channel);
  return [...new Set([...ofRoute(route), ...others])].filter((channel) => channel !== undefined);
}

/** No routing tree: alerts go to the channel of their rule, or to the default channel. */
export const DEFAULT_ROUTE: Route = { matchers: [], continue: false, routes: [] };

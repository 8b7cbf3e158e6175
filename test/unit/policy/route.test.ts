import { describe, expect, it } from 'vitest';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { epochMs, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';
import { DEFAULT_ROUTE, destinationsOf, type Route, type Routing } from '../../../src/policy/route.ts';

const matchers = (text: string): Route['matchers'] => {
  const read = parseMatchers(text);
  if (!read.ok) throw new Error(read.message);
  return read.matchers;
};
const node = (text: string, over: Partial<Route> = {}): Route => ({
  ...DEFAULT_ROUTE,
  matchers: text === '' ? [] : matchers(text),
  ...over,
});

/** Minutes of the epoch are the local time, in every zone. */
const around = (minute = 0) => ({
  at: epochMs(minute * 60_000),
  localTime: () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute }),
});
const during = (begin: number, end: number) => [{ times: [{ begin, end }], location: 'UTC' }];

const ROOT = node('', {
  channel: '#all',
  mentions: { page: ['SALL'] },
  routes: [
    node('team="shop"', {
      channel: '#shop',
      mentions: { page: ['SSHOP'], ticket: [] },
      routes: [node('severity="ticket"', { channel: '#shop-tickets' })],
    }),
    node('severity="page"', { channel: '#pages', continue: true }),
    node('team=~"ops|shop"', { channel: '#ops' }),
  ],
});

const rows: Readonly<
  Record<string, readonly [Readonly<Record<string, string>>, string | undefined, object[]]>
> = {
  'an alert that no route matches goes to the root': [
    { team: 'x', severity: 'info' },
    undefined,
    [{ channel: '#all', mentions: [], isMuted: false }],
  ],
  'the first matching route is used': [
    { team: 'shop', severity: 'page' },
    undefined,
    [{ channel: '#shop', mentions: ['SSHOP'], isMuted: false }],
  ],
  'the deepest matching route is used, and inherits from its parents': [
    { team: 'shop', severity: 'ticket' },
    undefined,
    [{ channel: '#shop-tickets', mentions: [], isMuted: false }],
  ],
  'after `continue` the next siblings are tried too': [
    { team: 'ops', severity: 'page' },
    undefined,
    [
      { channel: '#pages', mentions: ['SALL'], isMuted: false },
      { channel: '#ops', mentions: ['SALL'], isMuted: false },
    ],
  ],
  "the rule's own channel wins, once": [
    { team: 'ops', severity: 'page' },
    '#mine',
    [{ channel: '#mine', mentions: ['SALL'], isMuted: false }],
  ],
  'a severity named like a property of all objects mentions nobody': [
    { severity: 'toString' },
    undefined,
    [{ channel: '#all', mentions: [], isMuted: false }],
  ],
};

describe('routing', () => {
  it.each(Object.entries(rows))('%s', (_, [labels, channel, expected]) => {
    const alert = channel === undefined ? { labels } : { labels, channel };
    expect(destinationsOf({ route: ROOT }, alert, around())).toEqual(expected);
  });

  it('without a tree uses the default channel', () => {
    expect(destinationsOf({ route: DEFAULT_ROUTE }, { labels: {} }, around())).toEqual([
      { mentions: [], isMuted: false },
    ]);
  });

  it.each([
    ['inside its mute time', { muteTimes: during(10, 20) }, 15, true],
    ['outside its mute time', { muteTimes: during(10, 20) }, 20, false],
    ['inside its active time', { activeTimes: during(10, 20) }, 15, false],
    ['outside its active time', { activeTimes: during(10, 20) }, 9, true],
    ['where both match', { activeTimes: during(0, 60), muteTimes: during(10, 20) }, 15, true],
    ['with an empty list of active times', { activeTimes: [] }, 15, true],
  ])('%s: whether the route is muted', (_, times, minute, isMuted) => {
    expect(destinationsOf({ route: node('', times) }, { labels: {} }, around(minute))).toMatchObject([
      { isMuted },
    ]);
  });

  it.each<[string, Partial<Route>, Partial<Route>, true | undefined]>([
    ['by its parent', { broadcastsEnd: true }, {}, true],
    ['against its parent', { broadcastsEnd: true }, { broadcastsEnd: false }, undefined],
    ['by itself', {}, { broadcastsEnd: true }, true],
    ['by default', {}, {}, undefined],
  ])('%s: whether the channel sees the end', (_, parent, own, broadcastsEnd) => {
    const route = node('', { ...parent, routes: [node('', own)] });
    expect(destinationsOf({ route }, { labels: {} }, around())[0]?.broadcastsEnd).toBe(broadcastsEnd);
  });

  it.each<[string, Partial<Route>, Partial<Route>, number | undefined]>([
    ['of its parent', { remindAfter: MINUTE }, {}, MINUTE],
    ['none against its parent', { remindAfter: MINUTE }, { remindAfter: ms(0) }, undefined],
    ['its own', { remindAfter: MINUTE }, { remindAfter: HOUR }, HOUR],
    ['none by default', {}, {}, undefined],
  ])('%s: when a reminder is due', (_, parent, own, remindAfter) => {
    const route = node('', { ...parent, routes: [node('', own)] });
    expect(destinationsOf({ route }, { labels: {} }, around())[0]?.remindAfter).toBe(remindAfter);
  });

  it('posts to a channel of two routes while one of them is not muted', () => {
    const root = node('', {
      routes: [
        node('', { channel: '#a', continue: true, muteTimes: during(0, 60), mentions: { page: ['S1'] } }),
        node('', { channel: '#a', mentions: { page: ['S2', 'S1'] } }),
      ],
    });
    expect(destinationsOf({ route: root }, { labels: { severity: 'page' } }, around(15))).toEqual([
      { channel: '#a', mentions: ['S1', 'S2'], isMuted: false },
    ]);
  });
});

describe('teams and severities', () => {
  const EACH = {
    teams: { shop: { channel: '#shop', mentions: { page: ['SSHOP'] } }, pay: { mentions: { page: [] } } },
    severities: {
      page: { channel: '#pages', mentions: { page: ['SPAGE'] } },
      ticket: { mentions: { ticket: ['STICKET'] } },
    },
  } as const;
  const under = (root: Partial<Route>, ...routes: readonly Route[]): Routing => ({
    ...EACH,
    route: node('', { ...root, routes }),
  });
  const shopPage = { team: 'shop', severity: 'page' };

  interface Row {
    readonly routing: Routing;
    readonly labels: Readonly<Record<string, string>>;
    readonly own?: string;
    /** The channel, and whom its message calls. */
    readonly to: readonly (readonly [string | undefined, ...string[]])[];
  }
  const table: Readonly<Record<string, Row>> = {
    "a rule's own channel takes precedence, with the mentions of the routes": {
      routing: under({}, node('team="shop"', { channel: '#route' })),
      labels: shopPage,
      own: '#mine',
      to: [['#mine', 'SSHOP']],
    },
    'a route takes precedence over the team': {
      routing: under({}, node('team="shop"', { channel: '#route', mentions: { page: ['SROUTE'] } })),
      labels: shopPage,
      to: [['#route', 'SROUTE']],
    },
    'a parent route takes precedence over the team too': {
      routing: under(
        {},
        node('team="shop"', { channel: '#route', mentions: { page: ['SROUTE'] }, routes: [node('')] }),
      ),
      labels: shopPage,
      to: [['#route', 'SROUTE']],
    },
    'a route with mentions only uses the channel of the team': {
      routing: under({}, node('team="shop"', { mentions: { page: ['SROUTE'] } })),
      labels: shopPage,
      to: [['#shop', 'SROUTE']],
    },
    'a route with a channel only uses the mentions of the team': {
      routing: under({}, node('team="shop"', { channel: '#route' })),
      labels: shopPage,
      to: [['#route', 'SSHOP']],
    },
    'the team takes precedence over the severity': {
      routing: under({}),
      labels: shopPage,
      to: [['#shop', 'SSHOP']],
    },
    'the severity takes precedence over the root': {
      routing: under({ channel: '#all', mentions: { page: ['SALL'] } }),
      labels: { team: 'x', severity: 'page' },
      to: [['#pages', 'SPAGE']],
    },
    'the root is the last default': {
      routing: under({ channel: '#all', mentions: { info: ['SALL'] } }),
      labels: { severity: 'info' },
      to: [['#all', 'SALL']],
    },
    'without labels and without a root the default channel is used': {
      routing: under({}),
      labels: {},
      to: [[undefined]],
    },
    'a team without the severity uses the mentions of the severity': {
      routing: under({}),
      labels: { team: 'shop', severity: 'ticket' },
      to: [['#shop', 'STICKET']],
    },
    'a team with an empty list mentions nobody': {
      routing: under({ mentions: { page: ['SALL'] } }),
      labels: { team: 'pay', severity: 'page' },
      to: [['#pages']],
    },
    'a route with an empty map mentions nobody for any severity': {
      routing: under({}, node('team="shop"', { mentions: {} })),
      labels: shopPage,
      to: [['#shop']],
    },
    'two routes with the defaults of the team give one message, with each mention once': {
      routing: under({}, node('team="shop"', { continue: true }), node('severity="page"')),
      labels: shopPage,
      to: [['#shop', 'SSHOP']],
    },
    'a route with a channel and one without give two messages': {
      routing: under({}, node('', { channel: '#audit', mentions: {}, continue: true }), node('team="shop"')),
      labels: shopPage,
      to: [['#audit'], ['#shop', 'SSHOP']],
    },
    'names are case-sensitive, and are not properties of all objects': {
      routing: under({}),
      labels: { team: 'Shop', severity: 'constructor' },
      to: [[undefined]],
    },
  };
  it.each(Object.entries(table))('%s', (_, { routing, labels, own, to }) => {
    const alert = own === undefined ? { labels } : { labels, channel: own };
    const found = destinationsOf(routing, alert, around());
    expect(found.map(({ channel, mentions }) => [channel, ...mentions])).toEqual(to);
  });
});

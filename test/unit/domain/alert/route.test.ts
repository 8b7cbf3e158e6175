import { describe, expect, it } from 'vitest';
import { parseMatchers } from '../../../../src/domain/alert/matcher.ts';
import { destinationsOf, PLAIN_ROUTE, type Route } from '../../../../src/domain/alert/route.ts';
import { epochMs } from '../../../../src/domain/units.ts';

const matchers = (text: string): Route['matchers'] => {
  const read = parseMatchers(text);
  if (!read.ok) throw new Error(read.message);
  return read.matchers;
};
const node = (text: string, over: Partial<Route> = {}): Route => ({
  ...PLAIN_ROUTE,
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
  'what no route matches goes to the root': [
    { team: 'x', severity: 'info' },
    undefined,
    [{ channel: '#all', mentions: [], isMuted: false }],
  ],
  'the first route that matches has it': [
    { team: 'shop', severity: 'page' },
    undefined,
    [{ channel: '#shop', mentions: ['SSHOP'], isMuted: false }],
  ],
  'the deepest route has it, and takes from above what it does not say': [
    { team: 'shop', severity: 'ticket' },
    undefined,
    [{ channel: '#shop-tickets', mentions: [], isMuted: false }],
  ],
  'after `continue` the next siblings are asked too': [
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
  'a severity named like a property of all objects calls nobody': [
    { severity: 'toString' },
    undefined,
    [{ channel: '#all', mentions: [], isMuted: false }],
  ],
};

describe('routing', () => {
  it.each(Object.entries(rows))('%s', (_, [labels, channel, expected]) => {
    const alert = channel === undefined ? { labels } : { labels, channel };
    expect(destinationsOf(ROOT, alert, around())).toEqual(expected);
  });

  it('without a tree leads to the default channel', () => {
    expect(destinationsOf(PLAIN_ROUTE, { labels: {} }, around())).toEqual([{ mentions: [], isMuted: false }]);
  });

  it.each([
    ['inside its mute time', { muteTimes: during(10, 20) }, 15, true],
    ['outside its mute time', { muteTimes: during(10, 20) }, 20, false],
    ['inside its active time', { activeTimes: during(10, 20) }, 15, false],
    ['outside its active time', { activeTimes: during(10, 20) }, 9, true],
    ['where both hold, still', { activeTimes: during(0, 60), muteTimes: during(10, 20) }, 15, true],
    ['never active when no time is named', { activeTimes: [] }, 15, true],
  ])('holds a route back %s', (_, times, minute, isMuted) => {
    expect(destinationsOf(node('', times), { labels: {} }, around(minute))).toMatchObject([{ isMuted }]);
  });

  it('posts to a channel of two routes while one of them is not muted', () => {
    const root = node('', {
      routes: [
        node('', { channel: '#a', continue: true, muteTimes: during(0, 60), mentions: { page: ['S1'] } }),
        node('', { channel: '#a', mentions: { page: ['S2', 'S1'] } }),
      ],
    });
    expect(destinationsOf(root, { labels: { severity: 'page' } }, around(15))).toEqual([
      { channel: '#a', mentions: ['S1', 'S2'], isMuted: false },
    ]);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../../src/lib/units.ts';
import { DEFAULT_ROUTE } from '../../../../src/policy/route.ts';
import { loadRuleFiles, parseRuleText } from '../../../../src/rules/file/rule-file.ts';

const policyOf = (text: string) => {
  const result = parseRuleText('rules.yaml', text);
  expect(result.ok ? [] : result.errors).toEqual([]);
  return result.policy;
};

const FULL = `
route:
  channel: "#all"
  mentions: { page: [S0123ABCD] }
  routes:
  - matchers: [team="shop", 'severity=~"page|ticket"']
    channel: "#shop"
    continue: true
    broadcast_resolved: true
    remind_after: 15m
    mute_time_intervals: [nights, weekend]
    routes:
    - matchers: [severity=ticket]
      active_time_intervals: [weekend]
time_intervals:
- name: nights
  time_intervals:
  - times: [{ start_time: "22:00", end_time: "24:00" }, { start_time: "0:00", end_time: "06:30" }]
    location: Europe/Vienna
- name: weekend
  time_intervals:
  - weekdays: [saturday, Sunday]
  - days_of_month: ["-3:-1", "1:7", "1:-1"]
    months: ["1:3", may, "september:December"]
    years: ["2026:2028", "2030"]
    times: []
inhibit: call-graph
group_threshold: 25
flap_threshold: 0
inhibit_rules:
- source_matchers: [severity="page"]
  target_matchers: [severity="ticket"]
  equal: [service]
silences:
- matchers: [service="cart"]
  starts_at: 2026-11-21T22:00:00+01:00
  ends_at: 2026-11-22 06:00:00Z
  created_by: ann
  comment: moving the database
maintenance:
- name: backup
  matchers: [service=~"db.*"]
  time_intervals: [nights]
- name: migration
  matchers: [service="db"]
  starts_at: 2026-11-21T22:00:00Z
  ends_at: 2026-11-21T23:00:00Z
slos: []
`;

const NIGHTS = {
  location: 'Europe/Vienna',
  times: [
    { begin: 1320, end: 1440 },
    { begin: 0, end: 390 },
  ],
};
const WEEKEND = [
  {
    location: 'UTC',
    weekdays: [
      { begin: 6, end: 6 },
      { begin: 0, end: 0 },
    ],
  },
  {
    location: 'UTC',
    daysOfMonth: [
      { begin: -3, end: -1 },
      { begin: 1, end: 7 },
      { begin: 1, end: -1 },
    ],
    months: [
      { begin: 1, end: 3 },
      { begin: 5, end: 5 },
      { begin: 9, end: 12 },
    ],
    years: [
      { begin: 2026, end: 2028 },
      { begin: 2030, end: 2030 },
    ],
  },
];
const equal = (label: string, value: string) => ({ label, operator: '=', value });

describe('the notification policy in rule files', () => {
  it('is read completely', () => {
    expect(policyOf(FULL)).toEqual({
      groupThreshold: 25,
      flapThreshold: 0,
      route: {
        matchers: [],
        continue: false,
        channel: '#all',
        mentions: { page: ['S0123ABCD'] },
        routes: [
          {
            matchers: [equal('team', 'shop'), { label: 'severity', operator: '=~', value: 'page|ticket' }],
            broadcastsEnd: true,
            remindAfter: 15 * MINUTE,
            continue: true,
            channel: '#shop',
            muteTimes: [NIGHTS, ...WEEKEND],
            routes: [
              {
                matchers: [equal('severity', 'ticket')],
                continue: false,
                routes: [],
                activeTimes: WEEKEND,
              },
            ],
          },
        ],
      },
      silences: [
        {
          matchers: [equal('service', 'cart')],
          startsAt: Date.UTC(2026, 10, 21, 21),
          endsAt: Date.UTC(2026, 10, 22, 6),
          createdBy: 'ann',
          comment: 'moving the database',
        },
      ],
      maintenance: [
        {
          name: 'backup',
          matchers: [{ label: 'service', operator: '=~', value: 'db.*' }],
          recurring: [NIGHTS],
        },
        {
          name: 'migration',
          matchers: [equal('service', 'db')],
          recurring: [],
          once: { startsAt: Date.UTC(2026, 10, 21, 22), endsAt: Date.UTC(2026, 10, 21, 23) },
        },
      ],
      inhibitRules: [
        { source: [equal('severity', 'page')], target: [equal('severity', 'ticket')], equal: ['service'] },
      ],
      inhibitsByCallGraph: true,
    });
  });

  it('is empty by default', () => {
    expect(policyOf('silences:\nmaintenance: []')).toEqual({
      route: DEFAULT_ROUTE,
      silences: [],
      maintenance: [],
      inhibitRules: [],
      inhibitsByCallGraph: false,
    });
  });

  it('says who may act: what it does not name is as by default', async () => {
    const load = (text: string) => loadRuleFiles(['a.yaml'], async () => text);
    expect(await load('permissions: { silence: [S0ONCALL1, U0ANN0001], look_up: members }')).toMatchObject({
      ok: true,
      permissions: {
        look_up: ['members'],
        acknowledge: ['members'],
        silence: ['S0ONCALL1', 'U0ANN0001'],
        close: ['members'],
      },
    });
    expect((await load('inhibit: call-graph')).permissions).toBeUndefined();
  });

  it('may be spread over files, the route is in one of them', async () => {
    const files: Readonly<Record<string, string>> = {
      'a.yaml': 'inhibit: call-graph\ngroup_threshold: 25',
      'b.yaml': 'route: { channel: "#b" }',
      'c.yaml': 'silences: []\nroute: { channel: "#c" }\ngroup_threshold: 5\nflap_threshold: 4',
    };
    const load = (names: readonly string[]) => loadRuleFiles(names, async (path) => files[path] ?? '');
    const right = await load(['a.yaml', 'b.yaml']);
    expect(right).toMatchObject({
      ok: true,
      policy: { inhibitsByCallGraph: true, route: { channel: '#b' }, groupThreshold: 25 },
    });
    const wrong = await load(['a.yaml', 'b.yaml', 'c.yaml']);
    expect(wrong.ok ? [] : wrong.errors).toMatchObject([
      { file: 'c.yaml', line: 2, message: expect.stringContaining('already defined at b.yaml:1') },
      { file: 'c.yaml', line: 3, message: expect.stringContaining('already defined at a.yaml:2') },
    ]);
  });

  it('has the teams and severities of all files', async () => {
    const files: Readonly<Record<string, string>> = {
      'a.yaml':
        'teams:\n  shop: { channel: "#shop", mentions: { page: [S0123ABCD], ticket: [] } }\n---\nteams:\nseverities:\n  page: { channel: C0123ABCD, mentions: [S0123ABCD, U0123ABCD] }',
      'b.yaml': 'teams: { pay: { channel: "#pay" } }\nseverities: { info: { mentions: [] } }',
      'c.yaml':
        'teams:\n  pay: { channel: "#pay" }\n---\nteams:\n  web: { channel: "#web" }\n  shop: { channel: "#web" }',
    };
    const load = (names: readonly string[]) => loadRuleFiles(names, async (path) => files[path] ?? '');
    const right = await load(['a.yaml', 'b.yaml']);
    expect(right.ok).toBe(true);
    expect(right.policy).toMatchObject({
      teams: {
        shop: { channel: '#shop', mentions: { page: ['S0123ABCD'], ticket: [] } },
        pay: { channel: '#pay' },
      },
      severities: {
        page: { channel: 'C0123ABCD', mentions: { page: ['S0123ABCD', 'U0123ABCD'] } },
        info: { mentions: { info: [] } },
      },
    });
    const wrong = await load(['a.yaml', 'b.yaml', 'c.yaml']);
    expect(wrong.ok ? [] : wrong.errors).toMatchObject([
      {
        file: 'c.yaml',
        line: 2,
        column: 3,
        message: expect.stringMatching(/^duplicate `teams.pay`: already defined at b.yaml:1/),
      },
      {
        file: 'c.yaml',
        line: 6,
        column: 3,
        message: expect.stringMatching(/^duplicate `teams.shop`: already defined at a.yaml:2/),
      },
    ]);
  });

  it('turns off the differences from Prometheus for all files when one has `compat`', async () => {
    const texts: Readonly<Record<string, string>> = { a: 'compat: prometheus', b: 'slos: []' };
    const loaded = await loadRuleFiles(['a', 'b'], async (path) => texts[path] ?? '');
    expect(loaded).toMatchObject({ ok: true, policy: { isPrometheus: true } });
    expect(policyOf('slos: []').isPrometheus).toBeUndefined();
    expect(parseRuleText('rules.yaml', 'compat: alertmanager')).toMatchObject({
      ok: false,
      errors: [{ line: 1, column: 9, message: expect.stringMatching(/expected prometheus/) }],
    });
  });

  it('is documented by an example that is valid', () => {
    const manual = readFileSync(new URL('../../../../docs/rules.md', import.meta.url), 'utf8');
    const example = /```yaml\n(route:[\s\S]*?)```/.exec(manual)?.[1] ?? '';
    const policy = policyOf(example);
    expect(policy.inhibitsByCallGraph).toBe(true);
    expect(
      [policy.silences, policy.maintenance, policy.inhibitRules, policy.route.routes].map(
        ({ length }) => length,
      ),
    ).toEqual([1, 1, 1, 1]);
    expect([policy.teams, policy.severities].map((named = {}) => Object.keys(named))).toEqual([
      ['pay'],
      ['ticket'],
    ]);
  });
});

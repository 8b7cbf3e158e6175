import { describe, it } from 'vitest';
import { expectErrors } from '../../../support/marked-rules.ts';

describe('errors in the notification policy are reported with their location', () => {
  const interval = (text: string): string => `time_intervals:\n- name: t\n  time_intervals:\n  - ${text}`;
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'keys of routes': [
      'route:\n  §receiver: x\n  §chanel: "#a"\n  routes:\n  - §group_by: [a]\n    §match: { a: b }',
      /^unsupported key `receiver`\. Use `channel`/,
      /did you mean `channel`/,
      /^unsupported key `routes.group_by`/,
      /^unsupported key `routes.match`\. Use `matchers`/,
    ],
    'values of routes': [
      'route:\n  channel: §shop\n  mentions: { page: [§"@oncall"] }\n  routes:\n  - matchers: ["§team"]\n    continue: §yes\n  - matchers: [a=~§"("]\n  - §- x',
      /^invalid `channel`: found "shop", expected "#shop"/,
      /^invalid entry of `mentions.page`: found "@oncall", expected a user group ID/,
      /^invalid entry of `routes.matchers`: the matcher is not valid here/,
      /^invalid `routes.continue`: found "yes", expected true or false/,
      /^invalid entry of `routes.matchers`: the matcher has an invalid regular expression: missing closing \)\.$/,
      /^invalid entry of `routes`: found a list, expected a map/,
    ],
    'keys that the root cannot have': [
      'route: { matchers: §[a=b], continue: §true }',
      /^unsupported key `matchers` at the root/,
      /^unsupported key `continue` at the root/,
    ],
    'two trees': [
      'route: { channel: "#a" }\n---\nroute: §{ channel: "#b" }',
      /^duplicate `route`: already defined at rules.yaml:1/,
    ],
    'teams and severities': [
      'teams:\n  shop:\n    §chanel: "#a"\n    mentions: { page: [§"@oncall"] }\n  pay: §{}\n  ops:§\n  web: { channel: §web, mentions: §{} }\n  api: { mentions: §[S0123ABCD] }\n  §"": { channel: "#a" }\n  all: §"#all"\nseverities:\n  page: { mentions: §{ page: [S0123ABCD] } }\n  ticket: { mentions: [§oncall], §mention: x }',
      /^unknown key `chanel`: did you mean `channel`/,
      /^invalid entry of `mentions.page`: found "@oncall", expected a user group ID/,
      /^invalid `teams.pay`: found no keys, expected `channel`, `mentions` or both/,
      /^invalid `teams.ops`: found no keys/,
      /^invalid `channel`: found "web", expected "#web"/,
      /^invalid `mentions`: found an empty map, expected a severity/,
      /^invalid `mentions`: found a list, expected a map/,
      /^missing name of a team/,
      /^invalid `teams.all`: found "#all", expected a map/,
      /^invalid `mentions`: found a map, expected a list/,
      /^invalid entry of `mentions`: found "oncall", expected a user group ID/,
      /^unknown key `mention`: did you mean `mentions`/,
    ],
    'teams and severities of the wrong kind': [
      'teams: §{}\nseverities: §[page]\n---\n§team: { shop: { channel: "#a" } }',
      /^invalid `teams`: found an empty map, expected a map from each team/,
      /^invalid `severities`: found a list, expected a map from each severity/,
      /^unknown key `team`: did you mean `teams`/,
    ],
    thresholds: [
      'group_threshold: §many\nflap_threshold: §1\n---\nflap_threshold: §4',
      /^invalid `group_threshold`: found "many", expected a non-negative integer/,
      /^invalid `flap_threshold`: found 1, expected at least 2/,
      /^duplicate `flap_threshold`: already defined at rules.yaml:2/,
    ],
    'a route whose end is broadcast': [
      'route:\n  broadcast_resolved: §sometimes\n  remind_after: §soon\n  routes:\n  - §broadcast_resolve: true',
      /^invalid `broadcast_resolved`: found "sometimes"/,
      /^invalid `remind_after`: found "soon", expected a duration like 500ms/,
      /^unknown key `broadcast_resolve`: did you mean `broadcast_resolved`/,
    ],
    'names of time intervals': [
      'time_intervals:\n- name: nights\n  time_intervals: [{ location: UTC }]\n- name: §nights\n  time_intervals: [{ location: UTC }]\n- name: b\n  time_intervals: §[]\nroute:\n  mute_time_intervals: [§night]\n  active_time_intervals: [§x]',
      /^duplicate time interval `nights`/,
      /^invalid `time_intervals`: found an empty list/,
      /did you mean `nights`\?$/,
      /^unknown time interval `x`: add it/,
    ],
    'a zone': [
      interval('location: §Europe/Wien'),
      /^invalid `time_intervals.location`: found "Europe\/Wien", expected an IANA/,
    ],
    times: [
      interval(
        'times: [{ start_time: §"9", end_time: §"24:01" }, { start_time: "22:00", end_time: §"06:00" }]',
      ),
      /found "9", expected a time of day/,
      /found "24:01"/,
      /not after `start_time`\. Split/,
    ],
    ranges: [
      interval(
        'weekdays: [§mon, §"friday:monday"]\n    days_of_month: [§"0", §"32", §"5:1", §"-1:5", §"-1:-3"]\n    months: [§"13", §"may:april"]\n    years: [§x, §"1:2:3"]',
      ),
      /found "mon", expected a weekday/,
      /found "friday:monday", whose end is before its start/,
      /found "0", expected a day/,
      /found "32"/,
      /found "5:1", whose end/,
      /found "-1:5", whose end/,
      /found "-1:-3", whose end/,
      /found "13", expected a month/,
      /found "may:april", whose end/,
      /found "x", expected a year/,
      /found "1:2:3"/,
    ],
    silences: [
      'silences:\n- matchers: §[]\n  ends_at: §tomorrow\n  created_by: ann\n- matchers: [a=b]\n  starts_at: 2026-01-02T00:00:00Z\n  ends_at: §2026-01-01T00:00:00Z\n  created_by: ann\n- matchers: [a=b]\n  ends_at: §2026-02-30T00:00:00Z\n  created_by: ann\n- matchers: [a=b]\n  ends_at: §2026-01-01T00:00:00\n  §until: x\n  created_by: §""',
      /^invalid `matchers`: found an empty list, which matches every alert/,
      /^invalid `ends_at`: found "tomorrow", expected a time with its zone/,
      /^invalid `ends_at`: not after `starts_at`/,
      /^invalid `ends_at`: found "2026-02-30T00:00:00Z", expected a time/,
      /^invalid `ends_at`: found "2026-01-01T00:00:00", expected a time with its zone/,
      /^unknown key `until`: expected matchers/,
      /^invalid `created_by`: found an empty value/,
    ],
    maintenance: [
      'maintenance:\n- name: §a\n  matchers: [a=b]\n- name: b\n  matchers: [a=b]\n  starts_at: §2026-01-01T00:00:00Z\n- name: c\n  matchers: [a=b]\n  time_intervals: [§nights]',
      /^invalid `name`: never in effect/,
      /^invalid `starts_at`: needs `ends_at` as well/,
      /^unknown time interval `nights`/,
    ],
    'inhibition rules': [
      '§inhibit_rule: []\n---\ninhibit: §callgraph\ninhibit_rules:\n- §source_match: { a: b }\n  source_matchers: [a=b]\n  target_matchers: [c=d]\n  equal: [§" "]',
      /did you mean `inhibit_rules`/,
      /found "callgraph", expected call-graph/,
      /^unknown key `source_match`: did you mean `source_matchers`/,
      /^invalid entry of `equal`: found " "/,
    ],
    permissions: [
      'permissions:\n  §acknowlege: members\n  silence: §all\n  close: §[]',
      /^unknown key `acknowlege`: did you mean `acknowledge`/,
      /^invalid entry of `silence`: found "all", expected `everyone`, `members`, a user group ID/,
      /^invalid `close`: found an empty list, which forbids it to everyone/,
    ],
    'a map in place of a list': ['silences: §{ a: b }', /^invalid `silences`: found a map, expected a list/],
    'notifications beside Prometheus groups': [
      'groups: []\n§route: { channel: "#a" }',
      /^`route` and `groups` cannot be in one document: separate them with a line of ---/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    expectErrors(marked, messages);
  });
});

import { describe, it } from 'vitest';
import { expectMistakes } from '../../support/marked-rules.ts';

describe('mistakes about notifications are reported with their place', () => {
  const interval = (text: string): string => `time_intervals:\n- name: t\n  time_intervals:\n  - ${text}`;
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'keys of routes': [
      'route:\n  §receiver: x\n  §chanel: "#a"\n  routes:\n  - §group_by: [a]\n    §match: { a: b }',
      /^`receiver` is not built yet.*write `channel`/,
      /did you mean `channel`/,
      /^`routes.group_by` is not built yet/,
      /^`routes.match` is not built yet.*write `matchers`/,
    ],
    'values of routes': [
      'route:\n  channel: §shop\n  mentions: { page: [§"@oncall"] }\n  routes:\n  - matchers: ["§team"]\n    continue: §yes\n  - matchers: [a=~§"("]\n  - §- x',
      /^`channel` is "shop", which is no channel/,
      /^an entry of `mentions.page` is "@oncall": write the id of a user group/,
      /^an entry of `routes.matchers` is not a matcher here/,
      /^`routes.continue` is "yes": write true, false/,
      /^an entry of `routes.matchers` has an invalid regular expression: missing closing \)\.$/,
      /^an entry of `routes` must be a map/,
    ],
    'what has no meaning at the root': [
      'route: { matchers: §[a=b], continue: §true }',
      /^`matchers` has no meaning at the root/,
      /^`continue` has no meaning at the root/,
    ],
    'two trees': ['route: { channel: "#a" }\n---\nroute: §{ channel: "#b" }', /^a second `route`/],
    'teams and severities': [
      'teams:\n  shop:\n    §chanel: "#a"\n    mentions: { page: [§"@oncall"] }\n  pay: §{}\n  ops:§\n  web: { channel: §web, mentions: §{} }\n  api: { mentions: §[S0123ABCD] }\n  §"": { channel: "#a" }\n  all: §"#all"\nseverities:\n  page: { mentions: §{ page: [S0123ABCD] } }\n  ticket: { mentions: [§oncall], §mention: x }',
      /^`chanel` is not a key that is known here; did you mean `channel`/,
      /^an entry of `mentions.page` is "@oncall": write the id of a user group/,
      /^`teams.pay` is empty, so it would do nothing: write `channel`, `mentions` or both/,
      /^`teams.ops` is empty/,
      /^`channel` is "web", which is no channel: write "#web"/,
      /^`mentions` is empty: name a severity/,
      /^`mentions` must be a map/,
      /^a team needs a name/,
      /^`teams.all` must be a map/,
      /^`mentions` must be a list/,
      /^an entry of `mentions` is "oncall": write the id/,
      /^`mention` is not a key that is known here; did you mean `mentions`/,
    ],
    'teams and severities that are none': [
      'teams: §{}\nseverities: §[page]\n---\n§team: { shop: { channel: "#a" } }',
      /^`teams` is empty: name a team, or remove it/,
      /^`severities` must be a map from names/,
      /^`team` is not a key that is known here; did you mean `teams`/,
    ],
    'how much is notified': [
      'group_threshold: §many\nflap_threshold: §1\n---\nflap_threshold: §4',
      / is "many": write a whole number, 0 or more/,
      / is 1, which leaves no room for a firing and its end/,
      /^a second `flap_threshold`: there is one for all rules/,
    ],
    'names of time intervals': [
      'time_intervals:\n- name: nights\n  time_intervals: [{ location: UTC }]\n- name: §nights\n  time_intervals: [{ location: UTC }]\n- name: b\n  time_intervals: §[]\nroute:\n  mute_time_intervals: [§night]\n  active_time_intervals: [§x]',
      /^the time interval `nights` stands twice/,
      /^`time_intervals` is empty/,
      /did you mean `nights`\?$/,
      /^there is no time interval `x`; add it/,
    ],
    'a zone': [
      interval('location: §Europe/Wien'),
      /^`time_intervals.location` is "Europe\/Wien": write an IANA/,
    ],
    times: [
      interval(
        'times: [{ start_time: §"9", end_time: §"24:01" }, { start_time: "22:00", end_time: §"06:00" }]',
      ),
      /is "9": write a time of day/,
      /is "24:01"/,
      /ends before it begins: write two of them/,
    ],
    ranges: [
      interval(
        'weekdays: [§mon, §"friday:monday"]\n    days_of_month: [§"0", §"32", §"5:1", §"-1:5", §"-1:-3"]\n    months: [§"13", §"may:april"]\n    years: [§x, §"1:2:3"]',
      ),
      /is "mon": write a weekday/,
      /is "friday:monday", which ends before it begins/,
      /is "0": write a day/,
      /is "32"/,
      /is "5:1", which ends/,
      /is "-1:5", which ends/,
      /is "-1:-3", which ends/,
      /is "13": write a month/,
      /is "may:april", which ends/,
      /is "x": write a year/,
      /is "1:2:3"/,
    ],
    silences: [
      'silences:\n- matchers: §[]\n  ends_at: §tomorrow\n  created_by: ann\n- matchers: [a=b]\n  starts_at: 2026-01-02T00:00:00Z\n  ends_at: §2026-01-01T00:00:00Z\n  created_by: ann\n- matchers: [a=b]\n  ends_at: §2026-02-30T00:00:00Z\n  created_by: ann\n- matchers: [a=b]\n  ends_at: §2026-01-01T00:00:00\n  §until: x\n  created_by: §""',
      /^`matchers` is empty, which would match every alert/,
      /^`ends_at` is "tomorrow": write an instant with its zone/,
      /^`ends_at` is not after `starts_at`/,
      /^`ends_at` is "2026-02-30T00:00:00Z": write an instant/,
      /^`ends_at` is "2026-01-01T00:00:00": write an instant with its zone/,
      /^`until` is not a key that is known here; known here: matchers/,
      /^`created_by` is empty/,
    ],
    maintenance: [
      'maintenance:\n- name: §a\n  matchers: [a=b]\n- name: b\n  matchers: [a=b]\n  starts_at: §2026-01-01T00:00:00Z\n- name: c\n  matchers: [a=b]\n  time_intervals: [§nights]',
      /^`name` is never/,
      /^`starts_at` needs its other end/,
      /^there is no time interval `nights`/,
    ],
    'inhibition rules': [
      '§inhibit_rule: []\n---\ninhibit: §callgraph\ninhibit_rules:\n- §source_match: { a: b }\n  source_matchers: [a=b]\n  target_matchers: [c=d]\n  equal: [§a-b]',
      /did you mean `inhibit_rules`/,
      /is "callgraph": write call-graph/,
      /^`source_match` is not built yet/,
      /^an entry of `equal` is "a-b"/,
    ],
    'lists that are none': ['silences: §{ a: b }', /^`silences` must be a list/],
    'notifications beside Prometheus groups': [
      'groups: []\n§route: { channel: "#a" }',
      /^`route` stands in one document with `groups`: put a line with --- between/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    expectMistakes(marked, messages);
  });
});

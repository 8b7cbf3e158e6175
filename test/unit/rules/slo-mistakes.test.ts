import { describe, expect, it } from 'vitest';
import { read } from '../../support/marked-rules.ts';

describe('mistakes in SLOs are reported with their place', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'every field': [
      `slos:
- name: §""
  preset: §istoi
  metric: §a_seconds_bucket
  unit: §us
  selector: 'reporter=§destination'
  by: [§a-b]
  objective: { quantile: §99, below: §500, window: §0s }
  min_requests: §many
  alert: { for: §1, recover: { below: §x }, burn: §all }
  schedule: §"* * * * *"
  channel: §shop
  no_data: §forget
  labels: { x: '§{{ end }}' }`,
      /^`name` is empty/,
      /^`preset` is "istoi": write istio, istio-ambient, otel-http, spanmetrics/,
      /write the name without its ending, a_seconds\./,
      /^`unit` is "us": write ms, s/,
      /^`selector` holds no label matchers/,
      /^an entry of `by` is "a-b"/,
      /^`objective.quantile` is "99": .* like 0\.99 for p99/,
      /^`objective.below` is "500"/,
      /^`objective.window` is zero/,
      /^`min_requests` is "many"/,
      /^`alert.for` is "1"/,
      /^`alert.recover.below` is "x"/,
      /^`alert.burn` is "all": write workbook/,
      /^`schedule` is "\* \* \* \* \*": write six fields/,
      /^`channel` is "shop", which is no channel: write "#shop"/,
      /^`no_data` is "forget": write keep, resolve/,
      /this `end` has no `if`/,
    ],
    'keys that are not known, at every depth': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m, §target: 1 }\n  §min_request: 5\n  alert: { §fro: 1m, recover: { §under: 1s } }',
      /^`target` is not .*known here: quantile, below, window/,
      /did you mean `min_requests`/,
      /did you mean `for`/,
      /known here: below, window/,
    ],
    'what is planned but not built': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m }\n  §inhibit: call-graph\n  §compat: prometheus\n  alert: { §flap_threshold: 3 }',
      /^`inhibit` is not built yet, so it would do nothing/,
      /^`compat` is not built yet.* at the top of a document/,
      /^`alert.flap_threshold` is not built yet/,
    ],
    'keys that are missing': ['slos:\n- §preset: istio', /^`name` is missing/, /^`objective` is missing/],
    'a metric that is not said': [
      'slos:\n- name: §s\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /has neither a `preset` .* nor a `metric`/,
    ],
    'a unit that is not said': [
      'slos:\n- name: s\n  metric: §latency\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^`metric` does not tell its unit/,
    ],
    'a service that is not said': [
      'slos:\n- name: s\n  metric: a_ms\n  by: §[zone]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^`by` must hold the label that names the service/,
    ],
    'a schedule beside an interval, a recovery that recovers too early, a burn rate out of reach': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  interval: §30s\n  schedule: "*/30 * * * * *"\n  alert: { recover: { below: §1s }, burn: §workbook }',
      /^`interval` stands beside `schedule`/,
      /^`alert.recover.below` is above the objective's own 500ms/,
      /^`alert.burn` can never fire at this quantile: 14\.4 times/,
    ],
    'an approximation of what has no bounds': [
      'slos:\n- name: s\n  preset: otel-http\n  histogram: native\n  approximate: §true\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^`approximate` has no meaning beside `histogram: native`/,
    ],
    'words of their own': [
      'slos:\n- name: s\n  preset: istio\n  histogram: §sparse\n  approximate: §maybe\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^`histogram` is "sparse": write native, classic/,
      /^`approximate` is "maybe": write true, false/,
    ],
    'a recovery that says nothing': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  alert: { recover: §{} }',
      /^`alert.recover` says neither `below` nor `window`/,
    ],
    'a schedule with a wrong field': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  schedule: §"99 * * * * *"',
      /^`schedule` is no schedule: "99" is not a second/,
    ],
    'a group and an SLO of one name': [
      'groups:\n- name: s\n  rules: []\n---\nslos:\n- name: §s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^the name `s` is taken by the group on line 2/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    const { places, errors } = read(marked);
    const byPlace = (one: { line: number; column: number }, other: { line: number; column: number }) =>
      one.line - other.line || one.column - other.column;
    expect(errors.map(({ line, column }) => ({ line, column })).sort(byPlace)).toEqual(
      expect.arrayContaining(places),
    );
    expect(errors.map(({ message }) => message)).toEqual(
      messages.map((message) => expect.stringMatching(message)),
    );
  });
});

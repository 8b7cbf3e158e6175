import { describe, expect, it } from 'vitest';
import { read } from '../../../support/marked-rules.ts';

describe('errors in SLOs are reported with their location', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'every field': [
      `slos:
- name: §""
  preset: §istoi
  metric: §a_seconds_bucket
  unit: §us
  selector: 'reporter=§destination'
  by: [§" "]
  objective: { quantile: §99, below: §500, window: §0s }
  min_requests: §many
  alert: { for: §1, recover: { below: §x }, burn: §all }
  schedule: §"* * * * *"
  channel: §shop
  no_data: §forget
  labels: { x: '§{{ end }}' }`,
      /^invalid `name`: found an empty value/,
      /^invalid `preset`: found "istoi", expected istio, istio-ambient, otel-http, otel-http-utf8 or spanmetrics/,
      /expected the name without its suffix, a_seconds\./,
      /^invalid `unit`: found "us", expected ms or s/,
      /^invalid `selector`: expected label matchers/,
      /^invalid entry of `by`: found " "/,
      /^invalid `objective.quantile`: found "99", .* like 0\.99 for p99/,
      /^invalid `objective.below`: found "500"/,
      /^invalid `objective.window`: found zero/,
      /^invalid `min_requests`: found "many"/,
      /^invalid `alert.for`: found "1"/,
      /^invalid `alert.recover.below`: found "x"/,
      /^invalid `alert.burn`: found "all", expected workbook/,
      /^invalid `schedule`: found "\* \* \* \* \*", expected six fields/,
      /^invalid `channel`: found "shop", expected "#shop"/,
      /^invalid `no_data`: found "forget", expected a duration like 15m or 24h, or resolve/,
      /this `end` has no `if`/,
    ],
    'unknown keys, at every depth': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m, §target: 1 }\n  §min_request: 5\n  alert: { §fro: 1m, recover: { §under: 1s } }',
      /^unknown key `target`: expected quantile, below or window/,
      /did you mean `min_requests`/,
      /did you mean `for`/,
      /^unknown key `under`: expected below or window/,
    ],
    'unsupported keys': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m }\n  §inhibit: call-graph\n  §compat: prometheus\n  alert: { §flap_threshold: 3 }',
      /^unsupported key `inhibit`\. Use/,
      /^unsupported key `compat`\. .* at the top of a document/,
      /^unsupported key `alert.flap_threshold`/,
    ],
    'missing keys': ['slos:\n- §preset: istio', /^missing `name`/, /^missing `objective`/],
    'a missing metric': [
      'slos:\n- name: §s\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^missing `preset` .* or `metric`/,
    ],
    'a missing unit': [
      'slos:\n- name: s\n  metric: §latency\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^missing `unit`: the name of `latency` does not include it/,
    ],
    'a missing service label': [
      'slos:\n- name: s\n  metric: a_ms\n  by: §[zone]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^invalid `by`: no label names the service/,
    ],
    'a schedule beside an interval, a recovery that recovers too early, a burn rate out of reach': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  interval: §30s\n  schedule: "*/30 * * * * *"\n  alert: { recover: { below: §1s }, burn: §workbook }',
      /^conflicting `interval` and `schedule`/,
      /^invalid `alert.recover.below`: found 1s, expected at most the objective's 500ms/,
      /^invalid `alert.burn`: it can never fire at this quantile, because 14\.4 times/,
    ],
    'an approximate threshold on a native histogram': [
      'slos:\n- name: s\n  preset: otel-http\n  histogram: native\n  approximate: §true\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^conflicting `approximate` and `histogram: native`/,
    ],
    'other values than the allowed ones': [
      'slos:\n- name: s\n  preset: istio\n  histogram: §sparse\n  approximate: §maybe\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^invalid `histogram`: found "sparse", expected native or classic/,
      /^invalid `approximate`: found "maybe", expected true or false/,
    ],
    'an empty recovery': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  alert: { recover: §{} }',
      /^invalid `alert.recover`: found no keys, expected `below`, `window` or both/,
    ],
    'a schedule with a wrong field': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  schedule: §"99 * * * * *"',
      /^invalid `schedule`: "99" is not a valid second/,
    ],
    'a group and an SLO of one name': [
      'groups:\n- name: s\n  rules: []\n---\nslos:\n- name: §s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^duplicate group name `s`: already defined at rules.yaml:2/,
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

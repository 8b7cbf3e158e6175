import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../../src/lib/units.ts';
import { lintRules } from '../../../../src/rules/file/lint.ts';
import { loadRuleFiles } from '../../../../src/rules/file/rule-file.ts';
import { FINDINGS, type FindingCode } from '../../../../src/rules/rule-use.ts';

const NOW = epochMs(Date.UTC(2026, 10, 21, 6));

/** Everything that is found in files, by its code and place. */
async function found(
  texts: Readonly<Record<string, string>>,
  hasPrometheus = false,
): Promise<readonly string[]> {
  const loaded = await loadRuleFiles(Object.keys(texts), async (path) => texts[path] ?? '');
  expect(loaded.ok ? [] : loaded.errors).toEqual([]);
  return [...loaded.notes, ...lintRules(loaded, { now: NOW, hasPrometheus })].map(
    ({ code, file, line, column, message }) => `${file}:${line}:${column} ${code}: ${message}`,
  );
}

const group = (rule: string, name = 'g'): string => `groups:\n- name: ${name}\n  rules:\n  - ${rule}\n`;
const ALERT = 'alert: A\n    expr: a > 1\n    for: 1m\n    labels: { team: shop }';
const slo = (text: string): string =>
  `slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.99, below: 500ms, window: 5m }\n  ${text}\n`;
const withPolicy = (policy: string, rule = ALERT): string => `${group(rule)}---\n${policy}`;
const PAGED = ALERT.replace('shop', 'shop, severity: page');
const routed = (route: string): string => `${group(ALERT)}---\nroute:\n${route}`;

const CASES: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
  'nothing in a valid file': [group(ALERT)],
  'nothing in a valid SLO': [slo('channel: "#shop"')],
  'an alert without `for`': [
    group('{ alert: A, expr: a > 1 }'),
    /^a\.yaml:4:14 missing-for: `A` has no `for`/,
  ],
  'nothing with `for: 0s`': [group('{ alert: A, expr: a > 1, for: 0s }')],
  'a rate over less than four scrapes': [
    group('{ alert: A, expr: \'rate(a{b="c"}[30s]) > 1\', for: 1m }'),
    /^a\.yaml:4:14 rate-window: the rate over \[30s\] of `a\{b="c"\}` covers fewer than four scrapes, assuming a scrape every 15s/,
  ],
  'a rate with an offset': [
    group("{ alert: A, expr: 'increase(a[45s] offset 1h) > 1', for: 1m }"),
    /rate-window: the rate over \[45s\]/,
  ],
  'a rate over four scrapes': [group("{ alert: A, expr: 'rate(a[1m]) > 1', for: 1m }")],
  'a window of an SLO under four scrapes': [
    slo('labels: {}').replace('5m', '30s'),
    /^a\.yaml:4:39 rate-window: .*_bucket/,
    /^a\.yaml:4:39 rate-window: .*_count/,
  ],
  'an expression over ALERTS': [
    group('{ alert: A, expr: ALERTS_FOR_STATE > 1, for: 1m }'),
    /^a\.yaml:4:14 reads-alerts: `A` reads ALERTS/,
  ],
  'an expression over ALERTS by its inner name': [
    group(`{ alert: A, expr: '{__name__="ALERTS"} > 0', for: 1m }`),
    /reads-alerts/,
  ],
  'a recording rule': [
    group('{ record: a:b, expr: a }'),
    /^a\.yaml:4:15 recording-rule: .*left to Prometheus/,
  ],
  'an annotation like a setting': [
    group('{ alert: A, expr: a > 1, for: 1m, annotations: { slack_chanel: "#x" } }'),
    /setting-name: .*did you mean `slack_channel`/,
  ],
  'a template that always fails': [
    group("{ alert: A, expr: a > 1, for: 1m, annotations: { summary: 'up: {{ humanize }}' } }"),
    /^a\.yaml:4:\d+ template-error: `annotations.summary`: `humanize` takes 1 argument, not 0\. Its text/,
  ],
  'a query in a template': [
    group('{ alert: A, expr: a > 1, for: 1m, annotations: { summary: \'{{ query "up" }}\' } }'),
  ],
  'a label with the value': [
    group("{ alert: A, expr: a > 1, for: 1m, labels: { current: '{{ $value | humanize }}' } }"),
    /^a\.yaml:4:\d+ value-in-label: `labels.current`: the label changes with every value/,
  ],
  'a label that depends on the value': [
    group("{ alert: A, expr: a > 1, for: 1m, labels: { size: '{{ if gt .Value 9.0 }}big{{ end }}' } }"),
  ],
  'external labels in a label of an SLO': [
    slo("labels: { cluster: '{{ $externalLabels.cluster }}' }"),
    /^a\.yaml:5:\d+ external-labels: `labels.cluster`: `\$externalLabels` is empty here/,
  ],
  "a threshold off a preset's default bounds": [
    slo('channel: "#shop"').replace('500ms', '750ms'),
    /^a\.yaml:4:39 default-bounds: invalid `objective.below`: found 750ms, .* by default 500ms or 1s\./,
  ],
  'a threshold in seconds off the default bounds': [
    slo('channel: "#shop"').replace('istio', 'otel-http').replace('500ms', '300ms'),
    /default-bounds: .* found 300ms, .* by default 250ms or 500ms\./,
  ],
  'a threshold above all default bounds': [
    slo('channel: "#shop"').replace('istio', 'otel-http').replace('500ms', '20s'),
    /default-bounds: .* found 20s, .* by default 10s\./,
  ],
  'an approximate threshold': [slo('approximate: true').replace('500ms', '750ms')],
  'a threshold on a native histogram': [slo('histogram: native').replace('500ms', '750ms')],
  'an alert that no route with a channel takes': [
    routed('  routes: [{ matchers: [team="pay"], channel: "#pay" }]\n'),
    /^a\.yaml:4:12 default-channel: no route, team or severity sets a `channel` for `A`: .*SLACK_CHANNEL/,
  ],
  'an alert that a route may take by a label of its series': [
    routed('  routes: [{ matchers: [zone="eu"], channel: "#eu" }]\n'),
  ],
  'an alert that the root takes': [
    routed('  channel: "#all"\n  routes: [{ matchers: [team="pay"], channel: "#pay" }]\n'),
  ],
  'nothing for an alert with its own channel': [
    routed('  routes: [{ matchers: [team="pay"], channel: "#pay" }]\n').replace(
      'labels:',
      'annotations: { slack_channel: "#x" }\n    labels:',
    ),
  ],
  'a route behind one that takes everything': [
    routed(
      '  channel: "#all"\n  routes:\n  - channel: "#a"\n  - matchers: [team="pay"]\n    channel: "#pay"\n',
    ),
    /^a\.yaml:13:5 route-unreachable: no alert can reach this route: an earlier route without matchers takes all its alerts/,
  ],
  'a route behind one that takes the same': [
    routed(
      '  channel: "#all"\n  routes:\n  - matchers: [\'team=~"pay|shop"\']\n  - matchers: [severity=page, team="pay"]\n',
    ),
    /route-unreachable: .* an earlier route with team=~"pay\|shop" takes all its alerts/,
  ],
  'nothing for a route behind one that continues': [
    routed('  channel: "#all"\n  routes:\n  - continue: true\n  - matchers: [team="pay"]\n'),
  ],
  'a route whose matchers exclude each other, with the ones above': [
    routed(
      '  channel: "#all"\n  routes:\n  - matchers: [team="pay"]\n    routes:\n    - matchers: [team!~"p.*"]\n      channel: "#no"\n',
    ),
    /^a\.yaml:14:7 route-unreachable: .*team="pay" and team!~"p\.\*" exclude each other/,
  ],
  'a burn rate that no route with a channel takes': [
    `${slo('alert: { burn: workbook }')}---
route: { routes: [{ matchers: [severity="page"], channel: "#page" }] }
severities: { none: { channel: "#none" } }
`,
    /^a\.yaml:5:18 default-channel: no route, team or severity sets a `channel` for `s-burn-3d`/,
  ],
  'nothing for an alert whose team or severity has a channel': [
    withPolicy('route: {}\nteams: { shop: { channel: "#shop" } }'),
  ],
  'an alert whose team has only mentions': [
    withPolicy(
      'teams: { shop: { mentions: { page: [S0123ABCD] } } }\nseverities: { page: { channel: "#p" } }',
      PAGED.replace('page', 'ticket'),
    ),
    /^a\.yaml:4:12 default-channel: no route, team or severity sets a `channel` for `A`/,
  ],
  'an alert whose severity comes with its series': [withPolicy('severities: { page: { channel: "#p" } }')],
  'nothing when teams have only mentions': [
    withPolicy('teams: { shop: { mentions: { page: [S0123ABCD] } } }'),
  ],
  'an unknown team': [
    withPolicy('teams: { shopp: { channel: "#s" }, pay: { channel: "#p" } }\nroute: { channel: "#all" }'),
    /^a\.yaml:4:12 unknown-team: `A` has the team `shop`, which is not in `teams`: did you mean `shopp`\?$/,
  ],
  'an unknown team without a similar one': [
    withPolicy('teams: { web: { channel: "#w" }, pay: { channel: "#p" } }\nroute: { channel: "#all" }'),
    /unknown-team: `A` has the team `shop`, .*: expected pay or web\.$/,
  ],
  'no team where it is a template or none': [
    withPolicy('teams: { pay: { channel: "#p" } }', ALERT.replace('shop', '"{{ $labels.owner }}"')),
  ],
  'a misspelled severity': [
    withPolicy(
      'severities: { page: { channel: "#p" } }\nroute: { channel: "#all" }',
      PAGED.replace('page', 'pages'),
    ),
    /unknown-severity: `A` has the severity `pages`, which is not in `severities`: did you mean `page`\?/,
  ],
  'no numbered or unrelated severity': [
    withPolicy(
      'severities: { p1: { channel: "#p" }, critical: { channel: "#p" } }\nroute: { channel: "#all" }',
      PAGED.replace('page', 'p2'),
    ),
  ],
  'a channel of a team whose alerts a route takes': [
    withPolicy(
      'teams:\n  shop: { channel: "#s" }\nroute:\n  routes:\n  - { matchers: [team=~"shop|pay"], channel: "#r" }',
    ),
    /^a\.yaml:10:3 default-unused: unused `channel` of `teams.shop`: routes with a `channel` take all its alerts/,
  ],
  'a channel of a severity whose alerts several routes take': [
    withPolicy(
      'severities:\n  page: { channel: "#s" }\nroute:\n  routes:\n  - matchers: [severity=page]\n    routes: [{ matchers: [team=x], channel: "#x" }, { channel: "#r" }]',
      PAGED,
    ),
    /^a\.yaml:10:3 default-unused: .*`severities.page`/,
  ],
  'no channel that still gets alerts': [
    withPolicy(
      'teams:\n  shop: { channel: "#s" }\nroute:\n  channel: "#all"\n  routes:\n  - { matchers: [team=shop, severity=page], channel: "#r" }\n  - { matchers: [team=shop], mentions: { page: [S0123ABCD] }, continue: true }\n  - { channel: "#r" }',
    ),
  ],
  'an expired silence, not an active one': [
    'silences:\n- { matchers: [a=b], ends_at: 2026-11-21T05:59:59Z, created_by: ann }\n- { matchers: [a=b], ends_at: 2026-11-21T06:00:01Z, created_by: ann }\n',
    /^a\.yaml:2:31 silence-past: this silence ended at 2026-11-21 05:59:59 UTC/,
  ],
  'maintenance that ended, unless it recurs': [
    'time_intervals: [{ name: nights, time_intervals: [{ times: [{ start_time: "22:00", end_time: "24:00" }] }] }]\nmaintenance:\n- { name: move, matchers: [a=b], starts_at: 2026-11-20T00:00:00Z, ends_at: 2026-11-20T06:00:00Z }\n- { name: again, matchers: [a=b], starts_at: 2026-11-20T00:00:00Z, ends_at: 2026-11-20T06:00:00Z, time_intervals: [nights] }\n',
    /^a\.yaml:3:\d+ maintenance-past: the maintenance `move` ended at 2026-11-20 06:00:00 UTC/,
  ],
};

describe('the lint of rule files reports', () => {
  it.each(Object.entries(CASES))('%s', async (_, [text, ...messages]) => {
    expect(await found({ 'a.yaml': text })).toEqual(
      messages.map((message) => expect.stringMatching(message)),
    );
  });

  it('an alert of the same name and labels in another file', async () => {
    expect(await found({ 'a.yaml': group(ALERT), 'b.yaml': group(ALERT) })).toEqual([
      expect.stringMatching(
        /^b\.yaml:4:12 duplicate-alert: duplicate alert `A\{team="shop"\}`: a\.yaml:4 has the same name and labels/,
      ),
    ]);
    expect(await found({ 'a.yaml': group(ALERT), 'b.yaml': group(ALERT.replace('shop', 'pay')) })).toEqual(
      [],
    );
  });

  it('an alert of the same name and labels in one group', async () => {
    expect(await found({ 'a.yaml': `${group(ALERT)}  - ${ALERT}` })).toEqual([
      expect.stringMatching(
        /^a\.yaml:8:12 duplicate-alert: duplicate alert `A\{team="shop"\}`: a\.yaml:4 has the same name and labels/,
      ),
    ]);
  });

  it('what Prometheus knows better only without `--against`', async () => {
    const texts = {
      'a.yaml': group("{ alert: A, expr: 'rate(a[30s]) > 1', for: 1m }"),
      'b.yaml': slo('channel: "#shop"').replace('500ms', '750ms'),
    };
    expect(await found(texts)).toHaveLength(2);
    expect(await found(texts, true)).toEqual([]);
  });
});

it('the manual lists every finding with its severity', () => {
  const manual = readFileSync(new URL('../../../../docs/rules.md', import.meta.url), 'utf8');
  const listed = [...manual.matchAll(/^\| `([a-z-]+)` \| (error|warning|note) \|/gm)].map(
    ([, code = '', severity = '']) => [code, severity],
  );
  const codes = Object.keys(FINDINGS) as FindingCode[];
  expect(listed).toEqual(codes.map((code) => [code, FINDINGS[code]]));
});

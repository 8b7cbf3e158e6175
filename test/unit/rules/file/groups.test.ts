import { describe, expect, it } from 'vitest';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { groups } from '../../../support/marked-rules.ts';

const rule = (text: string) =>
  groups(`groups: [{ name: g, rules: [{ alert: A, expr: a > 1, ${text} }] }]`)[0]?.rules[0];

describe('Prometheus rule groups', () => {
  it('are read from a Kubernetes object of kind PrometheusRule', () => {
    const [group] = groups(`
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: apps, labels: { role: alert-rules } }
spec:
  groups:
  - name: apps
    rules:
    - alert: Crashing
      expr: restarts > 1
      for: 15m
`);
    expect(group).toMatchObject({ id: 'rules.yaml;apps', rules: [{ name: 'Crashing', for: 900_000 }] });
  });

  it('may contain null for absent values', () => {
    const [group] = groups(`
groups:
- name: g
  interval: null
  rules:
  - { alert: A, expr: a > 1, for: ~, labels: Null, annotations: { summary: NULL, note: "null" } }
`);
    expect(group).toMatchObject({ interval: 60_000, rules: [{ for: 0, labels: {} }] });
    expect(group?.rules[0]?.annotations).toEqual({ note: 'null' });
  });

  it('may contain two alerts with the same name and labels: their keys differ by order', () => {
    const [group] = groups(`
groups:
- name: g
  labels: { s: x }
  rules:
  - { alert: A, expr: a > 1 }
  - { alert: A, expr: b > 1, labels: { s: x } }
  - { alert: A, expr: c > 1, labels: { s: "x#2" } }
  - { alert: A, expr: d > 1 }
`);
    expect(group?.rules.map(({ key }) => key)).toEqual([
      'A{s="x"}',
      'A{s="x"}#2',
      'A{s="x#2"}',
      'A{s="x"}#3',
    ]);
  });

  it('are read unchanged', () => {
    const [group] = groups(`
groups:
- name: checkout
  interval: 15s
  query_offset: 30s
  limit: 10
  labels: { team: shop, severity: ticket }
  rules:
  - record: job:errors:rate5m
    expr: sum by (job) (rate(errors_total[5m]))
    labels: { from: rule }
  - alert: Errors
    expr: job:errors:rate5m > 5
    for: 1m30s
    keep_firing_for: 2m
    labels: { severity: page }
    annotations:
      summary: '{{ $labels.job }} fails {{ $value }} times a second'
      slo_unit: errors/s
      slo_no_data: resolve
      slack_channel: '#shop'
`);
    expect(group).toEqual({
      id: 'rules.yaml;checkout',
      file: 'rules.yaml',
      name: 'checkout',
      interval: 15_000,
      queryOffset: 30_000,
      limit: 10,
      rules: [
        {
          name: 'Errors',
          key: 'Errors{severity="page",team="shop"}',
          expr: 'job:errors:rate5m > 5',
          for: 90_000,
          keepFiringFor: 120_000,
          labels: { severity: 'page', team: 'shop' },
          annotations: {
            summary: '{{ $labels.job }} fails {{ $value }} times a second',
            slo_unit: 'errors/s',
            slo_no_data: 'resolve',
            slack_channel: '#shop',
          },
          valueKind: 'number',
          bound: 5,
          comparison: '>',
          recovery: { expr: 'job:errors:rate5m', comparison: '>', bound: 5 },
          service: { from: 'series' },
          measures: 'errors',
          reads: [{ metric: 'job:errors:rate5m', matchers: '' }],
          noData: 'resolve',
          channel: '#shop',
        },
      ],
    });
  });

  it("have Prometheus's defaults", () => {
    const [group] = groups('groups: [{ name: g, rules: [{ alert: A, expr: up == 0 }] }]');
    expect(group).toMatchObject({ interval: 60_000, queryOffset: 0, limit: 0 });
    expect(group?.rules[0]).toMatchObject({
      for: 0,
      keepFiringFor: 0,
      labels: {},
      annotations: {},
      noData: 15 * 60_000,
    });
  });

  const accepted: Readonly<Record<string, string>> = {
    'an empty file': '',
    'a file of comments': '# nothing yet\n',
    'no groups': 'groups:\n',
    'a group without rules': 'groups:\n- name: g\n  rules:\n',
    'empty labels':
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n    labels:\n    annotations:\n',
    'a closing line': 'groups: []\n---\n',
    'an end line of Windows': 'groups:\r\n- name: g\r\n  rules: []\r\n',
    'an alert on a whole expression': "groups: [{ name: g, rules: [{ alert: A, expr: 'absent(up)' }] }]",
    'the same alert with other labels':
      'groups: [{ name: g, rules: [{ alert: A, expr: a > 1, labels: { s: x } }, { alert: A, expr: a > 2, labels: { s: y } }] }]',
    'the same alert in two groups':
      'groups: [{ name: g, rules: [{ alert: A, expr: a > 1 }] }, { name: h, rules: [{ alert: A, expr: a > 1 }] }]',
    'anchors and merge keys':
      'groups:\n- name: g\n  rules:\n  - &a { alert: A, expr: a > 1, for: 1m }\n  - { <<: *a, alert: B }\n',
  };
  it.each(Object.entries(accepted))('may contain %s', (_, text) => {
    expect(() => groups(text)).not.toThrow();
  });

  it('read scalars as strings, as Prometheus does', () => {
    const read = rule('for: 0, labels: { severity: 1, version: 1.0, on: true, octal: 010 }');
    expect(read?.labels).toEqual({ severity: '1', version: '1.0', on: 'true', octal: '010' });
    expect(read?.for).toBe(0);
  });

  it('follow merge keys', () => {
    const text =
      'groups:\n- name: g\n  rules:\n  - &a { alert: A, expr: a > 1, for: 1m }\n  - { <<: *a, alert: B }\n';
    expect(groups(text)[0]?.rules.map(({ name, for: hold }) => [name, hold])).toEqual([
      ['A', 60_000],
      ['B', 60_000],
    ]);
  });

  it('have notes about recording rules, ALERTS and misspelled settings', () => {
    const result = parseRuleText(
      'rules.yaml',
      'groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: a\n  - alert: A\n    expr: ALERTS > 0\n    annotations: { slak_channel: "#x" }\n',
    );
    expect(result.notes.map(({ line, message }) => [line, message])).toEqual([
      [4, 'the recording rule `a:b` is left to Prometheus.'],
      [6, "`A` reads ALERTS, which holds Prometheus's own alerts, not Tailwatch's."],
      [8, 'unknown setting `slak_channel` in annotations: did you mean `slack_channel`?'],
    ]);
  });
});

import { expect, it } from 'vitest';
import { parseSelection } from '../../../../src/commands/alert-selection.ts';
import { analyseExpression, readingsOf, servicesNamedIn } from '../../../../src/rules/analysis/analyse.ts';
import { checkExpression } from '../../../../src/rules/analysis/check-expression.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { requestCountOf } from '../../../../src/rules/queries.ts';
import { expandTemplate, templateProblems } from '../../../../src/rules/template/template.ts';

const FILE = `
groups:
- name: g
  rules:
  - record: job.http.server.duration:p99
    expr: '{"http.server.duration"}'
    labels: { k8s.cluster: prod }
  - alert: Slow
    expr: '{"http.server.duration", "service.name"="checkout"} > 1'
    labels: { k8s.cluster: prod }
    annotations: { docs.url: x }
`;

it('names with dots are accepted in rules, labels, annotations and `record`', () => {
  const result = parseRuleText('rules.yaml', FILE);
  const { groups } = result;
  expect(result).toMatchObject({ ok: true });
  expect(groups[0]?.rules[0]?.labels).toEqual({ 'k8s.cluster': 'prod' });
});

it('a selection of alerts has them in quotes or without', () => {
  for (const text of ['"service.name"="checkout"', 'service.name=checkout', '{"service.name"="checkout"}']) {
    expect(parseSelection(text), text).toMatchObject({
      ok: true,
      selection: { matchers: [{ label: 'service.name', operator: '=', value: 'checkout' }], services: [] },
    });
  }
});

it('an expression names labels in quotes', () => {
  expect(
    analyseExpression(
      'histogram_quantile(0.99, sum by (le, "service.name") (rate(m_seconds_bucket{"service.name"="a"}[5m]))) > 1',
    ).objective,
  ).toMatchObject({ by: ['service.name'], family: { serviceLabel: 'service.name' } });
  expect(servicesNamedIn('{"m.x", "service.name"="a"} > 1')).toMatchObject([
    { metric: 'm.x', label: 'service.name', value: 'a' },
  ]);
});

it('queries have them in quotes', () => {
  const family = { metric: 'm', unit: 's', selector: '', serviceLabel: 'service.name' } as const;
  expect(
    requestCountOf(family, {
      window: 60_000 as never,
      by: ['service.name'],
      matchLabels: { 'service.name': 'a', pod: 'b' },
    }),
  ).toBe('sum by ("service.name") (increase(m_count{pod="b","service.name"="a"}[1m]))');
});

const rulesOf = (text: string) => {
  const result = parseRuleText('rules.yaml', text);
  expect(result.ok ? [] : result.errors).toEqual([]);
  return result.groups.flatMap(({ rules }) => rules);
};

it('the preset with dots names metrics and labels in quotes, and reads its label in templates', () => {
  const [rule] = rulesOf(
    'slos: [{ name: a, preset: otel-http-utf8, objective: { quantile: 0.99, below: 500ms, window: 5m } }]',
  );
  expect(rule?.expr).toBe(
    '1 - sum by ("service.name") (rate({"http.server.request.duration_seconds_bucket",le="0.5"}[5m])) / sum by ("service.name") (rate({"http.server.request.duration_seconds_count"}[5m])) > 0.01',
  );
  expect(checkExpression(rule?.expr ?? '')).toEqual([]);
  const summary = rule?.annotations['summary'] ?? '';
  expect(templateProblems(summary)).toEqual([]);
  expect(expandTemplate(summary, { labels: { 'service.name': 'cart' }, value: 0.2 })).toMatch(/^cart: /);
});

it('a metric with dots, with or without its unit, is that of the preset', () => {
  for (const metric of ['http.server.request.duration_seconds', 'http.server.request.duration']) {
    const [rule] = rulesOf(
      `slos: [{ name: a, metric: ${metric}, objective: { quantile: 0.99, below: 500ms, window: 5m } }]`,
    );
    expect(rule?.objective).toMatchObject({
      family: { metric, unit: 's', serviceLabel: 'service.name' },
      by: ['service.name'],
    });
  }
});

it('the selectors of an expression include those that name their metric in quotes', () => {
  expect(readingsOf('{"http.errors", "k8s.pod"="a"} > {__name__="b", c="d"}')).toEqual([
    { metric: 'http.errors', matchers: '"k8s.pod"="a"' },
    { metric: 'b', matchers: 'c="d"' },
  ]);
});

it('routes, silences, maintenance and inhibition match labels with dots, in quotes or without', () => {
  const policy = `
route:
  routes:
  - matchers: [service.name="cart", '"k8s.cluster"=~"prod|dev"']
    channel: "#shop"
silences:
- matchers: ['"service.name"="cart"']
  ends_at: 2027-01-01T00:00:00Z
  created_by: ann
  comment: x
maintenance:
- name: m
  matchers: [service.name=~"c.*"]
  starts_at: 2027-01-01T00:00:00Z
  ends_at: 2027-01-02T00:00:00Z
inhibit_rules:
- source_matchers: [k8s.cluster="prod"]
  target_matchers: ['{"k8s.cluster"="dev"}']
  equal: [service.name]
`;
  const result = parseRuleText('rules.yaml', policy);
  expect(result.ok ? [] : result.errors).toEqual([]);
  expect(JSON.stringify(result)).not.toContain('\\\\"');
});

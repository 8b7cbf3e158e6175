import { expect, it } from 'vitest';
import { parseSelection } from '../../../../src/commands/alert-selection.ts';
import { analyseExpression, servicesNamedIn } from '../../../../src/rules/analysis/analyse.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { requestCountOf } from '../../../../src/rules/queries.ts';

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

import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ruleFileSchema } from '../../../../src/rules/file/json-schema.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';

const schema = ruleFileSchema();
const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);

/** What an editor says about a file. */
const problemsIn = (text: string): readonly unknown[] =>
  parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null || validate(value) ? [] : [validate.errors];
  });

const read = (file: string): string => readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8');

const FILES = [
  'manifests/compose/rules.yaml',
  'manifests/kubernetes/base/rules.yaml',
  'manifests/helm/tailwatch/files/rules.yaml',
  'manifests/helm/tailwatch/files/alerts.yaml',
];

const isRuleFile = (text: string): boolean =>
  /^(?:slos|groups|route|services|kind: PrometheusRule)/m.test(text);

const MANUAL = Array.from(read('docs/rules.md').matchAll(/```yaml\n([^]*?)```/g), ([, text = '']) => text);
const EXAMPLES = [...MANUAL, ...FILES.map(read)].filter(isRuleFile);

/** Every key, once. `§` is where another key is tried. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'a group': '{ groups: [{ name: g, rules: [], § }] }',
  'an alert': '{ groups: [{ name: g, rules: [{ alert: A, expr: up, § }] }] }',
  'a recording rule': '{ groups: [{ name: g, rules: [{ record: a, expr: up, § }] }] }',
  'an SLO': '{ slos: [{ name: a, preset: istio, objective: { quantile: 0.9, below: 1s, window: 5m }, § }] }',
  'an objective':
    '{ slos: [{ name: a, preset: istio, objective: { quantile: 0.9, below: 1s, window: 5m, § } }] }',
  'alerting of an SLO':
    '{ slos: [{ name: a, preset: istio, objective: { quantile: 0.9, below: 1s, window: 5m }, alert: { § } }] }',
  'the recovery of an SLO':
    '{ slos: [{ name: a, preset: istio, objective: { quantile: 0.9, below: 1s, window: 5m }, alert: { recover: { window: 1m, § } } }] }',
  'a route': '{ route: { routes: [{ § }] } }',
  'a team': '{ teams: { shop: { channel: "#a", § } } }',
  'a severity': '{ severities: { page: { channel: "#a", § } } }',
  'a time interval': '{ time_intervals: [{ name: a, time_intervals: [{ § }] }] }',
  'a range of times':
    '{ time_intervals: [{ name: a, time_intervals: [{ times: [{ start_time: "1:00", end_time: "2:00", § }] }] }] }',
  'an inhibition': '{ inhibit_rules: [{ source_matchers: [a=b], target_matchers: [a=c], § }] }',
  'a silence': '{ silences: [{ matchers: [a=b], ends_at: 2030-01-01T00:00:00Z, created_by: a, § }] }',
  'a maintenance':
    '{ maintenance: [{ name: a, matchers: [a=b], starts_at: 2030-01-01T00:00:00Z, ends_at: 2030-01-02T00:00:00Z, § }] }',
  'names of services': '{ services: { § } }',
  'a document': '{ slos: [], § }',
};

/** The keys that the parser accepts there, as it lists them for a wrong one. */
function keysOfParser(document: string): readonly string[] {
  const result = parseRuleText('rules.yaml', document.replace('§', 'zzzzzzzzzz: 1'));
  const message = result.ok
    ? ''
    : (result.errors.find(({ message: each }) => each.includes('zzzz'))?.message ?? '');
  const [, list = ''] = /expected (.*)\.$/.exec(message) ?? [];
  return list.split(/, | or /).filter((key) => key !== '');
}

describe('the JSON schema of a rule file', () => {
  it('accepts every example in the manual and the manifests', () => {
    expect(EXAMPLES.length).toBeGreaterThan(4);
    for (const text of EXAMPLES) expect([text, problemsIn(text)]).toEqual([text, []]);
  });

  it.each(Object.entries(DOCUMENTS))('has every key of %s, and no other', (_, document) => {
    const keys = keysOfParser(document);
    expect(keys.length).toBeGreaterThan(0);
    expect(problemsIn(document.replace('§', ''))).toEqual([]);
    expect(problemsIn(document.replace('§', 'zzzzzzzzzz: 1'))).not.toEqual([]);
    // A key with nothing after it is an absent one, except for `route`, which must be a map.
    for (const key of keys.filter((each) => each !== 'groups' && !document.includes(`${each}: `)))
      expect([key, problemsIn(document.replace('§', `${key}: ${key === 'route' ? '{}' : ''}`))]).toEqual([
        key,
        [],
      ]);
  });

  it.each([
    ['a list in place of a map', '{ groups: [[]] }'],
    [
      'a value that is none of the known ones',
      '{ slos: [{ name: a, preset: nope, objective: { quantile: 0.9, below: 1s, window: 5m } }] }',
    ],
    ['a missing key', '{ groups: [{ name: g, rules: [{ alert: A }] }] }'],
    ['groups beside routes', '{ groups: [], route: {} }'],
  ])('refuses %s', (_, document) => {
    expect(problemsIn(document)).not.toEqual([]);
  });

  it('accepts numbers and booleans where the parser reads texts', () => {
    expect(
      problemsIn(
        '{ slos: [{ name: 1, preset: istio, approximate: true, objective: { quantile: 0.9, below: 1s, window: 5m }, labels: { a: 1, b: true }, min_requests: 5 }] }',
      ),
    ).toEqual([]);
  });
});

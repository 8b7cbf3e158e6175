import { array, assert, constantFrom, integer, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { runsOf } from '../../../support/runs.ts';

const GOOD = `groups:
- name: g
  interval: 30s
  labels: &l { team: shop }
  rules:
  - alert: A
    expr: |
      histogram_quantile(0.99, sum by (le, job) (rate(m_seconds_bucket{a=~"b|c"}[5m]))) > 0.5
        and sum by (job) (rate(m_seconds_count[5m])) > 1 # guard
    for: 1m
    labels: { <<: *l, severity: '{{ if gt $value 1.0 }}page{{ else }}ticket{{ end }}' }
    annotations: { summary: "p99 {{ $value | printf \\"%.0f\\" }}", slack_channel: '#shop' }
---
slos:
- name: s
  preset: istio
  objective: { quantile: 0.99, below: 500ms, window: 5m }
  alert: { for: 1m, recover: { below: 250ms, window: 1m }, burn: workbook }
  schedule: "*/30 * * * * *"
`;

/** What a slip of the hand leaves behind. */
const PIECES = [
  '',
  ' ',
  '\n',
  '\t',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ':',
  '-',
  '#',
  '|',
  '>',
  '*l',
  '&x ',
  '{{',
  '}}',
  '\\',
  '%',
  '\u0000',
  'é',
  '\r\n',
  '---\n',
  '<<: ',
  '0',
  '5m',
] as const;

const edits = array(
  record({
    at: integer({ min: 0, max: GOOD.length }),
    drop: integer({ min: 0, max: 6 }),
    put: constantFrom(...PIECES),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Every place lies inside the text: its line exists and its column is on it. */
function expectPlaces(text: string): void {
  const result = parseRuleText('rules.yaml', text);
  const lines = text.split('\n');
  for (const { line, column, excerpt } of [...(result.ok ? [] : result.errors), ...result.notes]) {
    const length = lines[line - 1]?.length;
    expect(length, `line ${line} of ${lines.length}`).toBeDefined();
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((length ?? 0) + 1);
    expect(excerpt.split('\n').at(-1)).toMatch(/\^$/);
  }
  if (!result.ok) expect(result.errors).not.toEqual([]);
}

describe('any rule file is read or has errors with a location', () => {
  it('the unchanged file is valid', () => {
    expect(parseRuleText('rules.yaml', GOOD)).toMatchObject({ ok: true, notes: [] });
  });

  it('with edits in a valid file', () => {
    assert(
      property(edits, (changes) => {
        let text = GOOD;
        for (const { at, drop, put } of changes) text = text.slice(0, at) + put + text.slice(at + drop);
        expectPlaces(text);
      }),
      { numRuns: runsOf(600) },
    );
  });

  it('with any text', () => {
    assert(property(string({ unit: 'binary', maxLength: 200 }), expectPlaces), { numRuns: runsOf(300) });
  });

  it('with any text as an expression and as a template', () => {
    assert(
      property(string({ maxLength: 60 }), (text) => {
        const quoted = JSON.stringify(text);
        expectPlaces(
          `groups: [{ name: g, rules: [{ alert: A, expr: ${quoted}, annotations: { a: ${quoted} } }] }]`,
        );
        expectPlaces(
          `groups: [{ name: g, rules: [{ alert: A, expr: a, labels: { a: ${JSON.stringify(`{{ ${text} }}`)} } }] }]`,
        );
      }),
      { numRuns: runsOf(600) },
    );
  });
});

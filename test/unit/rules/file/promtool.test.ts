import { describe, expect, it } from 'vitest';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { expandTemplate } from '../../../../src/rules/template/template.ts';

const withRule = (more: string): string =>
  `groups:\n- name: g\n  interval:\n  rules:\n  - alert: A\n    expr: up == 0\n${more}`;

const annotated = (template: string): string => withRule(`    annotations: { summary: '${template}' }\n`);

describe('as promtool', () => {
  it.each([
    ['an empty duration', withRule('    for:\n    keep_firing_for:\n')],
    [
      'a quoted text that goes on at the indentation of its key',
      withRule('    labels: { a: b }\n    annotations:\n      summary: "one\n      two"\n      more: x\n'),
    ],
    [
      'a quoted text that goes on at the start of the line',
      withRule("    annotations:\n      summary: 'it''s\n\nhere'\n      more: \"a\\\nb\"\n"),
    ],
    ['an interval of zero', 'groups:\n- name: g\n  interval: 0s\n  rules: []\n'],
    ['a value piped into a label', annotated('{{ $value | $labels.pod }}')],
    ['a variable of its own', annotated('{{ $x := "a" }}{{ $x }}')],
    ['a function that is not supported here', annotated('{{ query "up" }}')],
    ['a partial_response_strategy', 'groups:\n- name: g\n  partial_response_strategy: warn\n  rules: []\n'],
    [
      'a list of objects',
      'kind: List\nitems:\n- kind: PrometheusRule\n  spec:\n    groups:\n    - name: g\n      rules:\n      - { alert: A, expr: up == 0 }\n',
    ],
  ])('accepts %s', (_, text) => {
    expect(parseRuleText('rules.yaml', text)).toMatchObject({ ok: true, groups: [{ name: 'g' }] });
  });

  it.each([
    ['{{ $label.pod }}', /undefined variable `\$label`/],
    ['{{ /* blanks beside a comment */ }}', /./],
    ['{{ humanise $value }}', /function `humanise` is not defined: did you mean `humanize`/],
  ])('refuses %s', (template, message) => {
    const result = parseRuleText('rules.yaml', annotated(template));
    expect(result.ok ? [] : result.errors.map((error) => error.message)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it.each([
    ['{{ printf "%.2f" $value | humanizeDuration }}', Number.POSITIVE_INFINITY, '+Inf'],
    ['{{ $labels.le | humanize }}', 1, '+Inf'],
    ['{{ "NaN" | humanizePercentage }}', 1, 'NaN%'],
    ['{{ "-inf" | humanize }}', 1, '-Inf'],
  ])('expands %s at %d to %s', (template, value, expected) => {
    expect(expandTemplate(template, { labels: { le: '+Inf' }, value })).toBe(expected);
  });
});

describe('a quoted text that goes on at the indentation of its key', () => {
  const quoted = (more: string): string =>
    withRule(`    annotations:\n      summary: "one\n      two\n\n    three"\n      more: 'a\nb'\n${more}`);

  it('has the value that Prometheus reads', () => {
    expect(parseRuleText('rules.yaml', quoted('')).groups[0]?.rules[0]?.annotations).toEqual({
      summary: 'one two\nthree',
      more: 'a b',
    });
  });

  it('leaves the places of errors as they are written', () => {
    const text = quoted('      other: "x\n      {{ nope }}"\n    fro: 1m\n').replace('one\n', '{{ one }}\n');
    const result = parseRuleText('rules.yaml', text);
    const lines = text.split('\n');
    const placed = (part: string): string => {
      const line = lines.findIndex((each) => each.includes(part));
      return `${line + 1}:${(lines[line]?.indexOf(part) ?? 0) + 1}`;
    };
    expect(result.ok ? [] : result.errors.map(({ line, column }) => `${line}:${column}`)).toEqual([
      placed('one }}'),
      placed('nope'),
      placed('fro'),
    ]);
  });

  it.each([
    [
      'is not closed',
      withRule('    annotations:\n      summary: "one\n      two\n'),
      /Missing closing "quote/,
    ],
    [
      'holds the start of a document',
      withRule('    annotations:\n      summary: "one\n---\n      two"\n'),
      /Missing closing "quote/,
    ],
  ])('is refused when it %s', (_, text, message) => {
    const result = parseRuleText('rules.yaml', text);
    expect(result.ok ? [] : result.errors.map((error) => error.message)).toEqual(
      expect.arrayContaining([expect.stringMatching(message)]),
    );
  });
});

it('the label `slack_channel` chooses the channel, unless the annotation does', () => {
  const channelOf = (more: string): string | undefined =>
    parseRuleText('rules.yaml', withRule(more)).groups[0]?.rules[0]?.channel;
  expect(channelOf("    labels: { slack_channel: '#shop' }\n")).toBe('#shop');
  expect(channelOf("    labels: { slack_channel: '{{ $labels.team }}' }\n")).toBeUndefined();
  expect(
    channelOf("    labels: { slack_channel: '#shop' }\n    annotations: { slack_channel: '#ops' }\n"),
  ).toBe('#ops');
});

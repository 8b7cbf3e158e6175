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
    ['an assignment to a variable that is not declared', annotated('{{ $x = 1 }}')],
    ['a pipe with nothing after it', annotated('{{ humanize $value | }}')],
    ...['5.', '5.e3', '-5.'].map((number) => [
      `the number ${number}`,
      withRule('').replace('up == 0', `up == ${number} # 1.`),
    ]),
    ['a partial_response_strategy', 'groups:\n- name: g\n  partial_response_strategy: warn\n  rules: []\n'],
    [
      'a list of objects',
      'kind: List\nitems:\n- kind: PrometheusRule\n  spec:\n    groups:\n    - name: g\n      rules:\n      - { alert: A, expr: up == 0 }\n',
    ],
  ] as [string, string][])('accepts %s', (_, text) => {
    expect(parseRuleText('rules.yaml', text)).toMatchObject({ ok: true, groups: [{ name: 'g' }] });
  });

  it.each([
    ['10', 10],
    ['-1', 0],
    ['1.5', 1],
    ['1e2', 100],
    ['0x10', 16],
    ['010', 8],
    ['1_000', 1_000],
    ['', 0],
  ])('reads limit: %s as %d', (limit, expected) => {
    const text = `groups:\n- name: g\n  limit: ${limit}\n  rules: []\n`;
    expect(parseRuleText('rules.yaml', text)).toMatchObject({ ok: true, groups: [{ limit: expected }] });
  });

  it.each(['up + bool 1', 'up and bool up', 'rate(up[-5m]) > 0', 'a5. > 1'])('refuses %s', (expr) => {
    expect(parseRuleText('rules.yaml', withRule('').replace('up == 0', expr)).ok).toBe(false);
  });

  it.each([
    ['%*d|%-*d|', '6 42 4 7', '    42|7   |'],
    ['%.*f', '2 3.14159', '3.14'],
    ['%[2]d %[1]d', '1 2', '2 1'],
    ['%[2]*[1]d', '42 6', '    42'],
    ['%z', '1', '%!z(int=1)'],
    ['%d %d', '1', '1 %!d(MISSING)'],
    ['%', '', '%!(NOVERB)'],
    ['%G %E', '3000000000.0 1.5', '3E+09 1.500000E+00'],
    ['%#x %#o % d %.3d %q %+q', '255 8 5 5 99 "é"', `0xff 010  5 005 'c' "\\u00e9"`],
    ['%v %v', '010 -0.0', '8 -0'],
  ])('prints %s of %s', (format, args, expected) => {
    const template = `{{ printf "${format}" ${args} }}`;
    expect(expandTemplate(template, { labels: {}, value: 1 })).toBe(expected);
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

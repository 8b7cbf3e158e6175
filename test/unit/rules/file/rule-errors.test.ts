import { describe, expect, it } from 'vitest';
import { expectErrors, groups, read } from '../../../support/marked-rules.ts';

describe('errors in rule groups are reported with their location', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'unknown keys': [
      `
groups:
- name: g
  §intervall: 30s
  rules:
  - alert: A
    expr: a > 1
    §fro: 1m
    §severity: page
§group: []`,
      /^unknown key `intervall`: did you mean `interval`\?$/,
      /did you mean `for`\?$/,
      /expected alert, expr, for, keep_firing_for, labels or annotations\.$/,
      /^unknown key `group`: did you mean `groups`\?$/,
    ],
    'missing keys': [
      'groups:\n- §rules:\n  - §alert: A\n  - §expr: a\n  - §record: a:b',
      /^missing `name`\.$/,
      /^missing `expr`\.$/,
      /^missing `alert` or `record`/,
      /^missing `expr`\.$/,
    ],
    'duplicate keys': [
      'groups:\n- name: g\n  §name: h\n  rules:\n  - alert: A\n    expr: a > 1\n    §expr: b > 1',
      /^duplicate key `name`/,
      /^duplicate key `expr`/,
    ],
    'groups of one name': [
      'groups:\n- name: g\n  rules: []\n- name: §g\n  rules: []\n---\ngroups:\n- name: §"g"\n  rules: []',
      /^duplicate group name `g`: already defined at rules.yaml:2/,
      /at rules.yaml:2/,
    ],
    'rules in a Kubernetes object': [
      'kind: PrometheusRule\nspec:\n  §route: {}\n  groups:\n  - name: g\n    rules:\n    - { alert: A, expr: "a >§" }',
      /^`route` and `groups` cannot be in one document/,
      /^invalid `expr`: unexpected end/,
    ],
    durations: [
      'groups:\n- name: g\n  interval: §300y\n  query_offset: §1.5h\n  limit: §x\n  rules:\n  - { alert: A, expr: a, for: §30, keep_firing_for: §"" }',
      /^invalid `interval`: found "300y", expected a duration/,
      /^invalid `query_offset`: found "1.5h", expected a duration/,
      /^invalid `limit`: found "x", expected an integer/,
      /^invalid `for`: found "30"/,
      /^invalid `keep_firing_for`: found an empty value/,
    ],
    'fields of the wrong kind': [
      'groups:\n- name: §[a]\n  rules: §{}\n- §x\n- name: b\n  rules:\n  - §text\n  - alert: A\n    expr: a\n    labels: §[a]\n    annotations: { x: §[] }',
      /^invalid `name`: found a list, expected a single value/,
      /^invalid `rules`: found a map, expected a list/,
      /^invalid entry of `groups`: found "x", expected a map/,
      /^invalid rule: found "text", expected a map/,
      /^invalid `labels`: found a list, expected a map/,
      /^invalid `annotations.x`: found a list, expected a single value/,
    ],
    'a recording rule with the fields of an alert': [
      'groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: a\n    §for: 1m\n  - alert: A\n    §record: a\n    expr: a\n  - record: §" "\n    expr: a\n  - record: §a{b="c"}\n    expr: a',
      /^unknown key `for`: expected record, expr or labels/,
      /^conflicting `alert` and `record`/,
      /^invalid `record`: found " ", expected a metric name/,
      /^invalid `record`: found "a\{b/,
    ],
    'names of labels and annotations': [
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    labels: { §" ": x, §__name__: y }\n    annotations: { §"": z }',
      /^invalid `labels. `: expected a label name/,
      /^invalid `labels.__name__`: expected a label name/,
      /^invalid `annotations.`: expected a label name/,
    ],
    'settings of the bot': [
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    annotations:\n      slack_channel: §Shop\n      slo_no_data: §drop\n  - alert: B\n    expr: a\n    annotations:\n      slack_channel: §#shop',
      /^invalid `annotations.slack_channel`: found "Shop", expected "#shop"/,
      /^invalid `annotations.slo_no_data`: found "drop", expected a duration like 15m or 24h, or resolve/,
      /expected a channel name in quotes/,
    ],
    'a document that is a list': ['§- a\n- b', /^invalid document: found a list, expected a map/],
    'a map in place of a list': ['groups: §{ name: g }', /^invalid `groups`: found a map, expected a list/],
    'both kinds in one document': ['groups: []\n§slos: []', /separate them with a line of ---/],
    'unsupported keys of Alertmanager': [
      '§receivers: []\n---\ngroups: []\n§time_intervals: []\n---\n§silence: []',
      /^unsupported key `receivers`\. Remove it/,
      /^`time_intervals` and `groups` cannot be in one document: separate them with a line of ---/,
      /did you mean `silences`\?/,
    ],
    'invalid YAML': ['groups:\n- name: "a\n§', /^invalid YAML/],
    'an alias without an anchor': ['§groups: *nope', /^cannot resolve the aliases .*: Unresolved alias/],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    expectErrors(marked, messages);
  });

  it('invalid YAML in one document does not hide the errors in the next', () => {
    const { errors } = read('groups: [\n---\ngroups:\n- nam: g\n');
    expect(errors.map(({ line }) => line)).toEqual(expect.arrayContaining([4]));
    expect(errors.some(({ message }) => message.startsWith('invalid YAML'))).toBe(true);
  });

  it('aliases that multiply are not followed', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const [one, other] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg']) {
      bomb.push(`${other}: &${other} [${Array.from({ length: 10 }, () => `*${one}`).join(',')}]`);
    }
    const { errors } = read(`${bomb.join('\n')}\ngroups: *g`);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^cannot resolve the aliases/),
    ]);
  });
});

/** The rest of a rule, with an expression in every way YAML can write a text. */
const inRule = (expr: string): string =>
  `groups:\n- name: g\n  rules:\n  - alert: A\n    expr: ${expr}\n    for: 1m`;

describe('errors in expressions have a column inside the text in every YAML style', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    plain: [inRule('rate(foo[§5x]) > 1'), /^invalid `expr`: "5x" is not a duration/],
    'single quotes': [inRule("'a{b=''c''} > §) + 1'"), /unexpected "\)"/],
    'double quotes': [inRule('"a{b=\\"c\\"} > §) + 1"'), /unexpected "\)"/],
    'double quotes over two lines': [inRule('"a >\n      §) + 1"'), /unexpected "\)"/],
    'plain over several lines': [inRule('a\n      + b\n\n      > §) + 1'), /unexpected "\)"/],
    'a block': [
      inRule('|\n      sum by (le) (\n        rate(foo[§5x])\n      ) > 1'),
      /"5x" is not a duration/,
    ],
    'a block with blank lines': [inRule('|-\n\n      a\n\n      > §) + 1'), /unexpected "\)"/],
    'a folded block': [inRule('>-\n      a\n      + b\n      > §) + 1'), /unexpected "\)"/],
    'a folded block with deeper lines': [
      inRule('>\n      a\n        + b\n      > §) + 1'),
      /unexpected "\)"/,
    ],
    'an unexpected end': [inRule('rate(foo[5m]) >§'), /unexpected end of the expression/],
    'a misspelled function': [
      inRule('sum(§ratee(foo[5m])) > 1'),
      /`ratee` is not a PromQL function, did you mean `rate`/,
    ],
    'an unknown function': [inRule('§frobnicate(foo) > 1'), /`frobnicate` is not a PromQL function\.$/],
    nothing: [inRule('"§"'), /^invalid `expr`: the expression is empty/],
    'an open brace': [inRule('|\n      foo{a="b" §> 1'), /^invalid `expr`: unexpected ">"/],
    'a range of a name': [inRule('rate(foo[§abc]) > 1'), /unexpected "abc"|not a duration/],
    'a missing range': [inRule('rate(§foo) > 1'), /`rate` expects a range/],
    'a range in place of an instant vector': [inRule('sum(§foo[5m]) > 1'), /`sum` expects .* not a range/],
    'too few arguments': [inRule('§topk(foo) > 1'), /`topk` expects 2 arguments: found 1/],
    'arguments in the wrong order': [
      inRule('histogram_quantile(§foo, §0.9) > 1'),
      /`histogram_quantile` expects a number, not a vector/,
      /`histogram_quantile` expects a vector, not a number/,
    ],
    'a name where a text is expected': [
      inRule('count_values(§version, foo) > 1'),
      /`count_values` expects a text, not a vector/,
    ],
    'a text where a number is expected': [
      inRule(`vector(§'a') > 1`),
      /`vector` expects a number, not a text/,
    ],
    'group_left of a set operator': [inRule('a and on(x) §group_left b'), /accept no `group_left`/],
    'on with a number': [inRule('a + §on(x) 1'), /`on` needs a vector on both sides/],
    'a set operator with a number': [inRule('a or §1'), /`or` does not accept a number/],
    'an offset of a function': [inRule('§rate(foo[5m]) offset 5m'), /need a selector before them/],
    'an offset before the range': [inRule('rate(§foo offset 5m [5m])'), /belong after the range/],
    'a range of zero': [inRule('rate(foo[§0s])'), /needs a duration above zero/],
    'a selector of everything': [inRule(`'§{a=~".*"} > 1'`), /a matcher that does not match an empty value/],
    'a metric that is named twice': [inRule(`'§foo{__name__="bar"} > 1'`), /the metric is named twice/],
    'an escape of a regular expression': [
      inRule(`'foo{code=~"5§\\d"} > 1'`),
      /`\\d` is not an escape of a PromQL string: write `\\\\d`/,
    ],
    'two numbers compared': [inRule('§1 > 2'), /compares two numbers/],
    'a range as an alert': [inRule('§foo[5m]'), /a range/],
    'a string as an alert': [inRule(`'§"text"'`), /a text/],
    'a bad regular expression': [
      inRule('foo{a=~§"(b"} > 1'),
      /invalid regular expression: missing closing \)/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    expectErrors(marked, messages);
  });

  it('errors in templates of labels and annotations have one, too', () => {
    expectErrors(
      `groups:
- name: g
  rules:
  - alert: A
    expr: a
    labels: { severity: '{{ if gt $value 1.0 }}a{{ else }}b{{ end }}', x: '§{{ else }}' }
    annotations:
      summary: |
        first line
        {{ $value }} and §{{ end }}
      other: "say \\"hi\\" §{{ }} {{ §($value }}"`,
      [/this `else` has no `if`/, /this `end` has no `if`/, /nothing between/, /this `\(` is not closed/],
    );
  });

  it('templates in labels of recording rules are not expanded, as in Prometheus', () => {
    const text = `groups: [{ name: g, rules: [{ record: a, expr: b, labels: { x: '{{ query "up" }}' } }] }]`;
    expect(groups(text).map(({ name, rules }) => [name, rules])).toEqual([['g', []]]);
  });

  it('the excerpt shows the line with a caret below the column', () => {
    const { excerpts } = read(inRule('rate(foo[5x]) > 1'));
    expect(excerpts).toEqual(['    expr: rate(foo[5x]) > 1\n                   ^']);
  });

  it('tabs are kept under tabs', () => {
    const { excerpts } = read('groups:\n- name: g\n  rules:\n  - {\talert: A,\texpr: ")" }');
    expect(excerpts).toEqual(['  - {\talert: A,\texpr: ")" }\n     \t         \t       ^']);
  });

  it('long lines are cut around the caret', () => {
    const { excerpts } = read(inRule(`${'a + '.repeat(100)}) + ${'b + '.repeat(100)}c`));
    const [line = '', caret = ''] = excerpts[0]?.split('\n') ?? [];
    expect(line.length).toBeLessThan(120);
    expect(line[caret.length - 1]).toBe(')');
  });
});

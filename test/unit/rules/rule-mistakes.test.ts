import { describe, expect, it } from 'vitest';
import { expectMistakes, groups, read } from '../../support/marked-rules.ts';

describe('mistakes in rule groups are reported with their place', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'keys that are not known': [
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
      /^`intervall` is not .* did you mean `interval`\?$/,
      /did you mean `for`\?$/,
      /known here: alert, expr, for, keep_firing_for, labels, annotations\.$/,
      /^`group` .* did you mean `groups`\?$/,
    ],
    'keys that are missing': [
      'groups:\n- §rules:\n  - §alert: A\n  - §expr: a\n  - §record: a:b',
      /^`name` is missing\.$/,
      /^`expr` is missing\.$/,
      /neither `alert` nor `record`/,
      /^`expr` is missing\.$/,
    ],
    'keys that stand twice': [
      'groups:\n- name: g\n  §name: h\n  rules:\n  - alert: A\n    expr: a > 1\n    §expr: b > 1',
      /^`name` stands twice/,
      /^`expr` stands twice/,
    ],
    'groups of one name': [
      'groups:\n- name: g\n  rules: []\n- name: §g\n  rules: []\n---\ngroups:\n- name: §"g"\n  rules: []',
      /^the name `g` is taken by the group on line 2/,
      /on line 2/,
    ],
    'rules in a Kubernetes object': [
      'kind: PrometheusRule\nspec:\n  §route: {}\n  groups:\n  - name: g\n    rules:\n    - { alert: A, expr: "a >§" }',
      /^`route` stands in one document with `groups`/,
      /^`expr` is not PromQL/,
    ],
    durations: [
      'groups:\n- name: g\n  interval: §0s\n  query_offset: §1.5h\n  limit: §-1\n  rules:\n  - { alert: A, expr: a, for: §30, keep_firing_for: §"" }',
      /^`interval` is zero/,
      /^`query_offset` is "1.5h": write a duration/,
      /^`limit` is "-1": write a whole number/,
      /^`for` is "30"/,
      /^`keep_firing_for` is empty/,
    ],
    'fields of the wrong kind': [
      'groups:\n- name: §[a]\n  rules: §{}\n- §x\n- name: b\n  rules:\n  - §text\n  - alert: A\n    expr: a\n    labels: §[a]\n    annotations: { x: §[] }',
      /^`name` must be a single value/,
      /^`rules` must be a list/,
      /^this must be a map/,
      /^a rule must be a map/,
      /^`labels` must be a map/,
      /^`annotations.x` must be a single value/,
    ],
    'a recording rule with the fields of an alert': [
      'groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: a\n    §for: 1m\n  - alert: A\n    §record: a\n    expr: a\n  - record: §a-b\n    expr: a',
      /^`for` is not a key that is known here; known here: record, expr, labels/,
      /^a rule has `alert` or `record`, not both/,
      /^`record` is "a-b": a metric's name/,
    ],
    'names of labels and annotations': [
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    labels: { §a-b: x, §__name__: y }\n    annotations: { §1st: z }',
      /^`labels.a-b` is no label's name/,
      /^`labels.__name__` is no label's name/,
      /^`annotations.1st` is no label's name/,
    ],
    'settings of the bot': [
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a\n    annotations:\n      slack_channel: §Shop\n      slo_no_data: §drop\n  - alert: B\n    expr: a\n    annotations:\n      slack_channel: §#shop',
      /^`annotations.slack_channel` is "Shop", which is no channel: write "#shop"/,
      /^`annotations.slo_no_data` is "drop": write keep or resolve/,
      /put a channel's name in quotes/,
    ],
    'a document of another kind': ['§- a\n- b', /^a rule file is a map/],
    'a list that is none': ['groups: §{ name: g }', /^`groups` must be a list/],
    'both kinds in one document': ['groups: []\n§slos: []', /put a line with --- between/],
    "what is Alertmanager's and not built": [
      '§receivers: []\n---\ngroups: []\n§time_intervals: []\n---\n§silence: []',
      /^`receivers` is not built yet/,
      /^`time_intervals` stands in one document with `groups`: put a line with --- between/,
      /did you mean `silences`\?/,
    ],
    'YAML that is none': ['groups:\n- name: "a\n§', /^This is not YAML/],
    'an alias of nothing': ['§groups: *nope', /^The aliases .* cannot be followed: Unresolved alias/],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    expectMistakes(marked, messages);
  });

  it('a document that is no YAML does not hide the mistakes of the next', () => {
    const { errors } = read('groups: [\n---\ngroups:\n- nam: g\n');
    expect(errors.map(({ line }) => line)).toEqual(expect.arrayContaining([4]));
    expect(errors.some(({ message }) => message.startsWith('This is not YAML'))).toBe(true);
  });

  it('aliases that multiply are not followed', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const [one, other] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg']) {
      bomb.push(`${other}: &${other} [${Array.from({ length: 10 }, () => `*${one}`).join(',')}]`);
    }
    const { errors } = read(`${bomb.join('\n')}\ngroups: *g`);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The aliases .* cannot be followed/),
    ]);
  });
});

/** The rest of a rule, with an expression in every way YAML can write a text. */
const inRule = (expr: string): string =>
  `groups:\n- name: g\n  rules:\n  - alert: A\n    expr: ${expr}\n    for: 1m`;

describe('mistakes in expressions are shown inside the text, however YAML writes it', () => {
  const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
    plain: [inRule('rate(foo[§5x]) > 1'), /^`expr` is not PromQL: "5x" is not a duration/],
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
    'an end that comes too soon': [inRule('rate(foo[5m]) >§'), /unexpected end of the expression/],
    'a name that is no function': [
      inRule('sum(§ratee(foo[5m])) > 1'),
      /`ratee` is not a PromQL function, did you mean `rate`/,
    ],
    'a function nobody knows': [inRule('§frobnicate(foo) > 1'), /`frobnicate` is not a PromQL function\.$/],
    nothing: [inRule('"§"'), /^`expr` is not PromQL: the expression is empty/],
    'an open brace': [inRule('|\n      foo{a="b" §> 1'), /not PromQL/],
    'a range of a name': [inRule('rate(foo[§abc]) > 1'), /unexpected "abc"|not a duration/],
    'a range vector wanted': [inRule('rate(§foo) > 1'), /`rate` expects a range/],
    'a range vector too many': [inRule('sum(§foo[5m]) > 1'), /`sum` expects .* not a range/],
    'two numbers compared': [inRule('§1 > 2'), /compares two numbers/],
    'a range as an alert': [inRule('§foo[5m]'), /a range/],
    'a text as an alert': [inRule(`'§"text"'`), /a text/],
    'a bad regular expression': [
      inRule('foo{a=~§"(b"} > 1'),
      /invalid regular expression: missing closing \)/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, message]) => {
    expectMistakes(marked, [message]);
  });

  it('templates are shown the same way, in labels and annotations', () => {
    expectMistakes(
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

  it('templates in labels of recording rules are texts, as in Prometheus', () => {
    const text = `groups: [{ name: g, rules: [{ record: a, expr: b, labels: { x: '{{ query "up" }}' } }] }]`;
    expect(groups(text).map(({ name, rules }) => [name, rules])).toEqual([['g', []]]);
  });

  it('the excerpt shows the line and a caret below the place', () => {
    const { excerpts } = read(inRule('rate(foo[5x]) > 1'));
    expect(excerpts).toEqual(['    expr: rate(foo[5x]) > 1\n                   ^']);
  });

  it('tabs stay tabs under tabs', () => {
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

import { describe, expect, it } from 'vitest';
import { QueryError } from '../../../../demo/prometheus/promql/errors.ts';
import { parseExpression } from '../../../../demo/prometheus/promql/parse.ts';

function mistakeIn(query: string): QueryError {
  try {
    parseExpression(query);
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
  throw new Error(`no mistake found in ${query}`);
}

describe('a mistake is placed and worded as Prometheus does:', () => {
  it.each([
    ['', '1:1: parse error: no expression found in input'],
    ['  # nothing', '1:1: parse error: no expression found in input'],
    ['sum(rate(', '1:10: parse error: unclosed left parenthesis'],
    ['foo{', '1:5: parse error: unexpected end of input inside braces'],
    ['foo{a=b}', '1:7: parse error: unexpected identifier "b" in label matching, expected string'],
    ['foo[5m', '1:7: parse error: unclosed left bracket'],
    ['foo)', `1:5: parse error: unexpected right parenthesis ')'`],
    ['a b', '1:3: parse error: unexpected identifier "b"'],
    ['x{a="é"} +\n  foo bar', '2:7: parse error: unexpected identifier "bar"'],
    ['x{a="é"} bar', '1:11: parse error: unexpected identifier "bar"'],
    ['nope(x)', '1:1: parse error: unknown function with name "nope"'],
    ['1 + nope(x)', '1:5: parse error: unknown function with name "nope"'],
    ['"abc', '1:1: parse error: unterminated quoted string'],
    ['x{a=~"("}', '1:3: parse error: error parsing regexp: missing closing ): `^(?:()$`'],
    [
      'rate(x)',
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    [
      'sum(x[5m])',
      '1:5: parse error: expected type instant vector in aggregation expression, got range vector',
    ],
    [
      'histogram_quantile(0.9)',
      '1:1: parse error: expected 2 argument(s) in call to "histogram_quantile", got 1',
    ],
    ['1 > 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['x + bool y', '1:3: parse error: bool modifier can only be used on comparison operators'],
    ['x and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    [
      'x * on(a) group_left(a) y',
      '1:3: parse error: label "a" must not occur in ON and GROUP clause at once',
    ],
    ['{a=""}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['(x)[5m]', '1:4: parse error: ranges only allowed for vector selectors'],
    [
      'sum(x) offset 5m',
      '1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    ],
  ])('%s', (query, message) => {
    expect(mistakeIn(query)).toMatchObject({ type: 'bad_data', message });
  });
});

describe('what this server does not know is named:', () => {
  it.each([
    ['topk(5, x)', 'the aggregation topk'],
    ['quantile(0.9, x)', 'the aggregation quantile'],
    ['predict_linear(x[5m], 60)', 'the function predict_linear'],
    ['label_replace(x, "a", "$1", "b", "(.*)")', 'the function label_replace'],
    ['max_over_time(rate(x[5m])[1h:1m])', 'subqueries (rate(x[5m])[1h:1m])'],
    ['x[5m + 1m]', 'arithmetic on durations (5m + 1m)'],
    ['x + fill(0) y', 'the fill modifiers of binary operators'],
    [`${'('.repeat(10_001)}x${')'.repeat(10_001)}`, 'expressions longer than 20000 characters'],
  ])('%.60s', (query, construct) => {
    const message = `the embedded Prometheus does not know ${construct}`;
    expect(mistakeIn(query)).toMatchObject({ type: 'execution', message });
  });
});

describe('literals', () => {
  it.each([
    ['1.5e3', 1_500],
    ['.5', 0.5],
    ['0x1F', 31],
    ['1_000', 1_000],
    ['010', 8],
    ['5m', 300],
    ['-3', -3],
    ['Inf', Infinity],
    ['-inf', -Infinity],
  ])('number %s', (query, value) => {
    expect(parseExpression(query)).toMatchObject({ kind: 'number', value });
  });

  it.each([
    [String.raw`"a\tb\"c\\d"`, 'a\tb"c\\d'],
    [String.raw`'it\'s'`, "it's"],
    ['`raw \\n`', 'raw \\n'],
    [String.raw`"\x41\u00e9\101"`, 'AéA'],
  ])('string %s', (query, value) => {
    expect(parseExpression(query)).toMatchObject({ kind: 'string', value });
  });

  it.each([String.raw`"\z"`, String.raw`"\'"`, String.raw`"abc\"`])('refuses %s', (query) => {
    expect(mistakeIn(query).type).toBe('bad_data');
  });
});

it.each([
  [true, true],
  [false, false],
])(
  'with dotMatchesNewline %s, a dot in a pattern matches a line break: %s',
  (dotMatchesNewline, expected) => {
    const expression = parseExpression('x{a=~"a.c"}', { dotMatchesNewline });
    const [matcher] = expression.kind === 'vector selector' ? expression.matchers : [];
    expect(['a\nc', 'a\u2028c'].map((value) => matcher?.matches(value))).toEqual([expected, true]);
  },
);

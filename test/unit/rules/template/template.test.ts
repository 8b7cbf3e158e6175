import { describe, expect, it } from 'vitest';
import { expandTemplate, templateProblems } from '../../../../src/rules/template/template.ts';
import { TEMPLATE_CASES, TEMPLATE_LABELS, TEMPLATE_VALUE } from '../../../support/template-cases.ts';

const expand = (template: string, value: number = TEMPLATE_VALUE): string =>
  expandTemplate(template, { labels: TEMPLATE_LABELS, value });

describe('a template is expanded as Prometheus does', () => {
  it.each(Object.entries(TEMPLATE_CASES))('%s', (_, { template, value, expected }) => {
    expect(templateProblems(template)).toEqual([]);
    expect(expand(template, value)).toBe(expected);
  });

  it.each([
    [Number.NaN, 'NaN NaN NaN% NaN NaN NaN'],
    [Number.POSITIVE_INFINITY, '+Inf +Inf +Inf% +Inf +Inf +Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf -Inf -Inf% -Inf -Inf -Inf'],
  ])("%d is written in Go's words", (value, expected) => {
    const functions = ['humanize', 'humanizePercentage', 'humanizeDuration', 'humanize1024'];
    const template = `{{ $value }} ${functions.map((name) => `{{ ${name} $value }}`).join(' ')} {{ printf "%.2f" $value }}`;
    expect(expand(template, value)).toBe(expected);
  });
});

describe('a failed expansion is an error text', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a float beside an int', '{{ gt $value 1 }}', 'error calling gt: incompatible types for comparison'],
    [
      'a text beside a number',
      '{{ eq $labels.zone 1 }}',
      'error calling eq: incompatible types for comparison',
    ],
    ['order of booleans', '{{ lt true false }}', 'error calling lt: invalid type for comparison'],
    [
      'a text that is no number',
      'a {{ humanize $labels.zone }} b',
      'error calling humanize: strconv.ParseFloat: parsing "eu_west": invalid syntax',
    ],
    [
      'a number for a function of texts',
      '{{ toUpper $value }}',
      'error calling toUpper: wrong type for value; expected string; got float64',
    ],
  ];
  it.each(cases)('%s', (_, template, message) => {
    expect(expand(template)).toBe(`<error expanding template: ${message}>`);
  });
});

/** `^` stands where the problem must be reported; it is taken out of the template. */
const problemsAt = (marked: string): readonly (readonly [number, string])[] => {
  const template = marked.replace('^', '');
  return templateProblems(template).map(({ at, message }) => [at, message]);
};

describe('what is not supported is found when the file is read', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a function of Prometheus that asks it back', '{{ ^query "up" }}', /^`query` is not supported/],
    ['a function in parentheses', '{{ if (^match "a" "b") }}x{{ end }}', /^`match` is not supported/],
    ['a function at the end of a pipe', '{{ $value | ^toTime }}', /^`toTime` is not/],
    [
      'what a query gave',
      '{{ with query "up" }}{{ . | first }}{{ end }}'.replace('with', '^with'),
      /^`with` is not/,
    ],
    ['another variable', '{{ ^$externalLabels.cluster }}', /only the labels .* and the value/],
    ['a field of the data that is not there', '{{ ^.ExternalURL }}', /^`\.ExternalURL` is not supported/],
    ['a field of a label', '{{ ^$labels.a.b }}', /a label's value has no fields/],
    ['a loop', '{{ ^range $labels }}{{ end }}', /^`range` is not supported/],
    ["a variable of one's own", '{{ ^$x := 1 }}', /^`\$x` is not supported/],
    ['an action that is not closed', 'ab ^{{ $value', /not closed by `}}`/],
    ['an empty action', 'ab ^{{ }}', /nothing between/],
    ['an if without end', '^{{ if true }}a', /this `if` has no `end`/],
    ['an else without if', 'a ^{{ else }}', /this `else` has no `if`/],
    ['a second else', '{{ if true }}{{ else }}^{{ else }}{{ end }}', /second `else`/],
    ['an end without if', 'a ^{{ end }}', /this `end` has no `if`/],
    ['an if without condition', '{{ if^ }}{{ end }}', /an operand is missing/],
    ['a parenthesis that is not closed', '{{ ^($value }}', /this `\(` is not closed/],
    ['an argument of a text', '{{ ^$value $labels.a }}', /is not a function and takes no arguments/],
    ['a pipe into a value', '{{ $value | ^$labels.a }}', /cannot be piped into/],
    ['too few arguments', '{{ ^humanize }}', /^`humanize` takes 1 argument, not 0/],
    ['too many arguments', '{{ $value | ^humanize $value }}', /^`humanize` takes 1 argument, not 2/],
    ['too few arguments to compare', '{{ ^gt $value }}', /^`gt` takes 2 arguments, not 1/],
    ['a verb of printf', '{{ ^printf "%x" 1 }}', /^the verb %x of printf/],
    ['an escape that Go does not know', '{{ ^"\\y" }}', /^\\y is not an escape/],
    ['a function as an argument', '{{ printf "%s" ^title }}', /must be in parentheses/],
    ['a stray sign', '{{ $value ^+ 1 }}', /takes no arguments|unexpected/],
  ];
  it.each(cases)('%s', (_, marked, message) => {
    const [first, ...others] = problemsAt(marked);
    // What is inside an unsupported block is not supported either.
    expect(others.filter(() => !marked.includes('with'))).toEqual([]);
    expect(first?.[1]).toMatch(message);
    if (!marked.includes('^+')) expect(first?.[0]).toBe(marked.indexOf('^'));
  });

  it('every problem is reported, not just the first', () => {
    const found = templateProblems('{{ query "x" }} {{ $x }} {{ if true }}');
    expect(found.map(({ at }) => at)).toEqual([3, 19, 25]);
  });

  it('an unclosed action full of strings is read in no time', () => {
    expect(templateProblems(`{{ ${'"a" '.repeat(5_000)}`)).toHaveLength(1);
  });

  it('parentheses without end are refused', () => {
    expect(templateProblems(`{{ ${'('.repeat(50_000)} }}`)).toMatchObject([
      { message: 'there are too many parentheses' },
    ]);
  });

  it.each([
    'up: {{ query "x" }}',
    '{{ range $labels }}a{{ end }}',
    '{{ $value }} {{ $x }}',
    'a {{ humanize }}',
  ])('an unsupported template is shown as it is written: %s', (template) => {
    expect(expand(template)).toBe(template);
  });

  it.each<[string, boolean]>([
    ['{{ query "up" | first | value }}', false],
    ['{{ with query "up" }}{{ . | first | value }}{{ end }}', false],
    ['{{ range $i, $s := query "up" }}{{ .Value }}{{ else }}none{{ end }}', false],
    ['{{ $externalLabels.cluster }}{{ $externalURL }}', false],
    ['{{ $x := "a" }}{{ $x }}', false],
    ['{{ template "x" . }}', false],
    ['{{ reReplaceAll "a" "b" $labels.c }}', false],
    ['{{ printf "%x" 1 }}', false],
    ['{{ $value', true],
    ['{{ if true }}', true],
    ['{{ end }}', true],
    ['{{ }}', true],
    ['{{ "\\y" }}', true],
    ['{{ ($value }}', true],
  ])('%s is refused by Prometheus too: %s', (template, isBroken) => {
    const problems = templateProblems(template);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.some((problem) => problem.isBroken)).toBe(isBroken);
  });
});

it('a template expanded again gives the same', () => {
  for (const { template, value = TEMPLATE_VALUE, expected } of [
    ...Object.values(TEMPLATE_CASES),
    ...Object.values(TEMPLATE_CASES),
  ])
    expect(expandTemplate(template, { labels: TEMPLATE_LABELS, value })).toBe(expected);
});

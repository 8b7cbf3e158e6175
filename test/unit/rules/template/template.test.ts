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

describe('what is wrong is found when the file is read', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a function that is only for consoles', '{{ ^tmpl "a" . }}', /^function `tmpl` is not defined/],
    ['a misspelled function', '{{ if (^mach "a" "b") }}x{{ end }}', /did you mean `match`/],
    ['a field of a label', '{{ ^$labels.a.b }}', /a label's value has no fields/],
    ['a variable that is declared further down', '{{ ^$x }}{{ $x := 1 }}', /^undefined variable `\$x`/],
    ['a variable of a block that has ended', '{{ if $x := 1 }}{{ end }}{{ ^$x }}', /^undefined variable/],
    ['a variable of the alert in a definition', '{{ define "a" }}{{ ^$labels.b }}{{ end }}', /^undefined/],
    ['an assignment without declaration', '{{ ^$x = 1 }}', /^undefined variable/],
    [
      'a definition inside of a block',
      '{{ if true }}^{{ define "a" }}{{ end }}{{ end }}',
      /inside another block/,
    ],
    ['a template without a name', '{{ template ^x }}', /needs the name of a template in quotes/],
    ['a break outside of a loop', '^{{ break }}', /outside of a `range`/],
    ['an action that is not closed', 'ab ^{{ $value', /not closed by `}}`/],
    ['an empty action', 'ab ^{{ }}', /nothing between/],
    ['a blank that Go does not know', '{{ ^\u00a0 }}', /unexpected/],
    ['an if without end', '^{{ if true }}a', /this `if` has no `end`/],
    ['a range without end', '^{{ range $labels }}a', /this `range` has no `end`/],
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
    ['a dot before a text', '{{ $labels.^"a" }}', /^unexpected/],
    ['two dots', '{{ .^. }}', /^unexpected/],
    ['an octal number with a digit above 7', '{{ ^08 }}', /is not an octal number/],
    ['an escape that Go does not know', '{{ ^"\\y" }}', /^\\y is not an escape/],
    ['a stray sign', '{{ $value ^+ 1 }}', /takes no arguments|unexpected/],
  ];
  it.each(cases)('%s', (_, marked, message) => {
    const [first, ...others] = problemsAt(marked);
    expect(others).toEqual([]);
    expect(first?.[1]).toMatch(message);
    if (!marked.includes('^+')) expect(first?.[0]).toBe(marked.indexOf('^'));
  });

  it('every problem is reported, not just the first', () => {
    const found = templateProblems('{{ humanise 1 }} {{ $x }} {{ if true }}');
    expect(found.map(({ at }) => at)).toEqual([3, 20, 26]);
  });

  it('an unclosed action full of strings is read in no time', () => {
    expect(templateProblems(`{{ ${'"a" '.repeat(5_000)}`)).toHaveLength(1);
  });

  it('parentheses and blocks without end are refused', () => {
    expect(templateProblems(`{{ ${'('.repeat(50_000)} }}`)).toMatchObject([
      { message: 'there are too many parentheses' },
    ]);
    expect(templateProblems('{{ if true }}'.repeat(50_000))).toMatchObject([
      { message: 'there are too many open blocks' },
    ]);
  });

  it.each([
    ['a {{ humanize }}', '`humanize` takes 1 argument, not 0'],
    ['{{ if false }}{{ humanize }}{{ else }}b{{ end }}', undefined],
    ['{{ $x }}', 'undefined variable `$x`'],
  ])('what fails only where it is expanded is an error text there: %s', (template, message) => {
    expect(expand(template)).toBe(message === undefined ? 'b' : `<error expanding template: ${message}>`);
  });

  it.each<[string, boolean]>([
    ['{{ humanize }}', false],
    ['{{ $x = 1 }}', false],
    ['{{ $labels.a.b }}', false],
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

describe('a template cannot stop the process', () => {
  const samples = Array.from({ length: 2_000 }, (_, value) => ({ labels: {}, value }));
  const answers = new Map([['up', { kind: 'samples', samples } as const]]);
  it.each([
    ['a loop in a loop', '{{ range query "up" }}{{ range query "up" }}a{{ end }}{{ end }}', 'takes too long'],
    [
      'a template that uses itself',
      '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
      'exceeded maximum template depth',
    ],
    ['a loop to a huge number', '{{ range 1000000000 }}{{ end }}', 'takes too long'],
  ])('%s', (_, template, message) => {
    expect(expandTemplate(template, { labels: {}, value: 1 }, { answers })).toContain(message);
  });
});

it('a template expanded again gives the same', () => {
  for (const { template, value = TEMPLATE_VALUE, expected } of [
    ...Object.values(TEMPLATE_CASES),
    ...Object.values(TEMPLATE_CASES),
  ])
    expect(expandTemplate(template, { labels: TEMPLATE_LABELS, value })).toBe(expected);
});

import { describe, expect, it } from 'vitest';
import type { Sample } from '../../../../src/lib/metrics-source.ts';
import { epochMs } from '../../../../src/lib/units.ts';
import { execute } from '../../../../src/rules/template/execute.ts';
import { parseTemplate } from '../../../../src/rules/template/parse.ts';
import { bool, float, int, NIL, text, type Value } from '../../../../src/rules/template/value.ts';

/*
 * The cases of Prometheus's own test of templates (prometheus template/template_test.go), without those of its HTML
 * consoles. An error has Go's words, without the position in the template.
 */

const NOW = epochMs(1_353_755_652_000);
const MAX_INT64 = 2 ** 63;

const listOf = (items: readonly Value[]): Value => ({ type: 'list', items });
const floats = (...numbers: readonly number[]): Value => listOf(numbers.map(float));
const ints = (...numbers: readonly number[]): Value => listOf(numbers.map(int));
const texts = (...strings: readonly string[]): Value => listOf(strings.map(text));

const metric = (instance: string, value: number): Sample => ({
  labels: { __name__: 'metric', instance },
  value,
});

function expand(template: string, dot: Value, samples: readonly Sample[] = []): string {
  const parsed = parseTemplate(template);
  const problem = parsed.problems.find(({ isBroken }) => isBroken);
  if (problem !== undefined) throw new Error(problem.message);
  const context = { at: NOW, externalUrl: 'http://testhost:9090/path/prefix', query: () => samples };
  return execute(parsed, dot, { variables: [], context });
}

/** A function for each element of the list that the template is about. */
const each = (name: string): string => `{{ range . }}{{ ${name} . }}:{{ end }}`;
const ALL_HUMANIZE =
  '{{ range . }}{{ humanize . }}:{{ humanize1024 . }}:{{ humanizeDuration . }}:{{humanizeTimestamp .}}:{{ end }}';
const ALL_SPECIAL = ['+Inf', '-Inf', 'NaN'].map((name) => `${name}:`.repeat(4)).join('');

interface Case {
  readonly template: string;
  readonly expected: string;
  readonly dot?: Value;
  readonly samples?: readonly Sample[];
}

const of = (template: string, expected: string, dot?: Value): Case => ({ template, expected, dot });
const queried = (template: string, expected: string, ...samples: readonly Sample[]): Case => ({
  template,
  expected,
  samples,
});

const CASES: Readonly<Record<string, Case>> = {
  'no template': of('plain text', 'plain text'),
  'a value': of('{{ 1 }}', '1'),
  'a text is not escaped': of('{{ "<b>" }}', '<b>'),
  'several arguments for a template': of(
    '{{define "x"}}{{.arg0}} {{.arg1}}{{end}}{{template "x" (args 1 "2")}}',
    '1 2',
  ),
  'a query of a scalar': queried('{{ query "1.5" | first | value }}', '1.5', { labels: {}, value: 1.5 }),
  'the value of a query': queried(
    `{{ query "metric{instance='a'}" | first | value }}`,
    '11',
    metric('a', 11),
  ),
  'a label of a query': queried(
    `{{ query "metric{instance='a'}" | first | label "instance" }}`,
    'a',
    metric('a', 11),
  ),
  'the label __value__ of a query': queried(`{{ query "metric{__value__='a'}" | first | strvalue }}`, 'a', {
    labels: { __name__: 'metric', __value__: 'a' },
    value: 11,
  }),
  'a missing label by its function': queried(
    '{{ query "metric" | first | label "foo" }}',
    '',
    metric('a', 11),
  ),
  'a missing label by its field': queried(
    '{{ $x := query "metric" | first }}{{ $x.Labels.foo }}',
    '',
    metric('a', 11),
  ),
  'a loop over a sorted query': queried(
    '{{ range query "metric" | sortByLabel "instance" }}{{.Labels.instance}}:{{.Value}}: {{end}}',
    'a:11: b:21: ',
    metric('b', 21),
    metric('a', 11),
  ),
  'stripPort of a host': of('{{ "foo.example.com" | stripPort }}', 'foo.example.com'),
  'stripPort of a host with a port': of('{{ "foo.example.com:12345" | stripPort }}', 'foo.example.com'),
  'stripPort of IPv4': of('{{ "192.0.2.1" | stripPort }}', '192.0.2.1'),
  'stripPort of IPv4 with a port': of('{{ "192.0.2.1:12345" | stripPort }}', '192.0.2.1'),
  'stripPort of IPv6': of('{{ "2001:0DB8::1" | stripPort }}', '2001:0DB8::1'),
  'stripPort of IPv6 with a port': of('{{ "[2001:0DB8::1]:12345" | stripPort }}', '2001:0DB8::1'),
  'stripPort of no address': of('{{ "[2001:0DB8::1]::12345" | stripPort }}', '[2001:0DB8::1]::12345'),
  'a field of nothing': of('{{ .Foo }}', '<no value>'),
  'a replacement': of('{{ reReplaceAll "(a)b" "x$1" "ab" }}', 'xa'),
  'humanize of floats': of(each('humanize'), '0:1:1.235M:120m:', floats(0, 1, 1_234_567, 0.12)),
  'humanize of texts': of(each('humanize'), '0:1:1.235M:120m:', texts('0.0', '1.0', '1234567.0', '.12')),
  'humanize of ints': of(each('humanize'), '0:-1:1:1.235M:9.223E:', ints(0, -1, 1, 1_234_567, MAX_INT64)),
  'humanize of unsigned ints': of(each('humanize'), '0:1:1.235M:18.45E:', ints(0, 1, 1_234_567, 2 ** 64)),
  'humanize1024 of floats': of(each('humanize1024'), '0:1:1Mi:0.12:', floats(0, 1, 1_048_576, 0.12)),
  'humanize1024 of texts': of(each('humanize1024'), '0:1:1Mi:0.12:', texts('0.0', '1.0', '1048576.0', '.12')),
  'humanize1024 of ints': of(
    each('humanize1024'),
    '0:-1:1:1.177Mi:8Ei:',
    ints(0, -1, 1, 1_234_567, MAX_INT64),
  ),
  'humanize1024 of unsigned ints': of(
    each('humanize1024'),
    '0:1:1.177Mi:16Ei:',
    ints(0, 1, 1_234_567, 2 ** 64),
  ),
  'humanizeDuration of seconds': of(
    each('humanizeDuration'),
    '0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s:',
    floats(0, 1, 60, 3_600, 86_400, 86_400 + 3_600, -(86_400 * 2 + 3_600 * 3 + 60 * 4 + 5), 899.99),
  ),
  'humanizeDuration of seconds as texts': of(
    each('humanizeDuration'),
    '0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:',
    texts('0', '1', '60', '3600', '86400'),
  ),
  'humanizeDuration of fractions': of(
    each('humanizeDuration'),
    '100ms:100us:123.5ms:1m 0s:1m 0s:1.234s:12.35s:',
    floats(0.1, 0.0001, 0.123_45, 60.1, 60.5, 1.2345, 12.345),
  ),
  'humanizeDuration of fractions as texts': of(
    each('humanizeDuration'),
    '100ms:100us:123.5ms:1m 0s:1m 0s:1.234s:12.35s:',
    texts('.1', '.0001', '.12345', '60.1', '60.5', '1.2345', '12.345'),
  ),
  'humanizeDuration of ints': of(
    each('humanizeDuration'),
    '0s:-1s:1s:14d 6h 56m 7s:',
    ints(0, -1, 1, 1_234_567),
  ),
  'infinity and NaN': of(
    ALL_HUMANIZE,
    ALL_SPECIAL,
    floats(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN),
  ),
  'infinity and NaN as texts': of(ALL_HUMANIZE, ALL_SPECIAL, texts('+Inf', '-Inf', 'NaN')),
  'humanizePercentage of floats': of(
    '{{ -0.22222 | humanizePercentage }}:{{ 0.0 | humanizePercentage }}:{{ 0.1234567 | humanizePercentage }}:{{ 1.23456 | humanizePercentage }}',
    '-22.22%:0%:12.35%:123.5%',
  ),
  'humanizePercentage of ints': of(
    each('humanizePercentage'),
    '0%:-100%:100%:1.235e+08%:9.223e+20%:',
    ints(0, -1, 1, 1_234_567, MAX_INT64),
  ),
  'humanizePercentage of unsigned ints': of(
    each('humanizePercentage'),
    '0%:100%:1.235e+08%:1.845e+21%:',
    ints(0, 1, 1_234_567, 2 ** 64),
  ),
  'humanizePercentage of texts': of(
    '{{ "-0.22222" | humanizePercentage }}:{{ "0.0" | humanizePercentage }}:{{ "0.1234567" | humanizePercentage }}:{{ "1.23456" | humanizePercentage }}',
    '-22.22%:0%:12.35%:123.5%',
  ),
  'humanizeTimestamp of ints': of(
    each('humanizeTimestamp'),
    '1970-01-01 00:00:00 +0000 UTC:1969-12-31 23:59:59 +0000 UTC:1970-01-01 00:00:01 +0000 UTC:1970-01-15 06:56:07 +0000 UTC:2262-04-11 23:47:16 +0000 UTC:',
    ints(0, -1, 1, 1_234_567, 9_223_372_036),
  ),
  'humanizeTimestamp of a float': of(
    '{{ 1435065584.128 | humanizeTimestamp }}',
    '2015-06-23 13:19:44.128 +0000 UTC',
  ),
  'humanizeTimestamp of a text': of(
    '{{ "1435065584.128" | humanizeTimestamp }}',
    '2015-06-23 13:19:44.128 +0000 UTC',
  ),
  'toTime of a float': of('{{ (1435065584.128 | toTime).Format "2006" }}', '2015'),
  'toTime of a text': of('{{ ("1435065584.128" | toTime).Format "2006" }}', '2015'),
  'toDuration of a float': of('{{ (1800.0 | toDuration).String }}', '30m0s'),
  'toDuration of a text': of(
    '{{ ("3601.5" | toDuration).String }} {{ toDuration 0.0015 }}',
    '1h0m1.5s 1.5ms',
  ),
  now: of('{{ now }}', '1.353755652e+09'),
  'now as a time': of('{{ (now | toTime).Format "Mon Jan 2 15:04:05 2006" }}', 'Sat Nov 24 11:14:12 2012'),
  'now, a day before': of('{{ ((now | toTime).AddDate 0 0 -1).Unix }}', '1353669252'),
  title: of('{{ "aa bb CC" | title }}', 'Aa Bb CC'),
  toUpper: of('{{ "aa bb CC" | toUpper }}', 'AA BB CC'),
  toLower: of('{{ "aA bB CC" | toLower }}', 'aa bb cc'),
  match: of('{{ match "a+" "aa" }} {{ match "a+" "b" }}', 'true false'),
  graphLink: of('{{ graphLink "up" }}', '/graph?g0.expr=up&g0.tab=0'),
  tableLink: of('{{ tableLink "up" }}', '/graph?g0.expr=up&g0.tab=1'),
  pathPrefix: of('{{ pathPrefix }}', '/path/prefix'),
  externalURL: of('{{ externalURL }}', 'http://testhost:9090/path/prefix'),
  parseDuration: of('{{ printf "%0.2f" (parseDuration "1h2m10ms") }}', '3720.01'),
  'stripDomain of a host': of('{{ "foo.example.com" | stripDomain }}', 'foo'),
  'stripDomain of a host with a port': of('{{ "foo.example.com:12345" | stripDomain }}', 'foo:12345'),
  'stripDomain of IPv4': of('{{ "192.0.2.1" | stripDomain }}', '192.0.2.1'),
  'stripDomain of IPv4 with a port': of('{{ "192.0.2.1:12345" | stripDomain }}', '192.0.2.1:12345'),
  'stripDomain of IPv6': of('{{ "2001:0DB8::1" | stripDomain }}', '2001:0DB8::1'),
  'stripDomain of IPv6 with a port': of('{{ "[2001:0DB8::1]:12345" | stripDomain }}', '[2001:0DB8::1]:12345'),
  'stripDomain of no address': of('{{ "[2001:0DB8::1]::12345" | stripDomain }}', '[2001:0DB8::1]::12345'),
  urlQueryEscape: of('{{ urlQueryEscape "a b&c=ä" }}', 'a+b%26c%3D%C3%A4'),
  safeHtml: of('{{ "<b>" | safeHtml }}', '<b>'),
};

describe("Prometheus's own cases", () => {
  it.each(Object.entries(CASES))('%s', (_, { template, expected, dot = NIL, samples }) => {
    expect(expand(template, dot, samples)).toBe(expected);
  });

  const notANumber = (name: string): string =>
    `error calling ${name}: strconv.ParseFloat: parsing "one": invalid syntax`;
  it.each<[string, string, Value?]>([
    ['{{\u00a0}}', 'unexpected `\u00a0`'],
    ['{{', 'this `{{` is not closed by `}}`'],
    ['{{ query "missing" | first }}', 'error calling first: first() called on vector with no elements'],
    ['{{ (query "missing").banana }}', "can't evaluate field banana in type template.queryResult"],
    ['{{ humanize "one" }}', notANumber('humanize')],
    ['{{ humanize1024 "one" }}', notANumber('humanize1024')],
    ['{{ humanizeDuration "one" }}', notANumber('humanizeDuration')],
    ['{{ "one" | humanizePercentage }}', notANumber('humanizePercentage')],
    [
      each('humanizeTimestamp'),
      'error calling humanizeTimestamp: -9.223372036854776e+18 cannot be represented as a nanoseconds timestamp since it overflows int64',
      ints(-MAX_INT64),
    ],
    [
      each('humanizeTimestamp'),
      'error calling humanizeTimestamp: 1.8446744073709552e+19 cannot be represented as a nanoseconds timestamp since it overflows int64',
      ints(2 ** 64),
    ],
    ['{{ range . }}{{ end }}', "range can't iterate over true", bool(true)],
  ])('%s fails', (template, message, dot = NIL) => {
    expect(() => expand(template, dot)).toThrow(message);
  });

  it.each([1e300, -1e300])('toTime refuses %d', (seconds) => {
    expect(() => expand('{{ toTime . }}', float(seconds))).toThrow('overflows int64');
  });
});

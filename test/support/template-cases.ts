/** A template, what it is expanded with, and what Prometheus makes of it. */
export interface TemplateCase {
  readonly template: string;
  readonly value?: number;
  readonly expected: string;
}

/** The labels of every case. */
export const TEMPLATE_LABELS = { service: 'check-out v2', zone: 'eu_west' } as const;

/** The value of a case that names none. */
export const TEMPLATE_VALUE = 812.3456;

const of = (template: string, expected: string, value?: number): TemplateCase =>
  value === undefined ? { template, expected } : { template, expected, value };

/** By a sentence that says what each is about. The live suite has promtool judge every one of them. */
export const TEMPLATE_CASES: Readonly<Record<string, TemplateCase>> = {
  'text without actions stays as it is': of('p99 is {high} 100 %', 'p99 is {high} 100 %'),
  'a label': of('{{ $labels.service }}', 'check-out v2'),
  'a label by its long name': of('{{ .Labels.service }}', 'check-out v2'),
  'a label that is not there is empty': of('[{{ $labels.nope }}]', '[]'),
  'all labels': of('{{ $labels }}', 'map[service:check-out v2 zone:eu_west]'),
  'the value': of('{{ $value }}', '812.3456'),
  'the value by its long name': of('{{ .Value }}', '812.3456'),
  'a whole value has no point': of('{{ $value }}', '500', 500),
  'a large value has an exponent': of('{{ $value }}', '1.2345678e+07', 12_345_678),
  'a million has an exponent': of('{{ $value }}', '1e+06', 1_000_000),
  'just below a million has none': of('{{ $value }}', '999999', 999_999),
  'a small value has an exponent': of('{{ $value }}', '2e-05', 0.000_02),
  'not quite so small has none': of('{{ $value }}', '0.0002', 0.000_2),
  'a negative value': of('{{ $value }}', '-3.5', -3.5),
  'text around actions': of('p99 {{ $value }} ms at {{ $labels.zone }}!', 'p99 812.3456 ms at eu_west!'),
  'no blanks inside the braces': of('{{$labels.zone}}{{$value}}', 'eu_west812.3456'),
  'blanks cut on both sides': of('a  {{- " b " -}}  c', 'a b c'),
  'NaN is greater than a number, as in Go': of(
    '{{ gt $value 1.0 }} {{ ge $value 1.0 }} {{ lt $value 1.0 }} {{ printf "%06.1f" $value }}',
    'true true false    NaN',
    Number.NaN,
  ),
  'a comment': of('a{{/* }} not yet */}}b', 'ab'),
  'braces inside a string': of('{{ "}}" }}', '}}'),
  'a raw string': of('{{ `a"b\\n` }}', 'a"b\\n'),
  'escapes in a string': of('{{ "a\\tb\\u00e9\\x41" }}', 'a\tbéA'),
  'a number': of('{{ 1.50 }} {{ 7 }} {{ -2 }} {{ 0x10 }} {{ 1e3 }}', '1.5 7 -2 16 1000'),
  'a boolean': of('{{ true }}', 'true'),
  'printf with decimals': of('{{ printf "%.2f" $value }}', '812.35'),
  'printf at the end of a pipe': of('{{ $value | printf "%.0f" }}', '812'),
  'printf rounds an exact half to the even digit, down': of('{{ printf "%.0f" $value }}', '2', 2.5),
  'printf rounds an exact half to the even digit, up': of('{{ printf "%.0f" $value }}', '4', 3.5),
  'printf rounds an exact half below one': of('{{ printf "%.0f %.1f" $value 0.25 }}', '0 0.2', 0.5),
  'printf does not take 1.45 for a half': of('{{ printf "%.1f" $value }}', '1.4', 1.45),
  'printf without decimals says six': of('{{ printf "%f" $value }}', '812.345600'),
  'printf with a point only says none': of('{{ printf "%.f" $value }}', '812'),
  'printf pads': of(
    '{{ printf "[%8.1f] [%-8.1f] [%08.1f] [%+.1f]" $value $value $value $value }}',
    '[   812.3] [812.3   ] [000812.3] [+812.3]',
  ),
  'printf in exponents': of(
    '{{ printf "%e %.2e %.0e" $value $value $value }}',
    '8.123456e+02 8.12e+02 8e+02',
  ),
  'printf in the shorter form': of(
    '{{ printf "%g %.3g %.2g %.1g" $value $value $value $value }}',
    '812.3456 812 8.1e+02 8e+02',
  ),
  'printf of a text': of(
    '{{ printf "%s|%10s|%-14s|%.3s" $labels.zone $labels.zone $labels.zone $labels.zone }}',
    'eu_west|   eu_west|eu_west       |eu_',
  ),
  'printf in quotes': of('{{ printf "%q" "say \\"hi\\"\\n" }}', '"say \\"hi\\"\\n"'),
  'printf of an int': of('{{ printf "%d %03d" 7 7 }}', '7 007'),
  'printf of a percent sign': of('{{ printf "%.1f%%" $value }}', '812.3%'),
  'printf of anything': of('{{ printf "%v %v %v" $value $labels.zone 3 }}', '812.3456 eu_west 3'),
  'printf %d of a float': of('{{ printf "%d" $value }}', '%!d(float64=812.3456)'),
  'printf %s of a float': of('{{ printf "%s" $value }}', '%!s(float64=812.3456)'),
  'printf %f of a text': of('{{ printf "%f" $labels.zone }}', '%!f(string=eu_west)'),
  'printf without a value': of('{{ printf "%f" }}', '%!f(MISSING)'),
  'printf with too many values': of('{{ printf "%.0f" $value "x" }}', '812%!(EXTRA string=x)'),
  'humanize of thousands': of('{{ humanize $value }}', '1.235M', 1_234_567),
  'humanize of a number to 1000': of('{{ humanize $value }}', '999.9', 999.94),
  'humanize that rounds to 1000': of('{{ humanize $value }}', '1000', 999.96),
  'humanize of a fraction': of('{{ humanize $value }}', '1.23m', 0.001_23),
  'humanize of a tiny fraction': of('{{ humanize $value }}', '4.56u', 0.000_004_56),
  'humanize of zero': of('{{ humanize 0.0 }}', '0'),
  'humanize of a negative number': of('{{ humanize $value }}', '-4.321k', -4_321),
  'humanize of a text that is a number': of('{{ humanize "1500" }}', '1.5k'),
  'humanize of more than there are prefixes for': of('{{ humanize $value }}', '1e+06Y', 1e30),
  'humanize1024 of bytes': of('{{ humanize1024 $value }}', '4.883ki', 5_000),
  'humanize1024 of one': of('{{ humanize1024 $value }}', '1', 1),
  'humanize1024 of less than one': of('{{ humanize1024 $value }}', '0.25', 0.25),
  'humanize1024 of gibibytes': of('{{ humanize1024 $value }}', '2Gi', 2_147_483_648),
  'humanizeDuration of seconds': of('{{ humanizeDuration $value }}', '12.35s', 12.345_6),
  'humanizeDuration of minutes': of('{{ humanizeDuration $value }}', '13m 32s'),
  'humanizeDuration of hours': of('{{ humanizeDuration $value }}', '2h 0m 5s', 7_205),
  'humanizeDuration of days': of('{{ humanizeDuration $value }}', '1d 1h 1m 1s', 90_061),
  'humanizeDuration of milliseconds': of('{{ humanizeDuration $value }}', '250ms', 0.25),
  'humanizeDuration of microseconds': of('{{ humanizeDuration $value }}', '42us', 0.000_042),
  'humanizeDuration of nothing': of('{{ humanizeDuration 0.0 }}', '0s'),
  'humanizeDuration of a negative time': of('{{ humanizeDuration $value }}', '-1m 1s', -61),
  'humanizePercentage of a share': of('{{ humanizePercentage $value }}', '7.256%', 0.072_56),
  'humanizePercentage of a small share': of('{{ humanizePercentage $value }}', '0.01235%', 0.000_123_456),
  'humanizePercentage of more than all': of('{{ $value | humanizePercentage }}', '123.5%', 1.234_567),
  'humanizeTimestamp of a whole second': of(
    '{{ humanizeTimestamp $value }}',
    '2015-01-01 00:00:00 +0000 UTC',
    1_420_070_400,
  ),
  'humanizeTimestamp with milliseconds': of(
    '{{ $value | humanizeTimestamp }}',
    '2015-01-01 00:00:00.249 +0000 UTC',
    1_420_070_400.25,
  ),
  'humanizeTimestamp before 1970': of(
    '{{ humanizeTimestamp $value }}',
    '1969-12-31 23:59:58.5 +0000 UTC',
    -1.5,
  ),
  'stripPort of an address': of(
    '{{ stripPort "10.0.0.1:9090" }} {{ "host:80" | stripPort }}',
    '10.0.0.1 host',
  ),
  'stripPort of an IPv6 address': of('{{ stripPort "[::1]:80" }} {{ stripPort "::1" }}', '::1 ::1'),
  'stripPort without a port': of('{{ stripPort "host" }}{{ stripPort "" }}', 'host'),
  title: of('{{ title $labels.service }} {{ $labels.zone | title }}', 'Check-Out V2 Eu_west'),
  'toUpper and toLower': of('{{ toUpper $labels.zone }} {{ "ABC" | toLower }}', 'EU_WEST abc'),
  'a pipe of several stages': of('{{ $value | printf "%.0f" | printf "%s ms" | toUpper }}', '812 MS'),
  'a pipe in parentheses': of('{{ printf "%s!" ($labels.zone | toUpper) }}', 'EU_WEST!'),
  'if above': of('{{ if gt $value 500.0 }}slow{{ end }}', 'slow'),
  'if not above': of('{{ if gt $value 900.0 }}slow{{ end }}.', '.'),
  'if and else': of('{{ if lt $value 500.0 }}fast{{ else }}slow{{ end }}', 'slow'),
  'else if': of('{{ if lt $value 1.0 }}a{{ else if lt $value 1000.0 }}b{{ else }}c{{ end }}!', 'b!'),
  'if inside if': of('{{ if true }}{{ if false }}a{{ else }}b{{ end }}c{{ end }}d', 'bcd'),
  'if on a text': of('{{ if $labels.zone }}in {{ $labels.zone }}{{ end }}', 'in eu_west'),
  'if on an empty text': of('{{ if $labels.nope }}a{{ else }}b{{ end }}', 'b'),
  'if on zero': of('{{ if 0 }}a{{ else }}b{{ end }}', 'b'),
  'eq of texts': of('{{ eq $labels.zone "eu_west" }} {{ eq $labels.zone "x" "eu_west" }}', 'true true'),
  'ne ge le': of('{{ ne 1 2 }} {{ ge 2.0 2.0 }} {{ le 3.0 2.0 }} {{ lt "a" "b" }}', 'true true false true'),
  'a variable of its own': of('{{ $x := "a" }}{{ $x }}{{ $x = "b" }}{{ $x }}', 'ab'),
  'a variable in a pipe of an if': of('{{ if $x := $labels.zone }}{{ $x }}{{ end }}', 'eu_west'),
  'a variable that a block assigns': of('{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'),
  'a variable that a block declares': of('{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}', '1'),
  'range over labels': of(
    '{{ range $n, $v := $labels }}{{ $n }}={{ $v }};{{ end }}',
    'service=check-out v2;zone=eu_west;',
  ),
  'range with one variable': of('{{ range $v := $labels }}{{ $v }};{{ end }}', 'check-out v2;eu_west;'),
  'range that stops': of('{{ range $labels }}{{ break }}{{ end }}.', '.'),
  'range that skips': of(
    '{{ range $n, $v := $labels }}{{ if eq $n "zone" }}{{ continue }}{{ end }}{{ $v }}{{ end }}',
    'check-out v2',
  ),
  'with a value': of('{{ with $labels.zone }}in {{ . }}{{ else }}nowhere{{ end }}', 'in eu_west'),
  'with nothing': of('{{ with $labels.nope }}in {{ . }}{{ else }}nowhere{{ end }}', 'nowhere'),
  'with keeps the root': of('{{ with $labels.zone }}{{ $.Value }}{{ end }}', '812.3456'),
  'a definition': of('{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" $labels.zone }}', '<eu_west>'),
  'a definition with arguments': of(
    '{{ define "x" }}{{ .arg1 }}{{ .arg0 }}{{ end }}{{ template "x" (args 1 "b") }}',
    'b1',
  ),
  'a block': of('{{ block "x" $labels.zone }}<{{ . }}>{{ end }}', '<eu_west>'),
  'index, len, slice': of(
    '{{ index $labels "zone" }} {{ len $labels }} {{ len "äb" }} {{ slice "abcd" 1 3 }}',
    'eu_west 2 3 bc',
  ),
  'print, println, html, urlquery': of(
    '{{ print 1 2 "x" 3 }}|{{ println "a" 1 }}|{{ html "<a>" }}|{{ urlquery "a b/ä" }}',
    '1 2x3|a 1\n|&lt;a&gt;|a+b%2F%C3%A4',
  ),
  'printf in other bases': of(
    '{{ printf "%x %X %o %b %c %U %x %T" 255 255 8 5 65 65 "hi" $value }}',
    'ff FF 10 101 A U+0041 6869 float64',
  ),
  'match and reReplaceAll': of(
    '{{ match "^eu" $labels.zone }} {{ reReplaceAll "(\\\\w+)-(\\\\w+)" "${2}_$1" $labels.service }}',
    'true out_check v2',
  ),
  'reReplaceAll of nothing': of('{{ reReplaceAll "x*" "-" "abxc" }}', '-a-b-c-'),
  'reReplaceAll with a group that is none': of(
    '{{ reReplaceAll "(a)" "$1x" "ab" }}|{{ reReplaceAll "(a)" "$$1" "ab" }}',
    'b|$1b',
  ),
  'parseDuration and toTime': of(
    '{{ parseDuration "1h2m" }} {{ (toTime 1435065584).Format "Mon, 02 Jan 2006 15:04:05" }}',
    '3720 Tue, 23 Jun 2015 13:19:44',
  ),
  'a time': of(
    '{{ toTime 1435065584.5 }} {{ (toTime 0).Year }} {{ ((toTime 0).AddDate 0 1 2).Format "1/2" }}',
    '2015-06-23 13:19:44.5 +0000 UTC 1970 2/3',
  ),
  links: of(
    '{{ graphLink "up == 0" }} {{ tableLink "a+b" }}',
    '/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=a%2Bb&g0.tab=1',
  ),
  stripDomain: of('{{ stripDomain "a.b.c:80" }} {{ stripDomain "10.0.0.1:80" }}', 'a:80 10.0.0.1:80'),
  'and and or decide early': of('{{ and false (first 1) }}{{ or "x" (first 1) }}', 'falsex'),
  'no value': of('{{ (args 1).arg7 }}', '<no value>'),
  'and, or, not': of('{{ and true 0 }} {{ or 0 "x" }} {{ not $value }}', '0 x false'),
};

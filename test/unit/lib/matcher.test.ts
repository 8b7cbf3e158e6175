import { describe, expect, it } from 'vitest';
import { isCatchAll, matchersText, matches, parseMatchers } from '../../../src/lib/matcher.ts';

const labels = {
  team: 'shop',
  severity: 'page',
  empty: '',
  dashed: 'shop-ops',
  braces: 'a{b}',
  'service.name': 'checkout',
};

describe('a matcher', () => {
  it.each([
    ['team="shop"', true],
    ['team="sho"', false],
    ['team != "shop"', false],
    ['team!="ops"', true],
    ['severity=~"page|ticket"', true],
    ['severity=~"pag"', false],
    ['severity=~"(?i)PAGE"', true],
    ['severity!~"p.*"', false],
    ['severity!~"t.*"', true],
    // A label that is missing is empty.
    ['absent=""', true],
    ['empty=""', true],
    ['absent!="x"', true],
    ['absent=~".+"', false],
    ['team=shop', true],
    ['team = shop , severity=page', true],
    ['{team="shop",severity="ticket"}', false],
    ['{team="shop",severity="page",}', true],
    [String.raw`team=~"s\w+"`, true],
    [String.raw`team!="a\"b"`, true],
    // Alertmanager's patterns are RE2, which reads some things that JavaScript does not.
    [String.raw`dashed=~"shop\-.*"`, true],
    [String.raw`dashed=~"shop\-o\_.*"`, false],
    ['team=~"[[:alpha:]]+"', true],
    ['team=~"(?P<first>s).*"', true],
    [String.raw`team=~"\Ashop\z"`, true],
    ['braces=~"a{b}"', true],
    // Names with other characters are in quotes, or bare, as in Alertmanager 0.27.
    ['"service.name"="checkout"', true],
    ['{ "service.name" =~ "cart|checkout", team="shop" }', true],
    ['service.name="checkout"', true],
    ['"service.name"!="checkout"', false],
  ])('%s: %s', (text, expected) => {
    const read = parseMatchers(text);
    expect(read.ok && matches(read.matchers, labels)).toBe(expected);
    expect(read.ok).toBe(true);
  });

  it('is written as it can be read', () => {
    const text = String.raw`team="sh\"op", severity=~"page|ticket"`;
    const read = parseMatchers(text);
    expect(read.ok && matchersText(read.matchers)).toBe(text);
  });

  it('has its name in quotes where it must', () => {
    const text = '"service.name"="checkout", team="shop"';
    const read = parseMatchers(text);
    expect(read.ok && matchersText(read.matchers)).toBe(text);
  });

  it.each([
    ['', 0, /is empty/],
    ['""="x"', 0, /not valid here/],
    ['{}', 0, /is empty/],
    ['team', 0, /not valid here/],
    ['="x"', 0, /not valid here/],
    ['a="b" c="d"', 6, /comma/],
    ['a="b', 2, /comma/],
    ['a="b", 1c="d"', 6, /not valid here/],
    ['a=~"("', 3, /has an invalid regular expression: missing closing \)$/],
    // Alertmanager has neither.
    ['a=~"x(?=y)"', 3, /invalid regular expression: invalid or unsupported Perl syntax: `\(\?=`/],
    [String.raw`a=~"(x)\1"`, 3, /invalid regular expression: invalid escape sequence: `\\1`/],
    [`a=~"${'a{1000}'.repeat(11)}"`, 3, /regular expression: too large/],
    [`a=~"${'a'.repeat(4_097)}"`, 3, /regular expression: longer than 4096 characters/],
  ])('with a mistake is refused with its place: %s', (text, at, message) => {
    const read = parseMatchers(text);
    expect(read).toMatchObject({ ok: false, at });
    expect(read.ok ? '' : read.message).toMatch(message);
  });

  it('an empty list matches everything', () => {
    expect(matches([], labels)).toBe(true);
  });
});

/** A matcher for the label `a`, which must match the whole pattern. */
const patternMatcher = (value: string) => ({ label: 'a', operator: '=~', value }) as const;
const quoted = (pattern: string): string => `a=~"${pattern.replaceAll(/["\\]/g, '\\$&')}"`;

describe('a pattern is RE2', () => {
  it.each([
    ['cart|checkout', ['cart', 'checkout'], ['carts', 'my cart', '']],
    ['a.c', ['abc', 'a\nc', 'a😀c'], ['ac']],
    ['(?i)Cart', ['cart', 'CART'], ['card']],
    ['(?:a|b)+', ['abba'], ['']],
    ['(?P<name>x)y', ['xy'], ['x']],
    ['[a-c]\\d+', ['b12'], ['d1', 'b']],
    ['[]a]+', [']a'], ['b']],
    ['[^]a]', ['b'], [']', 'a']],
    ['[[:alpha:]_]+', ['a_Z'], ['a1']],
    ['a{2,3}', ['aa', 'aaa'], ['a', 'aaaa']],
    ['a{b', ['a{b'], ['ab']],
    ['a}b]', ['a}b]'], ['ab']],
    ['5\\.0', ['5.0'], ['510']],
    ['a\\-b\\_c', ['a-b_c'], ['abc']],
    ['\\Qa.b\\E.', ['a.bx'], ['axbx']],
    ['\\s', [' ', '\t'], ['\u00a0', '\v']],
    ['^a$', ['a'], ['aa']],
    ['500(\\.0)?', ['500', '500.0'], ['5000']],
    ['\\x41\\x{1F600}', ['A😀'], ['A']],
    ['', [''], ['a']],
    // JavaScript has no equal for these.
    ['\\pL+', ['é'], ['1']],
    ['a(?i)b', ['aB'], ['AB']],
    ['(?i:a)b', ['Ab'], ['AB']],
    ['[[:^alpha:]]', ['1'], ['a']],
  ])('%s', (source, matching, others) => {
    const isMatch = (a: string): boolean => matches([patternMatcher(source)], { a });
    expect(parseMatchers(quoted(source))).toEqual({ ok: true, matchers: [patternMatcher(source)] });
    expect(matching.filter((text) => !isMatch(text))).toEqual([]);
    expect(others.filter(isMatch)).toEqual([]);
    // Results are remembered.
    expect(matching.filter((text) => !isMatch(text))).toEqual([]);
  });

  it.each([
    '(',
    ')',
    'a)',
    '[a',
    '*',
    'a**',
    'a{1001}',
    '(?=a)',
    '(?<=a)b',
    '\\',
    '[[:nope:]]',
    '\\xZ',
    '\\C',
    '(a)\\1',
    '[\\b]',
  ])('that is wrong is refused: %s', (source) => {
    expect(parseMatchers(quoted(source))).toMatchObject({ ok: false, at: 3 });
  });

  it.each([
    ['repeated groups', '(a+)+'],
    ['repeated alternatives', '(a|a)*'],
    ['a counted group', '(a|aa){20}'],
    ['a repeated group behind an empty quotation', String.raw`(a+)\Q\E*`],
    ['many repetitions', '(.*)'.repeat(1_000)],
    ['many optional characters', 'a?'.repeat(1_000)],
    ['alternatives in alternatives', '((a|a)|(a|a))'.repeat(10)],
  ])('that backtracks in JavaScript is matched in linear time: %s', (_, pattern) => {
    const source = `${pattern}!`;
    expect(parseMatchers(quoted(source)).ok).toBe(true);
    const started = performance.now();
    expect(matches([patternMatcher(source)], { a: `${'a'.repeat(62)}b` })).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('matchers that match nearly everything', () => {
  const isAll = (text: string): boolean => {
    const read = parseMatchers(text);
    if (!read.ok) throw new Error(read.message);
    return isCatchAll(read.matchers);
  };

  it.each(['service=~".*"', 'service=~".+"', 'severity!="page"', 'team!~"a|b"', 'team=""'])(
    '%s does',
    (text) => {
      expect(isAll(text)).toBe(true);
    },
  );

  it.each(['service="checkout"', 'service=~"pay.*"', 'service="a",severity!="page"', 'team=~"a|b"'])(
    '%s does not',
    (text) => {
      expect(isAll(text)).toBe(false);
    },
  );
});

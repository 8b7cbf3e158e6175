import { describe, expect, it } from 'vitest';
import { matchersText, matches, parseMatchers } from '../../../src/lib/matcher.ts';

const labels = { team: 'shop', severity: 'page', empty: '', dashed: 'shop-ops', braces: 'a{b}' };

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

  it.each([
    ['', 0, /is empty/],
    ['{}', 0, /is empty/],
    ['team', 0, /no matcher/],
    ['="x"', 0, /no matcher/],
    ['a="b" c="d"', 6, /comma/],
    ['a="b', 2, /comma/],
    ['a="b", 1c="d"', 6, /no matcher/],
    ['a=~"("', 3, /regular expression/],
    ['a=~"(?i:x)y"', 3, /regular expression/],
    // Alertmanager has neither.
    ['a=~"x(?=y)"', 3, /regular expression/],
    [String.raw`a=~"(x)\1"`, 3, /regular expression/],
  ])('with a mistake is refused with its place: %s', (text, at, message) => {
    const read = parseMatchers(text);
    expect(read).toMatchObject({ ok: false, at });
    expect(read.ok ? '' : read.message).toMatch(message);
  });

  it('that is none holds for everything', () => {
    expect(matches([], labels)).toBe(true);
  });
});

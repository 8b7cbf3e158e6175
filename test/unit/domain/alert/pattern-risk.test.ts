import { describe, expect, it } from 'vitest';
import { isCatchAll, parseMatchers } from '../../../../src/domain/alert/matcher.ts';
import { patternRisk } from '../../../../src/domain/alert/pattern-risk.ts';

describe('a pattern that anybody may send', () => {
  it.each([
    ['alternatives', 'checkout|cart'],
    ['a beginning', 'pay.*'],
    ['a class with letters that repeat elsewhere', '[a-z*+]+-db'],
    ['a group that stands once', '(pay|cart)-.*'],
    ['escaped signs', 'a\\)\\*b\\+c'],
    ['a count', '[0-9]{3}'],
  ])('%s is run', (_, pattern) => {
    expect(patternRisk(pattern)).toBeUndefined();
  });

  it.each([
    ['a repeated group, which takes for ever', '(a+)+$'],
    ['repeated alternatives, which do too', '(a|a)*b'],
    ['a counted group', '(a|aa){20}b'],
    ['a look ahead', '(?=a).*'],
    ['a look behind', '(?<!a)b'],
    ['a reference back', '(a)\\1'],
    ['many repetitions', '.*a.*b.*c.*d.*'],
    ['a long one', 'a'.repeat(301)],
  ])('%s is refused', (_, pattern) => {
    expect(patternRisk(pattern)).toBeTypeOf('string');
  });

  it('what is run is through in no time, on the longest label too', () => {
    const slowest = /^(?:.*.*.*.*x)$/su;
    const startedAt = performance.now();
    slowest.test('a'.repeat(200));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(patternRisk('.*.*.*.*x')).toBeUndefined();
  });
});

describe('matchers that hold back whatever comes', () => {
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

import { describe, expect, it } from 'vitest';
import { compileAnchored, UntranslatableExpression } from '../../../src/lib/regular-expression.ts';

const compile = (source: string): RegExp => compileAnchored(source, { dotMatchesNewline: true });

describe('an RE2 expression', () => {
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
  ])('%s', (source, matching, others) => {
    const expression = compile(source);
    expect(matching.filter((text) => !expression.test(text))).toEqual([]);
    expect(others.filter((text) => expression.test(text))).toEqual([]);
  });

  it('whose dot does not match a line break in Prometheus 2', () => {
    const expression = compileAnchored('a.c', { dotMatchesNewline: false });
    expect(expression.test('a\nc')).toBe(false);
    expect(expression.test('a\u2028c')).toBe(true);
  });

  it.each(['(', ')', 'a)', '[a', '*', 'a**', 'a{1001}', '(?=a)', '(?<=a)b', '\\', '[[:nope:]]', '\\xZ'])(
    'that is wrong is refused: %s',
    (source) => {
      expect(() => compile(source)).toThrow(SyntaxError);
    },
  );

  it.each(['\\pL', '\\C', '(a)\\1', 'a(?i)b', '(?i:a)b', '[\\b]', '[[:^alpha:]]'])(
    'that JavaScript cannot say is refused by name: %s',
    (source) => {
      expect(() => compile(source)).toThrow(UntranslatableExpression);
    },
  );
});

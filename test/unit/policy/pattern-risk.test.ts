import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCatchAll, parseMatchers } from '../../../src/lib/matcher.ts';
import { MOST_WAYS, patternRisk } from '../../../src/policy/pattern-risk.ts';

type Node =
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'times'; readonly sign: string; readonly how: '*' | '+' | '?' }
  | { readonly kind: 'row'; readonly of: readonly Node[] }
  | { readonly kind: 'group'; readonly of: readonly Node[]; readonly isOptional: boolean };

/** The longest name that Kubernetes allows, with a letter at its end that is nowhere else. */
const NAME = `${'a'.repeat(62)}b`;

const anySign = fc.constantFrom('a', '.', 'b', 'x');
const { node: anyNode } = fc.letrec<{ node: Node; part: Node }>((tie) => ({
  node: fc.record({ kind: fc.constant('row' as const), of: fc.array(tie('part'), { maxLength: 24 }) }),
  part: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('sign' as const), text: anySign }),
    fc.record({
      kind: fc.constant('times' as const),
      sign: anySign,
      how: fc.constantFrom('?', '?', '?', '?', '*', '+'),
    }),
    fc.record({
      kind: fc.constant('group' as const),
      of: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
      isOptional: fc.boolean(),
    }),
  ),
}));

function textOf(node: Node): string {
  switch (node.kind) {
    case 'sign':
      return node.text;
    case 'times':
      return node.sign + node.how;
    case 'row':
      return node.of.map(textOf).join('');
    case 'group':
      return `(?:${node.of.map(textOf).join('|')})${node.isOptional ? '?' : ''}`;
  }
}

/** Tries everything, as JavaScript's engine does, and counts the signs that it looks at. */
function attempt(whole: Node, text: string): { readonly steps: number; readonly isMatch: boolean } {
  let steps = 0;
  const fits = (sign: string, at: number): boolean => {
    steps += 1;
    return at < text.length && (sign === '.' || sign === text[at]);
  };
  type Then = (at: number) => boolean;
  function repeat(sign: string, at: number, then: Then): boolean {
    return (fits(sign, at) && repeat(sign, at + 1, then)) || then(at);
  }
  function times({ sign, how }: Extract<Node, { kind: 'times' }>, at: number, then: Then): boolean {
    if (how === '*') return repeat(sign, at, then);
    if (how === '+') return fits(sign, at) && repeat(sign, at + 1, then);
    return (fits(sign, at) && then(at + 1)) || then(at);
  }
  function row(nodes: readonly Node[], at: number, then: Then): boolean {
    const [first, ...rest] = nodes;
    return first === undefined ? then(at) : run(first, at, (next) => row(rest, next, then));
  }
  function run(node: Node, at: number, then: Then): boolean {
    switch (node.kind) {
      case 'sign':
        return fits(node.text, at) && then(at + 1);
      case 'times':
        return times(node, at, then);
      case 'row':
        return row(node.of, at, then);
      case 'group':
        return node.of.some((each) => run(each, at, then)) || (node.isOptional && then(at));
    }
  }
  return { isMatch: run(whole, 0, (at) => at === text.length), steps };
}

describe('a pattern that anybody may send', () => {
  it.each([
    ['alternatives', 'checkout|cart'],
    ['a beginning', 'pay.*'],
    ['a class with letters that repeat elsewhere', '[a-z*+]+-db'],
    ['a group that stands once', '(pay|cart)-.*'],
    ['escaped signs', 'a\\)\\*b\\+c'],
    ['a count', '[0-9]{3}'],
    ['counts', '[0-9]{3}-[a-z]{2}-[0-9]{3}-[a-z]{5}'],
    ['as many repetitions as there may be', '.*.*.*x'],
    ['as many optional signs as there may be', `${'.?'.repeat(18)}x`],
    ['as many groups of two as there may be', `${'(?:a|b)'.repeat(18)}x`],
    ['a long list of names', Array.from({ length: 60 }, (_, index) => `s${index}`).join('|')],
  ])('%s is run', (_, pattern) => {
    expect(patternRisk(pattern)).toBeUndefined();
  });

  it.each([
    ['a repeated group, which takes for ever', '(a+)+$'],
    ['repeated alternatives, which do too', '(a|a)*b'],
    ['a counted group', '(a|aa){20}b'],
    ['a repeated group behind an empty quotation', String.raw`(a+)\Q\E*`],
    ['many repetitions', '.*a.*b.*c.*d.*'],
    ['one repetition more', '.*.*.*.*x'],
    ['many optional signs, which double with every sign', `${'.?'.repeat(19)}x`],
    ['many groups that stand once, which do too', `${'(a|a)'.repeat(19)}x`],
    ['many optional groups', `${'(?:a)?'.repeat(19)}x`],
    ['alternatives in alternatives', `${'((a|a)|(a|a))'.repeat(10)}x`],
    ['a long one', 'a'.repeat(301)],
  ])('%s is refused', (_, pattern) => {
    expect(patternRisk(pattern)).toBeTypeOf('string');
  });

  it('what is run is tried on a name in few steps, whatever it is made of', () => {
    let run = 0;
    fc.assert(
      fc.property(anyNode, (node) => {
        const pattern = textOf(node);
        if (patternRisk(pattern) !== undefined) return;
        run += 1;
        const { steps, isMatch } = attempt(node, NAME);
        expect(isMatch).toBe(new RegExp(`^(?:${pattern})$`, 'su').test(NAME));
        // Every way of the choices is gone once at most, and passes each sign of the pattern for each letter at most.
        expect(steps).toBeLessThanOrEqual(MOST_WAYS * pattern.length);
      }),
      { numRuns: 2_000 },
    );
    expect(run).toBeGreaterThan(200);
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

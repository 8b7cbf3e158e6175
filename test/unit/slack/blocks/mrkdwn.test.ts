import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  code,
  date,
  escape,
  isLinkable,
  link,
  literal,
  oneLine,
  truncate,
} from '../../../../src/slack/blocks/mrkdwn.ts';
import { START } from '../../../support/virtual-clock.ts';
import { hostileText } from '../hostile.ts';

/** Half of a character outside the basic plane. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u;

describe('escape', () => {
  it.each(
    Object.entries({
      '<!channel>': '&lt;!channel&gt;',
      'a && b': 'a &amp;&amp; b',
      '&lt;': '&amp;lt;',
      '<https://evil.example|login>': '&lt;https://evil.example|login&gt;',
      'tab\tand\u202eright to left\u0007': 'tab\tandright to left',
    }),
  )('%s', (foreign, safe) => {
    expect(escape(foreign)).toBe(safe);
  });

  it('cuts between entities, never inside one', () => {
    expect(escape('a&b', 6)).toBe('a…');
    expect(escape('a&b', 7)).toBe('a&amp;b');
  });

  it('leaves no markup, keeps the length, and never cuts a character in two, whatever comes', () => {
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 0, max: 60 }), (text, max) => {
        const safe = escape(text, max);
        expect(safe).not.toMatch(/[<>]/u);
        expect(safe.length).toBeLessThanOrEqual(max);
        expect(safe.replaceAll(/&(?:amp|lt|gt);/gu, '')).not.toContain('&');
        expect(safe).not.toMatch(HALF);
      }),
    );
  });
});

describe('truncate', () => {
  it.each([
    ['checkout', 8, 'checkout'],
    ['checkout', 7, 'checko…'],
    ['👍👍👍', 5, '👍👍…'],
    ['👍👍👍', 4, '👍…'],
    ['a', 0, ''],
  ])('%s within %i is %s', (text, max, cut) => {
    expect(truncate(text, max)).toBe(cut);
  });
});

describe('literal', () => {
  it('breaks what looks like a mention, even where Slack reads no markup', () => {
    expect(literal('<!channel> <@U123> <#C1> a<b', 60)).toBe('‹!channel> ‹@U123> ‹#C1> a<b');
  });
});

describe('code', () => {
  it('keeps a name from ending the code or the line', () => {
    expect(code('a`b\nc <!here>')).toBe('`aˋb c &lt;!here&gt;`');
  });
  it('is nothing for nothing', () => {
    expect(code(' \n')).toBe('');
  });
});

describe('link', () => {
  it('escapes its label and its address', () => {
    expect(link('https://j.example/?a=1&b=2', 'a <b>')).toBe('<https://j.example/?a=1&amp;b=2|a &lt;b&gt;>');
  });
  it.each(['javascript:alert(1)', 'https://a|b', '//x', 'https://a b', `https://${'a'.repeat(3_000)}`])(
    'is no link to %s',
    (url) => {
      expect(isLinkable(url)).toBe(false);
      expect(link(url, 'label')).toBe('label');
    },
  );
});

it('a date is in the reader’s time, with UTC for those who cannot have it', () => {
  expect(date(START, '{time}')).toBe('<!date^1795183200^{time}|2026-11-20 14:00:00 UTC>');
});

it('a line has no breaks, no controls and no marks that turn it around', () => {
  expect(oneLine('a\n\n b\u2067c\u0000 ')).toBe('a bc');
});

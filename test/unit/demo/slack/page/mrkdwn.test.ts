import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runsOf } from '../../../../support/runs.ts';
import { mrkdwnHtml } from './render.ts';

const link = (href: string, text: string): string =>
  `<a href="${href}" target="_blank" rel="noopener noreferrer">${text}</a>`;
const text = (inner: string): string => `<div class="text">${inner}</div>`;
const emoji = (name: string, character: string): string =>
  `<span class="emoji" role="img" aria-label="${name.replaceAll('_', ' ')}" title=":${name}:">${character}</span>`;

describe('mrkdwn', () => {
  const seconds = Date.parse('2026-11-21T13:05:09Z') / 1_000;
  const time = (shown: string): string =>
    `<time dateTime="2026-11-21T13:05:09.000Z" title="Saturday, November 21st, 2026 at 14:05:09">${shown}</time>`;

  it.each([
    ['bold, italics and strike are nested', '*a _b ~c~_*', text('<strong>a <em>b <s>c</s></em></strong>')],
    ['a star between figures is a star', '2*3*4 and *a*b', text('2*3*4 and *a*b')],
    ['a star with a blank beside it is a star', '* a * b *', text('* a * b *')],
    ['a style does not go over the end of a line', '*a\nb*', text('*a\nb*')],
    ['a style may stand in brackets', '(*a*), _b_.', text('(<strong>a</strong>), <em>b</em>.')],
    ['an underscore inside a name is an underscore', 'http_server_duration', text('http_server_duration')],
    ['code is literal', 'x `a *b* _c_ :tada:` y', text('x <code>a *b* _c_ :tada:</code> y')],
    ['a star inside code does not end a style', '*a `*` b*', text('<strong>a <code>*</code> b</strong>')],
    ['a lone backtick is a backtick', 'it`s', text('it`s')],
    [
      'a fence is preformatted',
      'a\n```\nx *y* &lt;z&gt;\n```\nb',
      `${text('a')}<pre>x *y* &lt;z&gt;</pre>${text('b')}`,
    ],
    ['a tag is text', '<script>alert(1)</script>', text('&lt;script&gt;alert(1)&lt;/script&gt;')],
    ['entities are decoded once', '&lt;b&gt; &amp;lt; &quot;', text('&lt;b&gt; &amp;lt; &amp;quot;')],
    [
      'a link has its label',
      '<https://a.b/?x=1&amp;y=2|A &gt; B>',
      text(link('https://a.b/?x=1&amp;y=2', 'A &gt; B')),
    ],
    ['a link without label shows its address', '<https://a.b>', text(link('https://a.b', 'https://a.b'))],
    [
      'a bare address is a link without its full stop',
      'see https://a.b/c.',
      text(`see ${link('https://a.b/c', 'https://a.b/c')}.`),
    ],
    ['a link that runs a script is text', '<javascript:alert(1)|x>', text('&lt;javascript:alert(1)|x&gt;')],
    [
      'a style may be around a link',
      '*<https://a.b|x*y>*',
      text(`<strong>${link('https://a.b', 'x*y')}</strong>`),
    ],
    [
      'a known person has a name',
      '<@U0SAM> <@U0NOBODY>',
      text('<span class="mention">@Sam Okafor</span> <span class="mention">@U0NOBODY</span>'),
    ],
    [
      'the reader sees a mention of herself',
      '<@U0ADA>',
      text('<span class="mention mention-me">@Ada Lindqvist</span>'),
    ],
    [
      'a channel leads to its page',
      '<#C0CHECKOUT>',
      text('<a class="mention" href="/c/C0CHECKOUT">#team-checkout</a>'),
    ],
    [
      'a call to all is a mention',
      '<!channel> <!subteam^S1|@sre>',
      text('<span class="mention mention-me">@channel</span> <span class="mention mention-me">@sre</span>'),
    ],
    ['an unknown command in angle brackets stays visible', '<!foo> <bar>', text('&lt;!foo&gt; &lt;bar&gt;')],
    [
      'emoji are characters',
      ':red_circle::hourglass:',
      text(emoji('red_circle', '🔴') + emoji('hourglass', '⌛')),
    ],
    ['an unknown shortcode and a time stay text', ':nope: 14:05:09', text(':nope: 14:05:09')],
    [
      'quoted lines are one quote',
      'a\n&gt; b\n> c\nd',
      `${text('a')}<blockquote class="text">b\nc</blockquote>${text('d')}`,
    ],
    [
      'a date is in the zone of the reader',
      `<!date^${seconds}^{date_num} {time_secs}|x>`,
      text(time('2026-11-21 14:05:09')),
    ],
    [
      'a date may lead somewhere',
      `<!date^${seconds}^{time}^https://a.b|x>`,
      text(link('https://a.b', time('14:05'))),
    ],
    [
      'a date with an unknown token shows its fallback',
      `<!date^${seconds}^{nope}|at &lt;14:05&gt;>`.replace('at &lt;14:05&gt;', 'at 14:05 UTC'),
      text(time('at 14:05 UTC')),
    ],
    ['a date beyond all calendars shows its fallback', '<!date^99999999999999^{time}|never>', text('never')],
  ])('%s', (_, source, html) => {
    expect(mrkdwnHtml(source)).toBe(html);
  });

  it('shows every letter of any text and never makes an element that it was not asked for', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '&lt;',
      '*',
      '_',
      '~',
      '`',
      ':',
      '|',
      '!',
      '@',
      '\n',
      ' ',
      'a',
      'script',
      'onerror=',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const source = parts.join('');
        const html = mrkdwnHtml(source);
        const tags = [...html.matchAll(/<\/?([a-z]+)/g)].map((match) => match[1]);
        const allowed = new Set(['div', 'strong', 'em', 's', 'code', 'pre', 'blockquote', 'span']);
        expect(tags.filter((tag) => !allowed.has(tag ?? ''))).toEqual([]);
        const letters = (each: string): string => each.replace(/[^a-z]/g, '');
        expect(letters(html.replace(/<[^>]*>/g, '').replace(/&[a-z]+;/g, ''))).toBe(
          letters(source.replace(/&lt;/g, '')),
        );
      }),
      { numRuns: runsOf(500) },
    );
  });
});

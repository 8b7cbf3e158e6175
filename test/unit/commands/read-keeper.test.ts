import { describe, expect, it } from 'vitest';
import type { KeeperCommand } from '../../../src/commands/keeper-command.ts';
import { readKeeper } from '../../../src/commands/read-keeper.ts';
import type { Matcher } from '../../../src/lib/matcher.ts';
import { DAY, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';

const is = (label: string, value: string, operator: Matcher['operator'] = '='): Matcher => ({
  label,
  operator,
  value,
});
const silence = (
  meant: { services?: readonly string[]; matchers?: readonly Matcher[] },
  over: { lasts?: number; comment?: string } = {},
): KeeperCommand => ({
  kind: 'silence',
  meant: { matchers: meant.matchers ?? [], services: meant.services ?? [] },
  lasts: ms(over.lasts ?? 2 * HOUR),
  comment: over.comment ?? '',
});

describe('what changes something is understood', () => {
  it.each<[string, KeeperCommand]>([
    ['silence checkout for 2h', silence({ services: ['checkout'] })],
    ['silence checkout, cart for 2h', silence({ services: ['checkout', 'cart'] })],
    ['Mute checkout FOR 2h', silence({ services: ['checkout'] })],
    ['silence checkout for 2 hours moving it', silence({ services: ['checkout'] }, { comment: 'moving it' })],
    [
      'silence checkout for 90m because of the move',
      silence({ services: ['checkout'] }, { lasts: 90 * MINUTE, comment: 'of the move' }),
    ],
    [
      'silence checkout for 1h30m comment "a b"',
      silence({ services: ['checkout'] }, { lasts: 90 * MINUTE, comment: 'a b' }),
    ],
    ['silence checkout for 30d', silence({ services: ['checkout'] }, { lasts: 30 * DAY })],
    ['silence service="checkout" for 2h', silence({ matchers: [is('service', 'checkout')] })],
    ['silence service=“checkout” for 2h', silence({ matchers: [is('service', 'checkout')] })],
    [
      'silence {service="a", severity!="page"} for 2h',
      silence({ matchers: [is('service', 'a'), is('severity', 'page', '!=')] }),
    ],
    [
      'silence service = "a" team=shop for 2h',
      silence({ matchers: [is('service', 'a'), is('team', 'shop')] }),
    ],
    [
      'silence service=~"pay.*|cart" severity!~"t.*" for 2h',
      silence({ matchers: [is('service', 'pay.*|cart', '=~'), is('severity', 't.*', '!~')] }),
    ],
    ['silence summary="waits for 2h" for 2h', silence({ matchers: [is('summary', 'waits for 2h')] })],
    [
      'silence checkout severity="ticket" for 2h',
      silence({ services: ['checkout'], matchers: [is('severity', 'ticket')] }),
    ],
    ['silence everything for 2h', silence({})],
    ['silence everything severity!="page" for 2h', silence({ matchers: [is('severity', 'page', '!=')] })],
    ['silences', { kind: 'silences' }],
    ['unsilence `5CA1AB1E`', { kind: 'unsilence', id: '5ca1ab1e' }],
    ['unmute 5ca1ab1e', { kind: 'unsilence', id: '5ca1ab1e' }],
    ['acknowledge checkout', { kind: 'acknowledge', what: 'checkout' }],
    ['ack CheckoutSlow checkout', { kind: 'acknowledge', what: 'CheckoutSlow checkout' }],
    ['end checkout because it was retired', { kind: 'end', what: 'checkout', comment: 'it was retired' }],
    ['end "Checkout slow"', { kind: 'end', what: 'Checkout slow', comment: '' }],
  ])('/slo %s', (text, command) => {
    expect(readKeeper(text)).toEqual({ ok: true, command });
  });

  it.each(['', 'status', 'share', 'help', 'nonsense words here', 'x'.repeat(2_000)])(
    '/slo %s is left to others',
    (text) => {
      expect(readKeeper(text)).toBeUndefined();
    },
  );
});

describe('a mistake is said, with what was probably meant', () => {
  it.each<[string, RegExp, string?]>([
    ['silence', /how long/],
    ['silence checkout', /how long/],
    ['silence checkout 2h', /how long/, '/slo silence checkout for 2h'],
    ['silence checkout 2h the move', /how long/, '/slo silence checkout for 2h the move'],
    ['silence checkout severity="page for 2h moving', /how long/],
    ['silence checkout for', /not a duration/],
    ['silence checkout for a while', /"a" is not a duration/],
    ['silence checkout for 31d', /from 1m to 30d/],
    ['silence checkout for 5s', /from 1m to 30d/],
    ['silence for 2h', /Say which alerts/],
    ['silence service=~"(" for 2h', /invalid regular expression: missing closing.*column 23/],
    ['silence checkout %% for 2h', /no matcher and no service here.*column 23/],
    ['silence severity!="page" for 2h', /holds back whatever comes/],
    ['silence alertname=~".+" for 2h', /holds back whatever comes/],
    ['silences now', /takes nothing more/, '/slo silences'],
    ['unsilence', /by its id/],
    ['unsilence checkout', /by its id/],
    ['acknowledge', /which alert/],
    ['end', /which alert/],
    ['silense checkout for 2h', /not something/, '/slo silence checkout for 2h'],
    ['acknowlege checkout', /not something/, '/slo acknowledge checkout'],
  ])('/slo %s', (text, problem, suggestion) => {
    const reading = readKeeper(text);
    expect(reading).toMatchObject({ ok: false, problem: expect.stringMatching(problem) as string });
    expect(reading).toMatchObject(suggestion === undefined ? {} : { suggestion });
  });

  it('columns count in the line as it was typed', () => {
    const line = '/slo silence checkout %% for 2h';
    const reading = readKeeper(line.slice('/slo '.length));
    expect(reading).toMatchObject({
      problem: expect.stringContaining(`column ${line.indexOf('%') + 1}`) as string,
    });
  });

  it.each([
    ['words', 'a '.repeat(700)],
    ['quotes that open', 'a="'.repeat(480)],
    ['durations', '1s '.repeat(490)],
    ['quotes alone', '"'.repeat(1_400)],
  ])('a text full of %s is read to its end, and asked for what is missing', (_, text) => {
    expect(readKeeper(`silence ${text}`)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^Say for how long/) as string,
    });
  });
});

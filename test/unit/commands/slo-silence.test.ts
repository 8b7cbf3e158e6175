import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/commands/commands.ts';
import type { Command } from '../../../src/commands/table.ts';
import type { Matcher } from '../../../src/lib/matcher.ts';
import { DAY, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';

const is = (label: string, value: string, operator: Matcher['operator'] = '='): Matcher => ({
  label,
  operator,
  value,
});
const silence = (
  selection: { services?: readonly string[]; matchers?: readonly Matcher[] },
  over: { duration?: number; comment?: string } = {},
): Command => ({
  kind: 'silence',
  selection: { matchers: selection.matchers ?? [], services: selection.services ?? [] },
  duration: ms(over.duration ?? 2 * HOUR),
  comment: over.comment ?? '',
});

describe('the commands that change something', () => {
  it.each<[string, Command]>([
    ['silence checkout for 2h', silence({ services: ['checkout'] })],
    ['silence checkout, cart for 2h', silence({ services: ['checkout', 'cart'] })],
    ['Mute checkout FOR 2h', silence({ services: ['checkout'] })],
    ['silence checkout for 2 hours moving it', silence({ services: ['checkout'] }, { comment: 'moving it' })],
    [
      'silence checkout for 90m because of the move',
      silence({ services: ['checkout'] }, { duration: 90 * MINUTE, comment: 'of the move' }),
    ],
    [
      'silence checkout for 1h30m comment "a b"',
      silence({ services: ['checkout'] }, { duration: 90 * MINUTE, comment: 'a b' }),
    ],
    ['silence checkout for 30d', silence({ services: ['checkout'] }, { duration: 30 * DAY })],
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
    ['silence confirmed everything for 2h', { ...silence({}), isConfirmed: true } as Command],
    ['silence everything severity!="page" for 2h', silence({ matchers: [is('severity', 'page', '!=')] })],
    ['silences', { kind: 'silences' }],
    ['unsilence `5CA1AB1E`', { kind: 'unsilence', id: '5ca1ab1e' }],
    ['unmute 5ca1ab1e', { kind: 'unsilence', id: '5ca1ab1e' }],
    ['acknowledge checkout', { kind: 'acknowledge', alert: 'checkout' }],
    ['ack CheckoutSlow checkout', { kind: 'acknowledge', alert: 'CheckoutSlow checkout' }],
    [
      'close checkout because it was retired',
      { kind: 'close', alert: 'checkout', comment: 'it was retired' },
    ],
    ['close "Checkout slow"', { kind: 'close', alert: 'Checkout slow', comment: '' }],
  ])('/slo %s', (text, command) => {
    expect(parseCommand('/slo', text)).toEqual({ ok: true, command, share: false });
  });

  it.each(['nonsense words here', 'x'.repeat(2_000)])('/slo %s is no command', (text) => {
    expect(parseCommand('/slo', text)).toMatchObject({ ok: false });
  });
});

describe('a mistake is explained, with a suggestion', () => {
  it.each<[string, RegExp, string?]>([
    ['silence', /needs a duration/],
    ['silence checkout', /needs a duration/],
    ['silence checkout 2h', /needs a duration/, '/slo silence checkout for 2h'],
    ['silence checkout 2h the move', /needs a duration/, '/slo silence checkout for 2h the move'],
    ['silence checkout severity="page for 2h moving', /needs a duration/],
    ['silence checkout for', /not a duration/],
    ['silence checkout for a while', /"a" is not a duration/],
    ['silence checkout for 31d', /from 1m to 30d/],
    ['silence checkout for 5s', /from 1m to 30d/],
    ['silence for 2h', /No alerts specified/],
    ['silence service=~"(" for 2h', /invalid regular expression: missing closing.*column 23/],
    ['silence checkout %% for 2h', /Invalid matcher.*column 23/],
    ['silence severity!="page" for 2h', /select every alert/],
    ['silence alertname=~".+" for 2h', /select every alert/],
    ['silences now', /takes no arguments/, '/slo silences'],
    ['unsilence', /by its id/],
    ['unsilence checkout', /by its id/],
    ['acknowledge', /Specify an alert/],
    ['close', /Specify an alert/],
    ['silense checkout for 2h', /not a \/slo command/, '/slo silence checkout for 2h'],
    ['acknowlege checkout', /not a \/slo command/, '/slo acknowledge checkout'],
  ])('/slo %s', (text, problem, suggestion) => {
    const parsed = parseCommand('/slo', text);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringMatching(problem) as string });
    expect(parsed).toMatchObject(suggestion === undefined ? {} : { suggestion });
  });

  it('columns count in the line as it was typed', () => {
    const line = '/slo silence checkout %% for 2h';
    const parsed = parseCommand('/slo', line.slice('/slo '.length));
    expect(parsed).toMatchObject({
      problem: expect.stringContaining(`column ${line.indexOf('%') + 1}`) as string,
    });
  });

  it.each([
    ['words', 'a '.repeat(700)],
    ['quotes that open', 'a="'.repeat(480)],
    ['durations', '1s '.repeat(490)],
    ['quotes alone', '"'.repeat(1_400)],
  ])('a text full of %s is parsed to its end, and what is missing is named', (_, text) => {
    expect(parseCommand('/slo', `silence ${text}`)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^A silence needs a duration/) as string,
    });
  });
});

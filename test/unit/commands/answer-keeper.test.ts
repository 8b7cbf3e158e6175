import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/commands/answer.ts';
import { createAnswerKeeper } from '../../../src/commands/answer-keeper.ts';
import type { Asker, KeeperCommand } from '../../../src/commands/keeper-command.ts';
import type { Phrase } from '../../../src/lib/phrase.ts';
import { after, HOUR, ms } from '../../../src/lib/units.ts';
import { sample, useKeepersBed } from '../actions/keepers-bed.ts';

const bed = useKeepersBed();

const ask = (command: KeeperCommand, by = 'U0ANN'): Promise<Answer> => {
  const answer = createAnswerKeeper({
    alerts: bed.alerts,
    silences: bed.silences,
    ruleSet: () => ({ groups: [], objectives: [] }),
  });
  const asker: Asker = { by, now: bed.clock.now() };
  return answer(command, asker);
};

const plain = (phrase: Phrase): string =>
  phrase
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('person' in part) return `@${part.person}`;
      return 'code' in part ? part.code : 'TIME';
    })
    .join('');
const said = (answer: Answer): readonly string[] =>
  answer.kind === 'said' ? answer.lines.map(({ phrase }) => plain(phrase)) : [`(${answer.kind})`];
const command = (answer: Answer): string | undefined =>
  answer.kind === 'said' ? answer.lines[0]?.button?.command : undefined;

const silence = (services: readonly string[], comment = ''): KeeperCommand => ({
  kind: 'silence',
  meant: { matchers: [], services },
  lasts: ms(2 * HOUR),
  comment,
});
const breach = () => bed.tick(0, [sample('checkout', 0.5), sample('cart', 0.4)]);

describe('a silence is answered', () => {
  it('with what it matches, until when, what it holds now, and a button that ends it', async () => {
    await breach();
    const answer = await ask(silence(['checkout']));
    expect(said(answer)).toEqual([
      'Silenced until TIME: service="checkout".',
      'It holds back 1 alert now: CheckoutSlow (checkout).',
    ]);
    const [, , id = ''] = command(answer)?.split(' ') ?? [];
    expect(said(await ask({ kind: 'unsilence', id }))[0]).toMatch(
      /^Ended: service="checkout"\. What still breaches/,
    );
  });

  it('with a problem when nothing carries it', async () => {
    expect(said(await ask(silence(['chekout'])))[1]).toMatch(/No alert that fires carries it now.*spelling/);
  });
});

it('the list says so when nothing is silenced, and names who made what is', async () => {
  expect(said(await ask({ kind: 'silences' }))).toEqual(['Nothing is silenced.']);
  await breach();
  await ask(silence(['checkout'], 'moving it'));
  bed.usePolicy({
    silences: [{ matchers: [], endsAt: (bed.clock.now() + HOUR) as never, createdBy: 'ann', comment: '' }],
  });
  expect(said(await ask({ kind: 'silences' }))).toEqual([
    expect.stringMatching(
      /^service="checkout" until TIME, by @U0ANN: moving it\. Holds back 1 now\. Id [0-9a-f]{8}$/,
    ),
    'everything until TIME, by ann (in the rule file). Holds back 2 now.',
  ]);
});

it('a silence of the rule file that is still to come is listed with its beginning', async () => {
  const at = (hours: number) => after(bed.clock.now(), ms(hours * HOUR));
  bed.usePolicy({
    silences: [{ matchers: [], startsAt: at(1), endsAt: at(2), createdBy: 'ann', comment: 'the move' }],
  });
  expect(said(await ask({ kind: 'silences' }))).toEqual([
    'everything from TIME until TIME, by ann (in the rule file): the move. Not begun yet.',
  ]);
});

it('planned work that holds alerts back, or will, is listed beside silences', async () => {
  await breach();
  const now = bed.clock.now();
  const matchers = [{ label: 'service', operator: '=', value: 'checkout' }] as const;
  const once = (from: number, to: number) => ({
    once: { startsAt: after(now, ms(from * HOUR)), endsAt: after(now, ms(to * HOUR)) },
    recurring: [],
  });
  const nightly = { recurring: [{ times: [{ begin: 0, end: 60 }], location: 'UTC' }] };
  bed.usePolicy({
    maintenance: [
      { name: 'moving', matchers, comment: 'new racks', ...once(-1, 1) },
      { name: 'later', matchers, ...once(1, 2) },
      { name: 'over', matchers, ...once(-2, -1) },
      { name: 'nightly', matchers, ...nightly },
      { name: 'never now', matchers, recurring: [{ months: [{ begin: 1, end: 1 }], location: 'UTC' }] },
    ],
  });
  const what = '(in the rule file): service="checkout"';
  expect(said(await ask({ kind: 'silences' }))).toEqual([
    `Maintenance moving ${what} until TIME: new racks. Holds back 1 now.`,
    `Maintenance later ${what} from TIME until TIME. Not begun yet.`,
    `Maintenance nightly ${what}, by its time intervals. Holds back 1 now.`,
  ]);
});

it('ending a silence that is none is a mistake with the nearest id', async () => {
  const id = command(await ask(silence(['checkout'])))?.split(' ')[2] ?? '';
  const near = `${id.slice(0, 7)}${id.endsWith('0') ? '1' : '0'}`;
  expect(await ask({ kind: 'unsilence', id: near })).toMatchObject({
    kind: 'usage',
    suggestion: `/slo unsilence ${id}`,
  });
});

describe('actions on alerts by name', () => {
  it.each([
    ['the service', 'checkout', 1],
    ['the service in capitals', 'CHECKOUT', 1],
    ['the rule, which is two alerts', 'CheckoutSlow', 2],
    ['both', 'CheckoutSlow cart', 1],
  ])('%s is understood', async (_, what, count) => {
    await breach();
    const lines = said(await ask({ kind: 'acknowledge', what }));
    expect(lines).toHaveLength(count);
    for (const line of lines) expect(line).toMatch(/is acknowledged by @U0ANN at TIME\.$/);
  });

  it('more of them than a message has room for are acknowledged all the same', async () => {
    const services = Array.from({ length: 23 }, (_, index) => sample(`s${index}`, 0.5));
    await bed.tick(0, services);
    const lines = said(await ask({ kind: 'acknowledge', what: 'CheckoutSlow' }));
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 3 more, dealt with alike, that did not fit');
    const firing = await bed.alerts.firing();
    expect(firing.filter(({ alert }) => alert.acknowledged?.by === 'U0ANN')).toHaveLength(23);
  });

  it('the second hears who has it', async () => {
    await breach();
    await ask({ kind: 'acknowledge', what: 'checkout' });
    expect(said(await ask({ kind: 'acknowledge', what: 'checkout' }, 'U0BOB'))).toEqual([
      'CheckoutSlow (checkout) was acknowledged before, by @U0ANN at TIME.',
    ]);
  });

  it('one run is meant by its alert, over or not', async () => {
    await breach();
    const alerts = await bed.stored();
    const alertId = alerts.find(({ labels }) => labels['service'] === 'checkout')?.alertId ?? '';
    await bed.tick(1, [], [sample('checkout', 0.001), sample('cart', 0.001)]);
    expect(said(await ask({ kind: 'acknowledge', what: alertId }))).toEqual([
      'CheckoutSlow (checkout) is over already.',
    ]);
    expect(said(await ask({ kind: 'acknowledge', what: 'ffffffffffffffff-17' }))).toEqual([
      'That alert is not known any more.',
    ]);
  });

  it('a slip is answered with the nearest name, nothing at all with that', async () => {
    expect(said(await ask({ kind: 'acknowledge', what: 'checkout' }))).toEqual(['Nothing fires now.']);
    await breach();
    expect(said(await ask({ kind: 'acknowledge', what: 'chekout' }))).toEqual([
      'No alert that fires is called chekout. Did you mean checkout?',
    ]);
  });

  it('an end where there is data says that the data decides', async () => {
    await breach();
    expect(said(await ask({ kind: 'end', what: 'checkout', comment: '' }))[0]).toMatch(/has data/);
  });
});

import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/commands/answer.ts';
import { createCommands, parseCommand } from '../../../src/commands/commands.ts';
import { testPhrase } from '../../../src/commands/slo-test.ts';
import type { Command } from '../../../src/commands/table.ts';
import type { Phrase } from '../../../src/lib/format.ts';
import { after, HOUR, ms, SECOND } from '../../../src/lib/units.ts';
import type { ServiceObjective } from '../../../src/rules/rule.ts';
import { noteMessage } from '../../../src/slack/blocks/note.ts';
import { anAlert } from '../../support/builders.ts';
import { sample, useActionsBed } from '../actions/actions-bed.ts';
import { silencedBy } from '../slack/views.ts';
import { open } from './bench.ts';

const bed = useActionsBed();

const run = async (command: Command, by = 'U0ANN'): Promise<Answer> => {
  const { alerts, silences } = bed;
  const commands = createCommands({ ...open([]).deps, alerts, silences });
  return await commands.run(command, { by, now: bed.clock.now() });
};

const plain = (phrase: Phrase): string =>
  phrase
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('person' in part) return `@${part.person}`;
      if ('url' in part) return part.text;
      return 'code' in part ? part.code : 'TIME';
    })
    .join('');
const linesOf = (answer: Answer): readonly string[] =>
  answer.kind === 'lines' ? answer.lines.map(({ phrase }) => plain(phrase)) : [`(${answer.kind})`];
const command = (answer: Answer): string | undefined =>
  answer.kind === 'lines' ? answer.lines[0]?.button?.command : undefined;

/** The answer on a Prometheus with these services, by label. */
async function runOn(names: Readonly<Record<string, readonly string[]>>, given: Command): Promise<Answer> {
  const { deps } = open([]);
  const labelValues = async ({ label }: { label: string }) => names[label] ?? [];
  const { alerts, silences } = bed;
  const objectives = ['app', 'destination'].map(
    (label) => ({ family: { serviceLabel: label } }) as ServiceObjective,
  );
  const commands = createCommands({
    ...deps,
    alerts,
    silences,
    metrics: { ...deps.metrics, labelValues },
    ruleSet: () => ({ groups: [], objectives }),
  });
  return await commands.run(given, { by: 'U0ANN', now: bed.clock.now() });
}

const silence = (services: readonly string[], comment = ''): Command => ({
  kind: 'silence',
  selection: { matchers: [], services },
  duration: ms(2 * HOUR),
  comment,
});
const breach = () => bed.tick(0, [sample('checkout', 0.5), sample('cart', 0.4)]);

describe('the answer to a silence', () => {
  it('has its matchers, its end, the silenced alerts, and an Unsilence button', async () => {
    await breach();
    const answer = await run(silence(['checkout']));
    expect(linesOf(answer)).toEqual([
      'Silenced until TIME: service="checkout".',
      '1 firing alert silenced: CheckoutSlow (checkout).',
    ]);
    const [, , id = ''] = command(answer)?.split(' ') ?? [];
    expect(linesOf(await run({ kind: 'unsilence', id }))[0]).toMatch(
      /^Silence ended: service="checkout"\. It suppressed 1 alert: CheckoutSlow checkout\. Alerts that still fire/,
    );
  });

  it('says when no alert matches', async () => {
    expect(linesOf(await run(silence(['chekout'])))[1]).toMatch(
      /^No firing alert matches\. New matching alerts will be silenced\.$/,
    );
  });
});

describe('a silence that may not be meant', () => {
  const names = { app: ['cart', 'checkout'], destination: ['checkout', 'auth'] };

  it('of a service under several labels is one silence for each', async () => {
    expect(linesOf(await runOn(names, silence(['checkout']))).slice(0, 2)).toEqual([
      'Silenced until TIME: app="checkout".',
      'Silenced until TIME: destination="checkout".',
    ]);
    expect(linesOf(await runOn(names, silence(['auth'])))[0]).toBe(
      'Silenced until TIME: destination="auth".',
    );
  });

  it('of a name that no series has is refused with a suggestion', async () => {
    expect(await runOn(names, silence(['chekout']))).toMatchObject({
      kind: 'usage',
      problem: 'No service is named chekout. Did you mean checkout?',
    });
  });

  it('of everything, or by severity alone, is created after a confirmation that shows what it silences', async () => {
    await breach();
    const everything: Command = { ...silence([]), kind: 'silence', comment: 'drill' } as Command;
    const asked = await runOn(names, everything);
    expect(linesOf(asked)).toEqual([
      'This silences everything, for 2h.',
      'It silences 2 firing alerts now: CheckoutSlow (cart), CheckoutSlow (checkout).',
    ]);
    expect(command(asked)).toBe('/slo silence confirmed everything for 2h drill');
    expect(await bed.silences.list(bed.clock.now())).toEqual([]);
    const parsed = parseCommand('/slo', 'silence confirmed everything for 2h drill');
    if (!parsed.ok) throw new Error(parsed.problem);
    await runOn(names, parsed.command);
    expect(await bed.silences.list(bed.clock.now())).toMatchObject([{ alerts: 2 }]);
    const bySeverity = {
      matchers: [{ label: 'severity', operator: '=', value: 'page' }],
      services: [],
    } as const;
    expect(command(await runOn(names, { ...silence([]), selection: bySeverity } as Command))).toBe(
      '/slo silence confirmed severity="page" for 2h',
    );
  });
});

it('the list of silences names their creators, and may be empty', async () => {
  expect(linesOf(await run({ kind: 'silences' }))).toEqual(['No active silences.']);
  await breach();
  await run(silence(['checkout'], 'moving it'));
  bed.usePolicy({
    silences: [{ matchers: [], endsAt: (bed.clock.now() + HOUR) as never, createdBy: 'ann', comment: '' }],
  });
  expect(linesOf(await run({ kind: 'silences' }))).toEqual([
    expect.stringMatching(
      /^service="checkout" until TIME, by @U0ANN: moving it\. 1 alert silenced\. Id [0-9a-f]{8}$/,
    ),
    'everything until TIME, by ann (rule file). 2 alerts silenced.',
  ]);
});

it('a future silence of the rule file is listed with its start', async () => {
  const at = (hours: number) => after(bed.clock.now(), ms(hours * HOUR));
  bed.usePolicy({
    silences: [{ matchers: [], startsAt: at(1), endsAt: at(2), createdBy: 'ann', comment: 'the move' }],
  });
  expect(linesOf(await run({ kind: 'silences' }))).toEqual([
    'everything from TIME until TIME, by ann (rule file): the move. Not started.',
  ]);
});

it('active and planned maintenance is listed with the silences', async () => {
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
  const where = '(rule file): service="checkout"';
  expect(linesOf(await run({ kind: 'silences' }))).toEqual([
    `Maintenance moving ${where} until TIME: new racks. 1 alert silenced.`,
    `Maintenance later ${where} from TIME until TIME. Not started.`,
    `Maintenance nightly ${where}, by its time intervals. 1 alert silenced.`,
  ]);
});

it('an unknown id of a silence is a mistake with the nearest id', async () => {
  const id = command(await run(silence(['checkout'])))?.split(' ')[2] ?? '';
  const near = `${id.slice(0, 7)}${id.endsWith('0') ? '1' : '0'}`;
  expect(await run({ kind: 'unsilence', id: near })).toMatchObject({
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
  ])('%s selects them', async (_, alert, count) => {
    await breach();
    const lines = linesOf(await run({ kind: 'acknowledge', alert }));
    expect(lines).toHaveLength(count);
    for (const line of lines) expect(line).toMatch(/ acknowledged by @U0ANN at TIME\.$/);
  });

  it('more of them than fit into a message are all acknowledged', async () => {
    const services = Array.from({ length: 23 }, (_, index) => sample(`s${index}`, 0.5));
    await bed.tick(0, services);
    const lines = linesOf(await run({ kind: 'acknowledge', alert: 'CheckoutSlow' }));
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 3 more');
    const firing = await bed.alerts.firing();
    expect(firing.filter(({ alert }) => alert.acknowledged?.by === 'U0ANN')).toHaveLength(23);
  });

  it('the second person sees who acknowledged it', async () => {
    await breach();
    await run({ kind: 'acknowledge', alert: 'checkout' });
    expect(linesOf(await run({ kind: 'acknowledge', alert: 'checkout' }, 'U0BOB'))).toEqual([
      'CheckoutSlow (checkout) was already acknowledged by @U0ANN at TIME.',
    ]);
  });

  it('an acknowledgement is withdrawn by whoever may acknowledge, once, and the next one counts', async () => {
    await breach();
    await run({ kind: 'acknowledge', alert: 'checkout' });
    await bed.tick(1, [sample('checkout', 0.5)]);
    const owners = async () =>
      (await bed.alerts.firing()).flatMap(({ alert }) => alert.acknowledged?.by ?? []);
    const withdraw = () => run({ kind: 'unacknowledge', alert: 'checkout' }, 'U0BOB');
    await bed.drain();
    await bed.clock.advance(SECOND);
    expect(linesOf(await withdraw())).toEqual([
      'The acknowledgement of CheckoutSlow (checkout) was withdrawn by @U0BOB at TIME.',
    ]);
    const [entry] = await bed.drain();
    const note = entry?.update.line;
    expect(note && noteMessage(note).text).toMatch(
      /^↩️ Acknowledgement withdrawn by <@U0BOB>\. It was that of <@U0ANN>\./u,
    );
    expect(linesOf(await withdraw())).toEqual(['CheckoutSlow (checkout) is not acknowledged.']);
    await bed.tick(2, [sample('checkout', 0.5)]);
    expect(await owners()).toEqual([]);
    await run({ kind: 'acknowledge', alert: 'checkout' }, 'U0BOB');
    expect(await owners()).toEqual(['U0BOB']);
  });

  it('an alert id selects one occurrence, resolved or not', async () => {
    await breach();
    const alerts = await bed.stored();
    const alertId = alerts.find(({ labels }) => labels['service'] === 'checkout')?.alertId ?? '';
    await bed.tick(1, [], [sample('checkout', 0.001), sample('cart', 0.001)]);
    expect(linesOf(await run({ kind: 'acknowledge', alert: alertId }))).toEqual([
      'CheckoutSlow (checkout) is already resolved.',
    ]);
    expect(linesOf(await run({ kind: 'acknowledge', alert: 'ffffffffffffffff-17' }))).toEqual([
      'This alert no longer exists.',
    ]);
  });

  it('a typo is answered with the nearest name', async () => {
    expect(linesOf(await run({ kind: 'acknowledge', alert: 'checkout' }))).toEqual(['No alert is firing.']);
    await breach();
    expect(linesOf(await run({ kind: 'acknowledge', alert: 'chekout' }))).toEqual([
      'No firing alert matches chekout. Did you mean checkout?',
    ]);
  });

  it('an alert that has data cannot be closed', async () => {
    await breach();
    expect(linesOf(await run({ kind: 'close', alert: 'checkout', comment: '' }))[0]).toMatch(
      /still has data/,
    );
  });
});

it('an alert group is acknowledged as a whole by its id, the alerts beyond its table too, and unacknowledged', async () => {
  const services = Array.from({ length: 18 }, (_, index) => `s${index}`);
  await bed.tick(
    0,
    services.map((service) => sample(service, 0.5)),
  );
  const [first] = await bed.stored();
  const id = first?.postedTo?.[0]?.alertGroup ?? '';
  const acknowledged = async () =>
    (await bed.alerts.firing()).filter(({ alert }) => alert.acknowledged !== undefined).length;
  expect(linesOf(await run({ kind: 'acknowledge', alert: id }))).toHaveLength(18);
  expect(await acknowledged()).toBe(18);
  await bed.drain();
  await bed.clock.advance(SECOND);
  expect(linesOf(await run({ kind: 'unacknowledge', alert: id }, 'U0BOB'))).toHaveLength(18);
  expect(await acknowledged()).toBe(0);
  // The thread says it once.
  const lines = (await bed.drain()).flatMap(({ update }) => update.line?.key ?? []);
  expect([...new Set(lines)]).toEqual([expect.stringContaining(`${id}:unacknowledged:`)]);
  expect(linesOf(await run({ kind: 'acknowledge', alert: 'alertGroup-0-17' }))).toEqual([
    'All alerts of this group are resolved.',
  ]);
});

it('a test that a silence suppresses is answered with who silenced it and why', () => {
  const alert = anAlert({ suppressed: silencedBy('U0BOB', 'moving the database') });
  expect(plain(testPhrase({ kind: 'suppressed', alert }, { mentions: false }))).toMatch(
    /^Not posted, as a real breach would not be now\. Silenced by @U0BOB(?: until TIME)?: moving the database\.$/,
  );
});

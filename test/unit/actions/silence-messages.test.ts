import { describe, expect, it, test } from 'vitest';
import { createSilenceExpiry } from '../../../src/actions/silence-expiry.ts';
import { planRestore } from '../../../src/evaluation/restore-plan.ts';
import { type Matcher, parseMatchers } from '../../../src/lib/matcher.ts';
import { after, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createLedger } from '../../../src/messages/ledger.ts';
import { encodeRestorePoint } from '../../../src/messages/restore-point.ts';
import { channelsConcerned, SILENCE_GROUP, silenceUpdates } from '../../../src/messages/silence-messages.ts';
import { DEFAULT_ROUTE } from '../../../src/policy/route.ts';
import type { StoredSilence } from '../../../src/policy/silence.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { silenceEnd, silenceMessage } from '../../../src/slack/blocks/silence.ts';
import { takeDecided } from '../../support/decided.ts';
import { START } from '../../support/virtual-clock.ts';
import { useActionsBed } from './actions-bed.ts';

const bed = useActionsBed();

const matchersOf = (text: string): readonly Matcher[] => {
  const read = parseMatchers(text);
  if (!read.ok) throw new Error(read.message);
  return read.matchers;
};

const CHECKOUT = matchersOf('service="checkout"');

/** What is announced since the last call, as the key, whether it is posted, and the title. */
const announced = (): readonly string[] =>
  takeDecided(bed.store)
    .filter(({ rule }) => rule.about === 'silence')
    .map(({ update, alert }) => {
      const how = update.isNew === true ? 'post' : (update.line?.key ?? 'edit');
      return `${how} ${silenceMessage(alert)
        .text.replace('\n', ' ')
        .replace(/ (?:until|at) .*/u, '')}`;
    });

const silence = () =>
  bed.silences.silence({
    matchers: CHECKOUT,
    duration: MINUTE,
    comment: '',
    by: 'U0ANN',
    now: bed.clock.now(),
  });

const expiry = () => createSilenceExpiry({ store: bed.store, logger: bed.logger });

describe('the messages of a silence', () => {
  it('show its end once, however many replicas look and however late after a restart', async () => {
    const { silence: made } = await silence();
    expect(announced()).toEqual(['post 🔕 Silenced: checkout By <@U0ANN>']);
    await expiry().evaluate(after(START, ms(30 * SECOND)));
    expect(announced()).toEqual([]);
    await Promise.all([
      expiry().evaluate(after(START, HOUR)),
      expiry().evaluate(after(START, ms(HOUR + SECOND))),
    ]);
    expect(announced()).toEqual([`silence-${made.id}:resolved 🔔 Silence ended: checkout Expired`]);
    await expiry().evaluate(after(START, ms(2 * HOUR)));
    expect(announced()).toEqual([]);
  });

  it('of a silence that a person ends name that person, and do not expire later', async () => {
    const { silence: made } = await silence();
    announced();
    await bed.clock.advance(SECOND);
    await bed.silences.unsilence({ id: made.id, by: 'U0BOB', now: bed.clock.now() });
    expect(announced()).toEqual([`silence-${made.id}:resolved 🔔 Silence ended: checkout Ended by <@U0BOB>`]);
    await expiry().evaluate(after(START, HOUR));
    expect(announced()).toEqual([]);
  });

  it('name what it has suppressed as that grows', async () => {
    const { silence: made } = await silence();
    announced();
    const ledger = createLedger(bed.store, bed.logger);
    const entry = { at: after(START, SECOND), kind: 'suppressed', silence: made.id } as const;
    ledger.add({ ...entry, what: 'Slow checkout' }, { ...entry, what: 'Slow checkout', at: START });
    const updating = expiry();
    await updating.evaluate(after(START, ms(15 * SECOND)));
    const update = takeDecided(bed.store).find(({ rule }) => rule.about === 'silence');
    expect(JSON.stringify(update && silenceMessage(update.alert))).toContain(
      '1 alert suppressed so far: Slow checkout',
    );
    await updating.evaluate(after(START, ms(30 * SECOND)));
    expect(announced()).toEqual([]);
  });
});

const RULES: readonly Pick<SloRule, 'name' | 'labels' | 'channel'>[] = [
  { name: 'Slow', labels: { severity: 'page' } },
  { name: 'Errors', labels: { severity: 'ticket', team: 'shop' } },
  { name: 'Own', labels: { severity: '{{ $value }}' }, channel: '#own' },
];
const to = (channel: string, text: string) => ({
  matchers: matchersOf(text),
  channel,
  continue: false,
  routes: [],
});
const routing = {
  route: {
    ...DEFAULT_ROUTE,
    routes: [to('#checkout', 'service="checkout"'), to('#pages', 'severity="page"')],
  },
};

test.each([
  ['the channels of the rules that it can match', 'alertname="Slow"', [], ['#pages']],
  ['the routes of the labels that it names', 'service="checkout", alertname="Slow"', [], ['#checkout']],
  ['a label with a template may have any value', 'severity="page"', [], ['#pages', '#own']],
  ['the default channel where no rule matches', 'alertname="Gone"', [], [undefined]],
  ['the channels of open alerts first, each once', 'alertname="Slow"', ['#a', '#pages'], ['#a', '#pages']],
  ['a label that no rule has', 'team!="shop"', [], ['#pages', '#own']],
])('a silence is announced in %s', (_what, text, open, channels) => {
  const given = { rules: RULES, routing, at: START, localTime: () => ({}) as never };
  const where = open.map((channel) => ({ channel, mentions: ['S1'] }));
  expect(channelsConcerned(matchersOf(text), { ...given, open: where })).toEqual(
    channels.map((channel) => ({ channel, mentions: [] })),
  );
});

const SILENCE: StoredSilence = {
  id: '0a1b2c3d',
  matchers: matchersOf('service=~"a|b", team!="x"'),
  startsAt: START,
  createdAt: START,
  endsAt: after(START, HOUR),
  createdBy: 'U0ANN',
  comment: '<!channel> *now*',
  announcedIn: [{ channel: '#a', mentions: [] }],
};

test('a store that lost it makes it again from its message, with all of its matchers', () => {
  const [update] = silenceUpdates(SILENCE, { at: START, suppressed: [], isNew: true });
  const restorePoint = update?.desired === undefined ? '' : encodeRestorePoint(update.desired);
  const message = { key: update?.key ?? '', channelId: 'C1', messageTs: '1.0', lineKeys: [] };
  const found = [{ ...message, restorePoint: restorePoint ?? '' }];
  const plan = planRestore(found, [SILENCE_GROUP], { at: after(START, MINUTE), wasLost: true });
  const { announcedIn, ...rest } = plan.announced[0] ?? {};
  expect({ ...rest, announcedIn: announcedIn?.map(({ channel }) => channel) }).toEqual({
    ...SILENCE,
    announcedIn: ['#a'],
  });
});

test('foreign text in it mentions nobody', () => {
  const [update] = silenceUpdates(SILENCE, { at: after(START, HOUR), suppressed: ['<!here>'] });
  const alert = update?.desired?.alert;
  if (alert === undefined) throw new Error('nothing is shown');
  const shown = JSON.stringify([silenceMessage(alert), silenceEnd(alert)]);
  expect(shown).toContain('It suppressed 1 alert');
  expect(JSON.stringify(silenceMessage(alert))).not.toMatch(/<!channel>|<!here>/);
});

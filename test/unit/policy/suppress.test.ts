import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { after, before, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';
import { DEFAULT_ROUTE } from '../../../src/policy/route.ts';
import {
  createSuppression,
  type InhibitionContext,
  inhibitedByCause,
  type NotificationPolicy,
  type OtherAlert,
} from '../../../src/policy/suppress.ts';
import { anAlert } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const matchers = (text: string) => {
  const read = parseMatchers(text);
  return read.ok ? read.matchers : [];
};
const QUIET: NotificationPolicy = {
  route: DEFAULT_ROUTE,
  silences: [],
  maintenance: [],
  inhibitRules: [],
  inhibitsByCallGraph: false,
};
const around = (otherAlerts: readonly OtherAlert[] = []) => ({
  evalTime: START,
  localTime: () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute: 600 }),
  otherAlerts,
  calls: new Map([
    ['frontend', new Set(['checkout'])],
    ['checkout', new Set(['payments'])],
    ['payments', new Set(['auth'])],
  ]),
});
const about = (
  service: string,
  over: Partial<Alert> = {},
  valueKind: 'slow-share' | 'number' = 'slow-share',
): OtherAlert => ({
  service,
  rule: { valueKind, for: ms(0) },
  alert: anAlert({ labels: { alertname: 'Slow', service, severity: 'page' }, ...over }),
});

const suppressionOf = (self: OtherAlert, policy: NotificationPolicy, surroundings: InhibitionContext) =>
  createSuppression(policy, surroundings)(self);

describe('a silence', () => {
  const silence = (
    startsIn: number | undefined,
    endsIn: number,
    text = 'service="checkout"',
  ): NotificationPolicy => ({
    ...QUIET,
    silences: [
      {
        matchers: matchers(text),
        ...(startsIn === undefined ? {} : { startsAt: after(START, ms(startsIn)) }),
        endsAt: after(START, ms(endsIn)),
        createdBy: 'ann',
        comment: '',
      },
    ],
  });
  it.each([
    ['applies from its start', silence(0, 1), true],
    ['applies without a start', silence(undefined, 1), true],
    ['does not apply before its start', silence(1, 2), false],
    ['does not apply at its end', silence(-1, 0), false],
    ['does not apply to other alerts', silence(-1, 1, 'service="cart"'), false],
  ])('%s', (_, policy, expected) => {
    const found = suppressionOf(about('checkout'), policy, around());
    expect(found?.kind).toBe(expected ? 'silence' : undefined);
  });

  it('has its creator, its start and its end', () => {
    const self = about('checkout', { suppressed: { kind: 'time', by: 'x', since: before(START, HOUR) } });
    expect(suppressionOf(self, silence(-1, 1), around())).toEqual({
      kind: 'silence',
      by: 'ann: service="checkout"',
      since: before(START, HOUR),
      until: after(START, ms(1)),
    });
  });
});

describe('a maintenance window', () => {
  const window = { name: 'backup', matchers: matchers('service="checkout"') };
  const rows: Readonly<
    Record<string, readonly [Omit<NotificationPolicy['maintenance'][number], 'name' | 'matchers'>, boolean]>
  > = {
    'applies once': [{ once: { startsAt: START, endsAt: after(START, MINUTE) }, recurring: [] }, true],
    'does not apply at its end': [
      { once: { startsAt: before(START, MINUTE), endsAt: START }, recurring: [] },
      false,
    ],
    'applies at its recurring time': [
      { recurring: [{ times: [{ begin: 600, end: 660 }], location: 'UTC' }] },
      true,
    ],
    'does not apply at other times': [
      { recurring: [{ times: [{ begin: 0, end: 60 }], location: 'UTC' }] },
      false,
    ],
  };
  it.each(Object.entries(rows))('%s', (_, [times, expected]) => {
    const policy = { ...QUIET, maintenance: [{ ...window, ...times }] };
    const found = suppressionOf(about('checkout'), policy, around());
    expect(found).toEqual(expected ? { kind: 'maintenance', by: 'backup', since: START } : undefined);
  });
});

describe('inhibition by the call graph', () => {
  const policy = { ...QUIET, inhibitsByCallGraph: true };
  const cause = about('payments', { alertId: 'payments-1' });
  const inhibited = { kind: 'call-graph', by: 'payments', alertId: 'payments-1', since: START } as const;
  const ended = (ago: number) =>
    about('payments', { alertId: 'payments-1', state: 'resolved', resolvedAt: before(START, ms(ago)) });
  const ticket = { alertname: 'Slow', service: 'checkout', severity: 'ticket' };
  const rows: Readonly<Record<string, readonly [OtherAlert, readonly OtherAlert[], boolean]>> = {
    'inhibits a caller by its callee': [about('checkout'), [cause], true],
    'follows a chain of slow services': [about('frontend'), [about('checkout'), cause], true],
    'does not follow a service without an alert': [about('frontend'), [cause], false],
    'inhibits by a pending callee': [
      about('checkout'),
      [about('payments', { alertId: 'payments-1', state: 'pending' })],
      true,
    ],
    'does not wait for a callee that fires later than in a minute': [
      about('checkout'),
      [
        {
          ...about('payments', { alertId: 'payments-1', state: 'pending' }),
          rule: { valueKind: 'slow-share', for: ms(2 * MINUTE) },
        },
      ],
      false,
    ],
    'never inhibits a page by a ticket': [
      about('checkout'),
      [about('payments', { labels: { service: 'payments', severity: 'ticket' } })],
      false,
    ],
    'inhibits a ticket by a page': [about('checkout', { labels: ticket }), [cause], true],
    'inhibits a warning by a critical alert': [
      about('checkout', { labels: { ...ticket, severity: 'warning' } }),
      [about('payments', { alertId: 'payments-1', labels: { service: 'payments', severity: 'critical' } })],
      true,
    ],
    'never inhibits a critical alert by a warning': [
      about('checkout', { labels: { ...ticket, severity: 'critical' } }),
      [about('payments', { labels: { service: 'payments', severity: 'warning' } })],
      false,
    ],
    'does not inhibit by a suppressed alert': [
      about('checkout'),
      [about('payments', { suppressed: { kind: 'silence', by: 'ann', since: START } })],
      false,
    ],
    'does not inhibit failures by slow requests': [about('checkout', {}, 'number'), [cause], false],
    'does not inhibit slow requests by failures': [
      about('checkout'),
      [about('payments', {}, 'number')],
      false,
    ],
    'does not inhibit what starts after its cause is resolved': [about('checkout'), [ended(0)], false],
    'keeps inhibiting for a minute after its cause is resolved': [
      about('checkout', { suppressed: inhibited }),
      [ended(59_000)],
      true,
    ],
    'ends a minute after its cause is resolved': [
      about('checkout', { suppressed: inhibited }),
      [ended(60_000)],
      false,
    ],
    'ends when its cause is not known anymore': [about('checkout', { suppressed: inhibited }), [], false],
  };
  it.each(Object.entries(rows))('%s', (_, [self, others, expected]) => {
    const found = suppressionOf(self, policy, around([self, ...others]));
    expect(found).toEqual(expected ? inhibited : undefined);
  });

  const pages = [about('frontend'), about('checkout'), cause];
  const silenced = { kind: 'silence', by: 'ann', since: START } as const;
  it.each<[string, OtherAlert]>([
    ['a ticket', about('auth', { labels: { alertname: 'Slow', service: 'auth', severity: 'ticket' } })],
    ['a silenced page', about('auth', { suppressed: silenced })],
    [
      'a page whose message waits for a mute time',
      about('auth', { suppressed: { ...silenced, kind: 'time' } }),
    ],
  ])('groups pages under the last visible one when %s is at the end of the chain', (_, end) => {
    const found = pages.map((self) => suppressionOf(self, policy, around([...pages, end])));
    expect(found).toEqual([inhibited, inhibited, undefined]);
  });

  it('does not replace a cause that has just ended by what that one suppressed', () => {
    const by = { ...inhibited, by: 'auth', alertId: 'auth-1' };
    const auth = about('auth', { alertId: 'auth-1', state: 'resolved', resolvedAt: before(START, ms(1)) });
    const payments = about('payments', { alertId: 'payments-1', suppressed: by });
    expect(suppressionOf(payments, policy, around([payments, auth]))).toEqual(by);
    // A minute later it is the last of the chain, whatever suppressed it before.
    const later = [about('checkout', { suppressed: by }), payments];
    expect(later.map((self) => suppressionOf(self, policy, around(later)))).toEqual([inhibited, undefined]);
  });

  it('is off unless the rule file sets it, and without a call graph', () => {
    const self = about('checkout');
    expect(suppressionOf(self, QUIET, around([self, cause]))).toBeUndefined();
    const { calls: _, ...blind } = around([self, cause]);
    expect(suppressionOf(self, policy, blind)).toBeUndefined();
  });

  it('reads the call graph once for any number of breaching services', () => {
    const otherAlerts = Array.from({ length: 400 }, (_, index) =>
      about(`s${index}`, { alertId: `e${index}` }),
    );
    let looks = 0;
    const calls = {
      get: (name: string) => {
        looks += 1;
        return new Set(name === 's399' ? [] : ['s399']);
      },
    } as unknown as NonNullable<InhibitionContext['calls']>;
    const ask = createSuppression(policy, { ...around(otherAlerts), calls });
    expect(otherAlerts.filter((each) => ask(each)?.alertId === 'e399')).toHaveLength(399);
    expect(looks).toBeLessThanOrEqual(2 * otherAlerts.length);
  });

  it('lists the services that each alert inhibits', () => {
    const callers = ['frontend', 'checkout'].map((service) => about(service, { suppressed: inhibited }));
    const gone = about('cart', { suppressed: inhibited, state: 'resolved' });
    expect([...inhibitedByCause([...callers, ...callers, gone, about('x')])]).toEqual([
      ['payments-1', ['checkout', 'frontend']],
    ]);
  });
});

it('inhibition by rules names the alert that inhibits', () => {
  const cause = about('db').alert;
  const found = suppressionOf(about('checkout'), QUIET, { ...around(), inhibitorOf: () => cause });
  expect(found).toMatchObject({ kind: 'inhibited', by: 'Slow', alertId: cause.alertId });
});

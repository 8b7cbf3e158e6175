import { describe, expect, it } from 'vitest';
import type { Alert, AlertGroup } from '../../../src/alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../../src/alerts/record-codec.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import { decideNotifications } from '../../../src/messages/plan.ts';
import type { ThreadLine } from '../../../src/messages/store.ts';
import type { RoutedDestination } from '../../../src/policy/route.ts';
import { alertOf, at, many, seconds } from '../evaluation/rule-play.ts';

const ROUTED: RoutedDestination = {
  channel: '#oncall',
  mentions: ['S0ONCALL'],
  remindAfter: ms(15 * MINUTE),
  isMuted: false,
};
const ACKNOWLEDGED = { acknowledged: { by: 'U0ANN', at: seconds(0) } };
const SILENCED = { suppressed: { kind: 'silence', by: 'deploy', since: seconds(0) } } as const;

interface Minute {
  readonly minute: number;
  /** What differs from an alert that fires and that nobody acted on. */
  readonly change?: Partial<Alert>;
  readonly route?: Partial<RoutedDestination>;
}

/** The reminders of some alerts over evaluations; the state is stored and read after each one. */
function reminders(minutes: readonly Minute[], given: readonly Alert[] = [alertOf(1)]) {
  let alerts = given;
  let alertGroups: readonly AlertGroup[] = [];
  const lines: { readonly minute: number; readonly line: ThreadLine }[] = [];
  for (const { minute, change, route } of minutes) {
    const { messages, ...kept } = decideNotifications(at, seconds(minute * 60), {
      alerts: alerts.map((alert) => ({
        ...alert,
        acknowledged: undefined,
        suppressed: undefined,
        ...change,
      })),
      transitions: [],
      known: { alertGroups },
      limits: { groupThreshold: 10, flapThreshold: 0, hasReminders: true },
      route: () => [{ ...ROUTED, ...route }],
    });
    const stored = decodeRecord(encodeRecord(kept)) as typeof kept;
    alerts = stored.alerts;
    alertGroups = stored.alertGroups ?? [];
    for (const { line } of messages) if (line?.kind === 'reminder') lines.push({ minute, line });
  }
  return lines;
}

const { alertId } = alertOf(1);

describe('the reminder of a page that nobody acknowledges', () => {
  it.each<[string, readonly Minute[], readonly number[]]>([
    [
      'once, after the time of its route',
      [{ minute: 0 }, { minute: 14 }, { minute: 15 }, { minute: 60 }],
      [15],
    ],
    ['not while it is acknowledged', [{ minute: 0 }, { minute: 15, change: ACKNOWLEDGED }], []],
    [
      'the whole time after an acknowledgement is withdrawn',
      [{ minute: 0 }, { minute: 5, change: ACKNOWLEDGED }, { minute: 16 }, { minute: 30 }, { minute: 31 }],
      [31],
    ],
    [
      'not again after an acknowledgement that follows it is withdrawn',
      [{ minute: 0 }, { minute: 15 }, { minute: 16, change: ACKNOWLEDGED }, { minute: 17 }, { minute: 60 }],
      [15],
    ],
    [
      'the whole time after a silence ends',
      [{ minute: 0 }, { minute: 15, change: SILENCED }, { minute: 16 }, { minute: 31 }],
      [31],
    ],
    ['not when it resolved', [{ minute: 0 }, { minute: 15, change: { state: 'resolved' } }], []],
    ['while it has no data', [{ minute: 0 }, { minute: 15, change: { noDataSince: seconds(60) } }], [15]],
    [
      'when the mute time of its route ends',
      [{ minute: 0 }, { minute: 15, route: { isMuted: true } }, { minute: 16 }],
      [16],
    ],
    ['not where its route sets none', [{ minute: 0 }, { minute: 60, route: { remindAfter: undefined } }], []],
  ])('%s', (_, minutes, expected) => {
    expect(reminders(minutes).map(({ minute }) => minute)).toEqual(expected);
  });

  it('mentions the people of the route, under a key that every replica gives it', () => {
    expect(reminders([{ minute: 0 }, { minute: 15 }])).toMatchObject([
      { line: { key: `${alertId}:reminder`, mentions: ['S0ONCALL'], text: 'Not acknowledged for 15 min' } },
    ]);
  });

  it('has the same key after the state was lost, so that the thread shows it once', () => {
    const posted = {
      ...alertOf(1),
      refreshedAt: seconds(0),
      postedTo: [{ channel: '#oncall', mentions: [] }],
    };
    expect(reminders([{ minute: 20 }, { minute: 35 }], [posted])).toMatchObject([
      { minute: 35, line: { key: `${alertId}:reminder`, mentions: ['S0ONCALL'] } },
    ]);
  });

  it('is one for an alert group, while one of its alerts is not acknowledged', () => {
    const [one] = reminders([{ minute: 0 }, { minute: 15 }, { minute: 60 }], many(12));
    expect(one).toMatchObject({
      minute: 15,
      line: { key: expect.stringMatching(/^alertGroup-.*:reminder$/) as string },
    });
    expect(reminders([{ minute: 0 }, { minute: 15, change: ACKNOWLEDGED }], many(12))).toEqual([]);
  });
});

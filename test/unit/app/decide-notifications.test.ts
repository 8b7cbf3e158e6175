import { describe, expect, it } from 'vitest';
import { decideNotifications } from '../../../src/app/decide-notifications.ts';
import type { Alert, Transition } from '../../../src/domain/alert/alert.ts';
import { after, ms } from '../../../src/domain/units.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const at = { group: aGroup(), rule: aRule() };
const seconds = (count: number) => after(START, ms(count * 1_000));

const decide = (alert: Alert, slot: number, kind?: Transition['kind']) =>
  decideNotifications(at, seconds(slot), {
    alerts: [alert],
    transitions: kind === undefined ? [] : [{ kind, alert }],
  });

describe('what is told of an alert', () => {
  it.each([
    ['nothing while it is pending', 'pending', []],
    ['nothing when it was only pending', 'dropped', []],
    ['that it fires', 'firing', ['firing']],
    ['that its data is gone', 'no-data', ['no-data']],
    ['that its data is back', 'data-back', ['data-back']],
    ['that it ended', 'resolved', ['resolved']],
  ] as const)('%s', (_, transition, kinds) => {
    const { entries } = decide(anAlert({ refreshedAt: seconds(290) }), 300, transition);
    expect(entries.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('starts and ends under one id per episode, whichever replica decides it, and whenever', () => {
    const alert = anAlert();
    const ids = [decide(alert, 30, 'firing'), decide(alert, 60, 'firing'), decide(alert, 90, 'resolved')].map(
      ({ entries }) => entries[0]?.id,
    );
    expect(ids).toEqual([`${alert.episode}:firing`, `${alert.episode}:firing`, `${alert.episode}:resolved`]);
  });

  it('tells what can happen again under an id with its slot', () => {
    const alert = anAlert();
    expect(decide(alert, 60, 'no-data').entries[0]?.id).toBe(
      `${alert.episode}:no-data:${seconds(60) / 1_000}`,
    );
  });

  it('carries the alert and the rule as they are now, due at once', () => {
    const [entry] = decide(anAlert(), 60, 'firing').entries;
    expect(entry).toMatchObject({
      group: at.group.id,
      rule: at.rule,
      alert: { value: 0.072, refreshedAt: seconds(60), shownValue: 0.072 },
      createdAt: seconds(60),
      notBefore: seconds(60),
      attempt: 0,
    });
  });
});

describe('when a message is brought up to date', () => {
  const shown = anAlert({ refreshedAt: START, shownValue: 0.05 });
  const rows: Readonly<Record<string, readonly [Alert, number, boolean]>> = {
    'when the value changed and thirty seconds have passed': [shown, 30, true],
    'not before thirty seconds have passed': [shown, 29, false],
    'not while the value stands still': [{ ...shown, shownValue: shown.value }, 299, false],
    'every five minutes even so': [{ ...shown, shownValue: shown.value }, 300, true],
    'not while it is pending': [{ ...shown, state: 'pending' }, 300, false],
    'not after its end': [{ ...shown, state: 'resolved' }, 300, false],
    'not while there is no data': [{ ...shown, noDataSince: START }, 300, false],
    'not for a value that is still NaN': [{ ...shown, value: Number.NaN, shownValue: Number.NaN }, 60, false],
    'when an alert from before has no note of what was shown': [anAlert(), 30, true],
  };

  it.each(Object.entries(rows))('%s', (_, [alert, slot, isDue]) => {
    const { entries, alerts } = decide(alert, slot);
    expect(entries.map(({ kind }) => kind)).toEqual(isDue ? ['refresh'] : []);
    expect(alerts[0]).toEqual(
      isDue ? { ...alert, refreshedAt: seconds(slot), shownValue: alert.value } : alert,
    );
  });

  it('does not follow up news of the same tick with an edit', () => {
    expect(decide(shown, 300, 'data-back').entries.map(({ kind }) => kind)).toEqual(['data-back']);
  });
});

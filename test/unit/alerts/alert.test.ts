import { describe, expect, it } from 'vitest';
import { type Alert, type AlertActions, withActions } from '../../../src/alerts/alert.ts';
import { after, MINUTE } from '../../../src/lib/units.ts';
import { anAlert } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const later = after(START, MINUTE);
const ANN = { by: 'U0ANN', at: later };
const silent = anAlert({
  noDataSince: START,
  suppressed: { kind: 'maintenance', by: 'move', since: START },
});
const recovered = anAlert({ state: 'resolved', resolvedAt: START, resolveReason: 'recovered' });

describe('an alert with actions', () => {
  it.each<[string, Alert, AlertActions | undefined, Partial<Alert>]>([
    ['is unchanged without actions', anAlert(), undefined, { state: 'firing' }],
    [
      'keeps its state when acknowledged',
      anAlert(),
      { acknowledged: ANN },
      { state: 'firing', acknowledged: ANN },
    ],
    [
      'is resolved when closed',
      silent,
      { closed: ANN },
      { state: 'resolved', resolvedAt: later, resolveReason: 'closed', closed: ANN },
    ],
    [
      'keeps its reason when it was resolved before',
      recovered,
      { closed: ANN },
      { state: 'resolved', resolvedAt: START, resolveReason: 'recovered' },
    ],
    [
      'keeps its acknowledgement when resolved',
      recovered,
      { acknowledged: ANN },
      { resolveReason: 'recovered', acknowledged: ANN },
    ],
  ])('%s', (_, alert, actions, expected) => {
    expect(withActions(alert, actions)).toMatchObject(expected);
  });

  it('has no missing data and no suppression when closed', () => {
    const closed = withActions(silent, { closed: ANN });
    expect(closed).not.toMatchObject({ noDataSince: expect.anything() });
    expect(closed).not.toMatchObject({ suppressed: expect.anything() });
  });

  it('is the same when the actions are applied twice', () => {
    const once = withActions(silent, { acknowledged: ANN, closed: ANN });
    expect(withActions(once, { acknowledged: ANN, closed: ANN })).toEqual(once);
  });
});

import { describe, expect, it } from 'vitest';
import type { Alert, AlertActions } from '../../../src/alerts/alert.ts';
import { withActions } from '../../../src/alerts/alert.ts';
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

describe('an alert with what people did', () => {
  it.each<[string, Alert, AlertActions | undefined, Partial<Alert>]>([
    ['nothing leaves it as it was', anAlert(), undefined, { state: 'firing' }],
    [
      'an acknowledgement leaves its state',
      anAlert(),
      { acknowledged: ANN },
      { state: 'firing', acknowledged: ANN },
    ],
    [
      'an end resolves it from that moment on',
      silent,
      { closed: ANN },
      { state: 'resolved', resolvedAt: later, resolveReason: 'closed', closed: ANN },
    ],
    [
      'what was seen to end keeps that end',
      recovered,
      { closed: ANN },
      { state: 'resolved', resolvedAt: START, resolveReason: 'recovered' },
    ],
    [
      'who had it is named at its end too',
      recovered,
      { acknowledged: ANN },
      { resolveReason: 'recovered', acknowledged: ANN },
    ],
  ])('%s', (_, alert, actions, expected) => {
    expect(withActions(alert, actions)).toMatchObject(expected);
  });

  it('an end leaves nothing of the missing data and of what held it back', () => {
    const ended = withActions(silent, { closed: ANN });
    expect(ended).not.toMatchObject({ noDataSince: expect.anything() });
    expect(ended).not.toMatchObject({ suppressed: expect.anything() });
  });

  it('reading twice changes nothing more', () => {
    const once = withActions(silent, { acknowledged: ANN, closed: ANN });
    expect(withActions(once, { acknowledged: ANN, closed: ANN })).toEqual(once);
  });
});

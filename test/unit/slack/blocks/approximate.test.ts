import { describe, expect, it } from 'vitest';
import { ms } from '../../../../src/lib/units.ts';
import type { MessageView } from '../../../../src/messages/notifier.ts';
import { alertMessage, headline } from '../../../../src/slack/blocks/alert.ts';
import { memberValue } from '../../../../src/slack/blocks/alert-group.ts';
import { noteMessage } from '../../../../src/slack/blocks/note.ts';
import { START } from '../../../support/virtual-clock.ts';
import { anEnrichedView, aView } from '../views.ts';

const approximate = { threshold: ms(750), isApproximate: true } as const;
const beside = { low: ms(500), high: ms(1_000), atLeast: 0.031, atMost: 0.12 };

describe('a threshold between two bucket bounds', () => {
  const cases: Readonly<Record<string, readonly [MessageView, readonly string[]]>> = {
    'is shown with what both leave possible, and at which bound it is evaluated': [
      anEnrichedView({ ...approximate, value: 0.031, slowShare: 0.031, burnRate: 3.1, slowBetween: beside }),
      [
        '3.1% to 12% slower than 750 ms (between the bucket bounds 500 ms and 1 s, evaluated at 1 s), 1% allowed',
        'burn rate at least 3.1x',
      ],
    ],
    'is a bound after all': [
      anEnrichedView({
        ...approximate,
        value: 0.031,
        slowShare: 0.031,
        slowBetween: { low: ms(750), high: ms(750), atLeast: 0.031, atMost: 0.031 },
      }),
      ['3.1% slower than 750 ms, 1% allowed'],
    ],
    'lies above all bounds': [
      anEnrichedView({
        ...approximate,
        value: 0,
        slowShare: 0,
        slowBetween: { low: ms(500), atLeast: 0, atMost: 0.12 },
      }),
      ['0% to 12% slower than 750 ms (above all bucket bounds), 1% allowed'],
    ],
    'is said before the bounds are known': [
      aView({ ...approximate, value: 0.031 }),
      ['At least 3.1% slower than 750 ms (evaluated at the next higher bucket bound), 1% allowed'],
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [view, texts]) => {
    const shown = JSON.stringify(alertMessage(view).blocks);
    for (const text of texts) expect(shown).toContain(text);
  });

  it('gives the least there can be in the value that showed recovery', () => {
    const { alert, rule } = aView({
      ...approximate,
      state: 'resolved',
      resolvedAt: START,
      resolveReason: 'recovered',
      value: 0.002,
    });
    expect(noteMessage({ kind: 'resolved', alert, rule, at: START }).text).toContain(
      'Resolved: at least 0.2% of requests slower than 750 ms (alert threshold 1%).',
    );
  });

  it('gives the least there can be in a table of many', () => {
    expect(memberValue(aView(approximate), 0.031)).toBe('at least 3.1%');
  });

  it('gives the least there can be in the headline', () => {
    expect(headline(aView({ ...approximate, value: 0.031 }))).toBe(
      '🔴 checkout: at least 3.1% of requests slower than 750 ms, 1% allowed',
    );
  });
});

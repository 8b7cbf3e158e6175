import { describe, expect, it } from 'vitest';
import type { NoDataReason } from '../../../src/alerts/alert.ts';
import { after, epochMs, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { noDataReasonText, noteOf } from '../../../src/messages/alert-note.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const rule = aRule();

describe('the note on an end', () => {
  it.each([
    ['recovered', 'good side of the bound', undefined],
    ['no-longer-breaching', 'does not breach any more', undefined],
    ['rule-removed', 'its rule was removed. Whether the service is well is not known.', true],
    ['limit-exceeded', 'limit of alerts. Whether the service is well is not known.', true],
    ['closed', 'Whether the service is well is not known.', true],
  ] as const)('says how a breach that %s ended', (resolveReason, text, isOutcomeUnknown) => {
    const alert = anAlert({ state: 'resolved', resolveReason, resolvedAt: epochMs(5) });
    const note = noteOf('resolved', { alert, rule, createdAt: START });
    expect(note).toMatchObject({ kind: 'resolved', text: expect.stringContaining(text), at: 5 });
    expect(note.isOutcomeUnknown).toBe(isOutcomeUnknown);
  });

  it('carries the value that proved the recovery, against the bound of the evidence', () => {
    const alert = anAlert({ state: 'resolved', resolveReason: 'recovered', value: 0.002, resolvedAt: START });
    const recovery = { expr: 'slow_share', comparison: '>', bound: 0.005 } as const;
    expect(noteOf('resolved', { alert, rule: aRule({ recovery }), createdAt: START }).proof).toEqual({
      value: 0.002,
      valueKind: 'slow-share',
      bound: 0.005,
      comparison: '>',
    });
  });

  it('says of a proof by an approximate threshold that it is one', () => {
    const objective: LatencyObjective = {
      family: { metric: 'm', unit: 'ms', selector: '', serviceLabel: 'service' },
      by: ['service'],
      quantile: ratio(0.99),
      threshold: ms(750),
      window: MINUTE,
      isApproximate: true,
    };
    const alert = anAlert({ state: 'resolved', resolveReason: 'recovered', value: 0.002, resolvedAt: START });
    const of = aRule({ objective });
    expect(noteOf('resolved', { alert, rule: of, createdAt: START }).proof).toMatchObject({
      isApproximate: true,
    });
  });

  it.each([
    ['no-longer-breaching', aPlainRule()],
    ['rule-removed', rule],
  ] as const)('claims no proof for %s', (resolveReason, of) => {
    const alert = anAlert({ state: 'resolved', resolveReason, resolvedAt: START });
    expect(noteOf('resolved', { alert, rule: of, createdAt: START }).proof).toBeUndefined();
  });
});

describe('the note on missing data', () => {
  it('says since when the data is gone, and what is gone', () => {
    const alert = anAlert({ noDataSince: epochMs(7), noDataReason: { kind: 'traffic' } });
    expect(noteOf('no-data', { alert, rule, createdAt: START })).toEqual({
      kind: 'no-data',
      text: 'No data any more. Its series are there, but count no requests any more. That is no recovery: the alert stands until a value proves one.',
      at: 7,
    });
  });

  it('says how long it was gone when it is back', () => {
    const alert = anAlert({ seenAt: epochMs(9), gap: { start: START, end: after(START, ms(3 * MINUTE)) } });
    expect(noteOf('data-back', { alert, rule, createdAt: START })).toMatchObject({
      at: 9,
      goneFor: 3 * MINUTE,
    });
  });

  it('does not say that it breaches when only keep_firing_for holds it', () => {
    const alert = anAlert({ keepFiringSince: START });
    expect(noteOf('data-back', { alert, rule, createdAt: START }).text).toContain('does not breach');
  });

  const cases: readonly (readonly [NoDataReason, string])[] = [
    [{ kind: 'series', metric: 'm_count' }, 'gone from m_count'],
    [{ kind: 'few-requests', requests: 3, minimum: 50 }, '3 of the 50'],
    [{ kind: 'target' }, 'down or not scraped any more'],
    [{ kind: 'source' }, 'a part of the data only'],
    [{ kind: 'value' }, 'gives no value'],
    [
      { kind: 'unknown', reason: 'Prometheus did not answer in time' },
      'could not be notified apart: Prometheus',
    ],
  ];
  it.each(cases)('has words for %o', (noDataReason, text) => {
    expect(noDataReasonText(noDataReason)).toContain(text);
  });
});

import { describe, expect, it } from 'vitest';
import { toRecord, withoutMetricName } from '../../../../demo/prometheus/labels.ts';
import { QueryError } from '../../../../demo/prometheus/promql/errors.ts';
import { parseExpression } from '../../../../demo/prometheus/promql/parse.ts';
import { queryInstant } from '../../../../demo/prometheus/promql/query.ts';
import { PROMETHEUS_3 } from '../../../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore } from '../../../../demo/prometheus/sample-store.ts';
import { meets } from '../../../../src/alerts/recovery.ts';
import { fingerprint } from '../../../../src/lib/labels.ts';
import { epochMs } from '../../../../src/lib/units.ts';
import { analyseExpression } from '../../../../src/rules/analysis/analyse.ts';
import { checkExpression } from '../../../../src/rules/analysis/check-expression.ts';
import { generateQuery } from '../../../support/promql-queries.ts';
import { createChance, generateSamples } from '../../../support/promql-samples.ts';
import { SEED } from '../../../support/seed.ts';

const QUERIES = 1_500;

const store = createSampleStore();
for (const { labels, value, t } of generateSamples(createChance(SEED))) {
  store.append({ labels, t: epochMs(t), value });
}

/** Values by the fingerprint of their labels, without the metric's name; undefined when the query is refused. */
function ask(query: string, t: number): ReadonlyMap<string, number> | undefined {
  try {
    const expression = parseExpression(query, PROMETHEUS_3);
    const result = queryInstant(
      { source: store, versionBehavior: PROMETHEUS_3, lookback: 300_000 },
      expression,
      t,
    );
    if (result.type !== 'vector') return undefined;
    return new Map(
      result.samples.map(({ labels, value }) => [fingerprint(toRecord(withoutMetricName(labels))), value]),
    );
  } catch (error) {
    // Two series of a comparison that differ in their name alone: the server refuses such a rule too.
    if (error instanceof QueryError) return undefined;
    throw error;
  }
}

describe(`over ${QUERIES} generated expressions (seed ${SEED})`, () => {
  const chance = createChance(SEED);
  const queries = Array.from({ length: QUERIES }, () => generateQuery(chance));

  it('no expression that Prometheus accepts is refused', () => {
    const refused = queries.filter(({ query }) => checkExpression(query).length > 0);
    expect(refused.map(({ query }) => query)).toEqual([]);
  });

  it('a breach always meets the comparison of the recovery condition', () => {
    let checked = 0;
    for (const { query, start } of queries) {
      const { recovery } = analyseExpression(query);
      if (recovery?.comparison === undefined || recovery.bound === undefined) continue;
      const { comparison, bound } = recovery;
      const breaches = ask(query, start) ?? new Map<string, number>();
      if (breaches.size === 0) continue;
      const answer = ask(recovery.expr, start);
      expect(answer, `${recovery.expr} is not accepted`).toBeDefined();
      for (const [print] of breaches) {
        const value = answer?.get(print);
        expect(value, `${query}\n${recovery.expr}`).toBeDefined();
        expect(meets(value ?? Number.NaN, comparison, bound), `${query}\n${recovery.expr}`).toBe(true);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(50);
  });

  it('a recovery condition by presence returns the series of every breach', () => {
    let checked = 0;
    const filters = queries.filter(({ query }) => analyseExpression(query).recovery !== undefined);
    for (const [i, { query: left, start }] of filters.entries()) {
      const query = `(${left}) or (${filters.at(i - 1)?.query})`;
      const { recovery } = analyseExpression(query);
      if (recovery === undefined || recovery.comparison !== undefined) continue;
      // Of all comparisons `!=` alone lets NaN through, which is not data.
      if (query.replaceAll(/\{[^}]*\}/g, '').includes('!=')) continue;
      const breaches = ask(query, start) ?? new Map<string, number>();
      if (breaches.size === 0) continue;
      const present = ask(recovery.expr, start);
      expect(
        [...breaches.keys()].filter((print) => present?.has(print) !== true),
        `${query}\n${recovery.expr}`,
      ).toEqual([]);
      checked += breaches.size;
    }
    expect(checked).toBeGreaterThan(50);
  });
});

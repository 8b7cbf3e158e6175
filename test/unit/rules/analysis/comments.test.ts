import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  analyseExpression,
  metricsNeededBy,
  metricsOf,
  rateRangesOf,
  readingsOf,
  servicesNamedIn,
} from '../../../../src/rules/analysis/analyse.ts';
import { checkExpression } from '../../../../src/rules/analysis/check-expression.ts';
import { serviceSourceOf } from '../../../../src/rules/analysis/service.ts';
import { generateAlertExpression } from '../../../support/alert-expressions.ts';
import { generateQuery } from '../../../support/promql-queries.ts';
import { createChance } from '../../../support/promql-samples.ts';
import { isFullRun } from '../../../support/runs.ts';
import { SEED } from '../../../support/seed.ts';
import { ask, load } from '../../demo/prometheus/promql-case.ts';

const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^\]]*\]|(?:\d[\d.]*|\.\d+)e[+-]?\d+|[\w:.]+|[=!<>]=|[=!]~|\S/gi;

/** The expression with one of the texts between any two tokens. */
const spread = (expr: string, between: () => string): string =>
  between() + [...expr.matchAll(TOKEN)].map(([token]) => token + between()).join('');

const withoutWhitespace = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === 'string'
        ? each.replaceAll(
            /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|\s+/g,
            (_text, quoted?: string) => quoted ?? '',
          )
        : each,
    ),
  );

const analysed = (expr: string) =>
  withoutWhitespace({
    analysis: analyseExpression(expr),
    metrics: metricsOf(expr),
    needed: metricsNeededBy(expr),
    rates: rateRangesOf(expr),
    readings: readingsOf(expr),
    services: servicesNamedIn(expr),
    service: serviceSourceOf(expr, {}),
    problems: checkExpression(expr).map(({ message }) => message),
  });

/** The expressions of the tests in this folder. */
const written = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [
    ...readFileSync(`${import.meta.dirname}/${file}`, 'utf8').matchAll(/'([^'\n\\]{3,})'/g),
  ])
  .map(([, text = '']) => text)
  .filter((text) => /[(>=]/.test(text) && checkExpression(text).length === 0);

describe(`comments and white space change nothing (seed ${SEED})`, () => {
  const chance = createChance(SEED);
  const generated = Array.from({ length: isFullRun ? 600 : 150 }, () => generateQuery(chance).query);
  const alerts = Array.from({ length: isFullRun ? 3_000 : 150 }, () => generateAlertExpression(chance));
  const blanks = [' ', '\n', '\t', '\r\n', ' # c\n', '# "\n', "#' > 1 or up\n", '\n # (\n  '] as const;

  it('there are expressions to try', () => {
    expect(written.length).toBeGreaterThan(100);
    const sound = alerts.filter((expr) => checkExpression(expr).length === 0);
    expect(sound.length).toBeGreaterThan(0.8 * alerts.length);
    // Each way to end, so that each can be lost.
    const conditions = alerts.map((expr) => analyseExpression(expr).recovery);
    const kinds = conditions.map((recovery) => recovery && recovery.comparison === undefined);
    expect(new Set(kinds)).toEqual(new Set([true, false, undefined]));
  });

  it.each([
    ['the expressions of the tests', written],
    ['generated expressions', generated],
    ['expressions of alerts', alerts],
  ])('in the analysis of %s', (_, expressions) => {
    for (const expr of expressions) {
      const spaced = spread(expr, () => chance.pick(blanks));
      expect(analysed(spaced), spaced).toEqual(analysed(expr));
    }
  });

  it.each([
    ['# c\nup == 0', 'up'],
    ['(\n# c\nup) == 0', 'up'],
    ['up # c', undefined],
    ['up{job="#a"} == 0', 'up{job="#a"}'],
  ])('the recovery condition of %j', (expr, recovery) => {
    expect(analyseExpression(expr).recovery?.expr).toBe(recovery);
  });

  it('in the objective and the services of an expression', () => {
    const expr =
      '# p99\nhistogram_quantile(0.99, sum by (le, service) (rate(m_seconds_bucket{service="a"}[5m]))) > 0.5';
    expect(analyseExpression(expr).objective).toMatchObject({
      threshold: 500,
      family: { serviceLabel: 'service' },
    });
    expect(servicesNamedIn('m{ # c\n service # d\n = # e\n "a" } > 1')).toMatchObject([{ value: 'a' }]);
  });

  it('in what the embedded Prometheus returns', () => {
    const store = load({ 'up{job="a"}': '0' });
    for (const expr of [
      'up{job="a"} == 0',
      'sum by (job) (up)',
      'up <= bool 0',
      'max_over_time(up[1m]) - -1',
    ]) {
      const spaced = spread(expr, () => chance.pick(blanks));
      expect(ask(store, spaced, { at: 0 }), spaced).toEqual(ask(store, expr, { at: 0 }));
    }
  });
});

import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../src/lib/units.ts';
import type { RuleFinding, RuleUse } from '../../../src/rules/rule-use.ts';
import { createVerifyRules, type RuleInFile } from '../../../src/rules/verify-rules.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const inFile = (name: string, kind: RuleUse['kind'] = 'alerting'): RuleInFile => ({
  group: 'rules.yaml;g',
  at: 'rules.yaml:4:5',
  use: {
    name,
    kind,
    expr: 'a > 1',
    metrics: [],
    rates: [],
    services: [],
    interval: MINUTE,
    thresholds: [],
  },
});

const OFF: RuleFinding = { code: 'threshold-off-bounds', message: '750ms is not a bound.' };

function stand(...answers: readonly (readonly (readonly RuleFinding[])[] | Error)[]) {
  const clock = createVirtualClock();
  const logger = createSpyLogger();
  const checked: string[][] = [];
  const left = [...answers];
  const verifying = createVerifyRules({
    clock,
    logger,
    check: async (uses) => {
      checked.push(uses.map(({ name }) => name));
      // The last answer repeats.
      const answer = (left.length > 1 ? left.shift() : left[0]) ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const warned = () => logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
  return { clock, checked, warned, verifying, lines: () => logger.lines };
}

describe('loaded rules are checked against Prometheus', () => {
  it('and one with a missing bucket bound is reported, with its place', async () => {
    const { verifying, warned, clock } = stand([[OFF], []]);
    verifying.verify([inFile('Slow'), inFile('Fine')]);
    await clock.advance(MINUTE);
    expect(warned()).toEqual([{ rule: 'Slow', at: 'rules.yaml:4:5', reason: '750ms is not a bound.' }]);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBe('750ms is not a bound.');
    expect(verifying.problemOf('rules.yaml;g', 'Fine')).toBeUndefined();
    expect(verifying.problemOf('other.yaml;g', 'Slow')).toBeUndefined();
    await verifying.stop();
  });

  it('and of two with one name the right one is reported', async () => {
    const { verifying, clock } = stand([[OFF], []]);
    verifying.verify([
      { ...inFile('Burn'), key: 'Burn{long="1h"}' },
      { ...inFile('Burn'), key: 'Burn{long="6h"}' },
    ]);
    await clock.advance(MINUTE);
    expect(verifying.problemOf('rules.yaml;g', 'Burn{long="1h"}')).toBe('750ms is not a bound.');
    expect(verifying.problemOf('rules.yaml;g', 'Burn{long="6h"}')).toBeUndefined();
    await verifying.stop();
  });

  it('and what the evaluation reports itself, and warnings, are left out', async () => {
    const { verifying, warned, clock } = stand([
      [
        { code: 'expression-refused', message: 'x' },
        { code: 'rate-window', message: 'y' },
        { code: 'guessed-quantile', message: 'z' },
      ],
    ]);
    verifying.verify([inFile('A')]);
    await clock.advance(MINUTE);
    expect(warned()).toEqual([]);
    await verifying.stop();
  });

  it('and the check is retried a minute later when Prometheus does not answer', async () => {
    const { verifying, checked, clock } = stand(aSourceError('timeout', 'no answer'), [[OFF]]);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    await clock.advance(1_000);
    expect(checked).toHaveLength(2);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBe('750ms is not a bound.');
    await verifying.stop();
  });

  it('and those with a problem are checked again until their metric has appeared', async () => {
    const { verifying, checked, clock, warned, lines } = stand([[OFF], []], [[OFF]], [[]]);
    verifying.verify([inFile('Late'), inFile('Fine')]);
    await clock.advance(1_000);
    expect(verifying.problemOf('rules.yaml;g', 'Late')).toBeDefined();
    await clock.advance(15_000);
    expect(verifying.problemOf('rules.yaml;g', 'Late')).toBeDefined();
    await clock.advance(15_000);
    expect(verifying.problemOf('rules.yaml;g', 'Late')).toBeUndefined();
    expect(warned()).toHaveLength(1);
    expect(lines().filter(({ message }) => message === 'a rule can fire now')).toHaveLength(1);
    await clock.advance(60 * MINUTE);
    expect(checked).toEqual([['Late', 'Fine'], ['Late'], ['Late']]);
    await verifying.stop();
  });

  it('and the rules of a reload replace those before', async () => {
    const { verifying, clock } = stand([[OFF]], [[]]);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBeUndefined();
    await verifying.stop();
  });

  it('and burn rates, which read the same as their objective, are not checked', async () => {
    const { verifying, checked, clock } = stand([[]]);
    const { use, ...burn } = inFile('A-burn-1h');
    verifying.verify([inFile('A'), { ...burn, use: { ...use, isBurnRate: true } }]);
    await clock.advance(MINUTE);
    expect(checked).toEqual([['A']]);
    await verifying.stop();
  });

  it('and recording rules, which are left to Prometheus, are not checked', async () => {
    const { verifying, checked, clock } = stand([[]]);
    verifying.verify([inFile('a:b', 'recording'), inFile('A')]);
    await clock.advance(MINUTE);
    expect(checked).toEqual([['A']]);
    await verifying.stop();
  });

  it('and a stop does not wait for a Prometheus that does not answer', async () => {
    const { verifying } = stand(aSourceError('timeout', 'no answer'));
    verifying.verify([inFile('A')]);
    await verifying.stop();
    expect(verifying.problemOf('rules.yaml;g', 'A')).toBeUndefined();
  });
});

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
    by: [],
    thresholds: [],
  },
});

const OFF: RuleFinding = { code: 'threshold-off-bounds', message: '750ms is no bound.' };

function stand(...answers: readonly (readonly (readonly RuleFinding[])[] | Error)[]) {
  const clock = createVirtualClock();
  const logger = createSpyLogger();
  const asked: string[][] = [];
  const left = [...answers];
  const verifying = createVerifyRules({
    clock,
    logger,
    check: async (uses) => {
      asked.push(uses.map(({ name }) => name));
      const answer = left.shift() ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const warned = () => logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
  return { clock, asked, warned, verifying };
}

describe('rules that run are held against their Prometheus', () => {
  it('and one that cannot see its threshold is named, with its place', async () => {
    const { verifying, warned, clock } = stand([[OFF], []]);
    verifying.verify([inFile('Slow'), inFile('Fine')]);
    await clock.advance(MINUTE);
    expect(warned()).toEqual([{ rule: 'Slow', at: 'rules.yaml:4:5', reason: '750ms is no bound.' }]);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBe('750ms is no bound.');
    expect(verifying.problemOf('rules.yaml;g', 'Fine')).toBeUndefined();
    expect(verifying.problemOf('other.yaml;g', 'Slow')).toBeUndefined();
    await verifying.stop();
  });

  it('and of two that bear one name the right one is named', async () => {
    const { verifying, clock } = stand([[OFF], []]);
    verifying.verify([
      { ...inFile('Burn'), key: 'Burn{long="1h"}' },
      { ...inFile('Burn'), key: 'Burn{long="6h"}' },
    ]);
    await clock.advance(MINUTE);
    expect(verifying.problemOf('rules.yaml;g', 'Burn{long="1h"}')).toBe('750ms is no bound.');
    expect(verifying.problemOf('rules.yaml;g', 'Burn{long="6h"}')).toBeUndefined();
    await verifying.stop();
  });

  it('and what an evaluation says itself, or is only worth knowing, is not said again', async () => {
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

  it('and a Prometheus that does not answer is asked again, a minute later', async () => {
    const { verifying, asked, clock } = stand(aSourceError('timeout', 'no answer'), [[OFF]]);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    await clock.advance(MINUTE);
    expect(asked).toHaveLength(2);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBe('750ms is no bound.');
    await verifying.stop();
  });

  it('and the rules of a reload take the place of those before', async () => {
    const { verifying, clock } = stand([[OFF]], [[]]);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    verifying.verify([inFile('Slow')]);
    await clock.advance(MINUTE);
    expect(verifying.problemOf('rules.yaml;g', 'Slow')).toBeUndefined();
    await verifying.stop();
  });

  it('and burn rates, whose verdict is asked about what they read, are not asked about', async () => {
    const { verifying, asked, clock } = stand([[]]);
    const { use, ...burn } = inFile('A-burn-1h');
    verifying.verify([inFile('A'), { ...burn, use: { ...use, isBurnRate: true } }]);
    await clock.advance(MINUTE);
    expect(asked).toEqual([['A']]);
    await verifying.stop();
  });

  it('and recording rules, which are left to Prometheus, are not asked about', async () => {
    const { verifying, asked, clock } = stand([[]]);
    verifying.verify([inFile('a:b', 'recording'), inFile('A')]);
    await clock.advance(MINUTE);
    expect(asked).toEqual([['A']]);
    await verifying.stop();
  });

  it('and an end while Prometheus is away does not wait for it', async () => {
    const { verifying } = stand(aSourceError('timeout', 'no answer'));
    verifying.verify([inFile('A')]);
    await verifying.stop();
    expect(verifying.problemOf('rules.yaml;g', 'A')).toBeUndefined();
  });
});

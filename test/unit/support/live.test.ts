import { describe, expect, it } from 'vitest';
import { judgeNeeds, type LiveVerdict, type Need } from '../../support/live.ts';

const need = (isHere: boolean, isRequired: boolean): Need => ({
  name: 'redis-server',
  isHere: () => isHere,
  remedy: 'apt-get install redis-server',
  isRequired,
});

describe('a live suite', () => {
  const cases: Readonly<Record<string, readonly [readonly Need[], string | undefined, LiveVerdict['kind']]>> =
    {
      'runs where everything is': [[need(true, true), need(true, false)], undefined, 'run'],
      'runs where everything is and must be': [[need(true, true)], 'required', 'run'],
      'is skipped where something is missing': [[need(true, true), need(false, true)], undefined, 'skip'],
      'is refused where a package is missing that must be there': [[need(false, true)], 'required', 'refuse'],
      'is skipped where something is missing that not every machine can have': [
        [need(true, true), need(false, false)],
        'required',
        'skip',
      ],
      'does not know other modes': [[need(false, true)], 'optional', 'skip'],
    };
  it.each(Object.entries(cases))('%s', (_, [needs, mode, kind]) => {
    expect(judgeNeeds(needs, mode).kind).toBe(kind);
  });

  it('says what is missing and how to get it', () => {
    expect(judgeNeeds([need(false, true)], undefined)).toEqual({
      kind: 'skip',
      sentence: 'redis-server is not here: apt-get install redis-server',
    });
  });
});

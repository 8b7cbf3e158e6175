import { describe, expect, it } from 'vitest';
import { hintOf } from '../../../demo/hint.ts';
import { DEMO_SCRIPT } from '../../../demo/mesh/script.ts';
import { DEMO_RULES } from '../../../demo/rules.ts';
import { after, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { loadRuleFiles } from '../../../src/rules/file/rule-file.ts';
import { START } from '../../support/virtual-clock.ts';

const hint = (seconds: number, breachAt?: number): string =>
  hintOf({
    now: after(START, ms(seconds * SECOND)),
    startedAt: START,
    breachAt: breachAt === undefined ? undefined : after(START, ms(breachAt * SECOND)),
    script: DEMO_SCRIPT,
  });

describe('the hint of the demo', () => {
  it('counts down to the first breach, and stays until it is posted', () => {
    expect(hint(0)).toBe('The first breach comes in about 0:33. Meanwhile, try: /trace slowest checkout');
    expect(hint(120)).toMatch(/^The first breach comes any moment now\./);
  });

  it('then says what to try next, names the fault that is under way, and counts down to the next one', () => {
    expect(hint(40, 35)).toContain('Select Acknowledge or Slowest traces');
    expect(hint(4 * 60 + 10, 35)).toBe('In the mesh: one pod of shipping is slow. Try: /slo services');
    expect(hint(3 * 60, 35)).toBe('All is well. Try: /latency checkout · Next fault in 1:00');
    expect(hint((24 * MINUTE) / SECOND + 200, 35)).toMatch(/Next fault in \d:\d\d$/);
  });
});

it('the rules of the demo are without errors and warnings', async () => {
  const loaded = await loadRuleFiles(['demo.yaml'], async () => DEMO_RULES);
  expect(loaded.ok ? loaded.notes : loaded.errors).toEqual([]);
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { requireOrSkip } from '../support/live.ts';
import { TEMPLATE_CASES, TEMPLATE_LABELS, TEMPLATE_VALUE } from '../support/template-cases.ts';

const run = promisify(execFile);

const labelsText = Object.entries(TEMPLATE_LABELS)
  .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  .join(',');

/** One rule for each case, breaching with the case's labels and value; promtool expands its annotation. */
function ruleTest(expectedOf: (expected: string) => string) {
  const cases = Object.values(TEMPLATE_CASES);
  const rules = cases.map(({ template }, i) => ({
    alert: `Case${i}`,
    // Arithmetic takes the metric's name away, which the labels of a case do not hold.
    expr: `case${i} * 1`,
    annotations: { text: template },
  }));
  return {
    rules: stringify({ groups: [{ name: 'templates', rules }] }),
    test: stringify({
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: cases.map(({ value = TEMPLATE_VALUE }, i) => ({
            series: `case${i}{${labelsText}}`,
            values: `${value} ${value}`,
          })),
          alert_rule_test: cases.map(({ expected }, i) => ({
            eval_time: '1m',
            alertname: `Case${i}`,
            exp_alerts: [{ exp_labels: TEMPLATE_LABELS, exp_annotations: { text: expectedOf(expected) } }],
          })),
        },
      ],
    }),
  };
}

async function judge(expectedOf: (expected: string) => string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-templates-'));
  try {
    const { rules, test } = ruleTest(expectedOf);
    await Promise.all([
      writeFile(join(folder, 'rules.yaml'), rules),
      writeFile(join(folder, 'test.yaml'), test),
    ]);
    const { stdout } = await run('promtool', ['test', 'rules', 'test.yaml'], { cwd: folder });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

requireOrSkip('promtool')('promtool expands templates as we expect', () => {
  it('agrees with every case', async () => {
    expect(await judge((expected) => expected)).toContain('SUCCESS');
  });

  it('would object to a wrong expectation', async () => {
    const last = Object.values(TEMPLATE_CASES).at(-1)?.expected;
    expect(await judge((expected) => (expected === last ? `${expected}!` : expected))).toContain('FAILED');
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One element that an expression must give. */
export interface ExpectedSample {
  /** A series as PromQL writes it: `ALERTS{alertname="A"}`. */
  readonly labels: string;
  readonly value: number;
}

/** One `promql_expr_test`: what an expression must give at an instant of the test, in seconds from its start. */
export interface ExpressionTest {
  readonly expr: string;
  readonly at: number;
  readonly expected: readonly ExpectedSample[];
}

/** One test of a `promtool test rules` file: its own series, its own start of time. */
export interface RuleTest {
  /** Series to their samples in promtool's notation: `1 0 _ stale`. */
  readonly series: Readonly<Record<string, string>>;
  readonly expressions: readonly ExpressionTest[];
}

export interface RuleTestFile {
  /** A Prometheus rule file as a value: JSON is YAML. */
  readonly rules: object;
  /** Between evaluations, in seconds. */
  readonly interval: number;
  /** Between samples, in seconds; the same as between evaluations when absent. */
  readonly seriesInterval?: number;
  readonly tests: readonly RuleTest[];
}

function documentOf({ interval, seriesInterval = interval, tests }: RuleTestFile): object {
  return {
    rule_files: ['rules.yaml'],
    evaluation_interval: `${interval}s`,
    tests: tests.map(({ series, expressions }) => ({
      interval: `${seriesInterval}s`,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: expressions.map(({ expr, at, expected }) => ({
        expr,
        eval_time: `${at}s`,
        exp_samples: expected,
      })),
    })),
  };
}

/**
 * Lets Prometheus's own rule code judge. An empty text means that it agrees with everything; otherwise what it says.
 * `promtool` is the program; the one on the PATH when absent.
 */
export async function judgeByPromtool(file: RuleTestFile, promtool = 'promtool'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-promtool-'));
  try {
    await writeFile(join(dir, 'rules.yaml'), JSON.stringify(file.rules));
    await writeFile(join(dir, 'test.yaml'), JSON.stringify(documentOf(file)));
    await run(promtool, ['test', 'rules', join(dir, 'test.yaml')], { maxBuffer: 2 ** 28 });
    return '';
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = `${stdout}${stderr}`;
    if (said === '') throw error;
    return said;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

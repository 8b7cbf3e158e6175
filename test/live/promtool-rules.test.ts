import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { formatDuration } from '../../src/lib/units.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { requireOrSkip } from '../support/live.ts';

const run = promisify(execFile);

const FORMS = `
slos:
- { name: istio, preset: istio, objective: { quantile: 0.99, below: 500ms, window: 5m } }
- { name: ambient, preset: istio-ambient, objective: { quantile: 0.95, below: 1s, window: 10m }, min_requests: 50 }
- { name: otel, preset: otel-http, objective: { quantile: 0.999, below: 250ms, window: 5m }, alert: { burn: workbook } }
- { name: spans, preset: spanmetrics, objective: { quantile: 0.99, below: 30m, window: 1h }, alert: { for: 1m, keep_firing_for: 2m, recover: { below: 250ms, window: 1m }, burn: workbook }, min_requests: 10 }
- { name: own, metric: latency_seconds, selector: 'a="b\\"c",d=~"e.f"', by: [job, zone], service_label: job, objective: { quantile: 0.5, below: 5ms, window: 30s } }
`;

requireOrSkip('promtool')('promtool takes', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-rules-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  /** How many rules promtool found; rejects with its complaint. */
  async function check(text: string): Promise<number> {
    const file = join(folder, 'rules.yaml');
    await writeFile(file, text);
    const { stdout } = await run('promtool', ['check', 'rules', '--lint-fatal', file]);
    return Number(/SUCCESS: (\d+) rules found/.exec(stdout)?.[1]);
  }

  it('every rule the short form compiles to, and the evidence of each', async () => {
    const { groups } = parseRuleText('rules.yaml', FORMS);
    expect(groups).toHaveLength(5);
    const text = stringify({
      groups: groups.map(({ name, interval, rules }) => ({
        name,
        interval: formatDuration(interval),
        rules: rules.flatMap((rule) => [
          {
            alert: rule.name,
            expr: rule.expr,
            for: formatDuration(rule.for),
            labels: rule.labels,
            annotations: rule.annotations,
          },
          { alert: `${rule.name}-evidence`, expr: rule.recovery?.expr, labels: rule.labels },
        ]),
      })),
    });
    expect(await check(text)).toBe(2 * (1 + 1 + 4 + 4 + 1));
  });

  it('the Prometheus groups of the example in the Kubernetes manifests, as they are', async () => {
    const documents = parseAllDocuments(await readFile('manifests/kubernetes/base/rules.yaml', 'utf8'));
    const groups = documents
      .map((document) => document.toJS() as object)
      .filter((document) => 'groups' in document);
    expect(groups).toHaveLength(1);
    // `keep_firing_for` is younger than the promtool of some distributions.
    const text = stringify(groups[0]).replaceAll(/^ *keep_firing_for:.*\n/gm, '');
    expect(await check(text)).toBe(1);
  });
});

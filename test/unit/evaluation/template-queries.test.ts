import { beforeEach, describe, expect, it } from 'vitest';
import { evaluateRules, sendTemplateQueries } from '../../../src/evaluation/evaluate-rule.ts';
import type { MetricsSource, Sample } from '../../../src/lib/metrics-source.ts';
import { ms, SECOND } from '../../../src/lib/units.ts';
import { expandTemplate } from '../../../src/rules/template/template.ts';
import { aGroup, aPlainRule } from '../../support/builders.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

type Instant = MetricsSource['instant'];

const one = (value: number): readonly Sample[] => [{ labels: { id: 'x' }, value }];

describe('the queries of templates', () => {
  let clock: VirtualClock;
  let sent: string[];
  beforeEach(() => {
    clock = createVirtualClock(START);
    sent = [];
  });

  const expandedBy = async (
    annotations: Readonly<Record<string, string>>,
    answer: (expr: string, signal?: AbortSignal) => Promise<readonly Sample[]>,
    samples: readonly Sample[] = [{ labels: { service: 'cart' }, value: 3 }],
  ) => {
    const instant: Instant = async ({ expr, at }, signal) => {
      sent.push(`${expr} at ${at}`);
      return await answer(expr, signal);
    };
    const options = { metrics: { instant }, clock, expand: expandTemplate, externalUrl: 'http://prom' };
    const { expand } = await sendTemplateQueries(
      options,
      { labels: {}, annotations },
      { samples, at: START },
    );
    return samples.map((sample) => Object.values(annotations).map((text) => expand(text, sample)));
  };

  it('run at the evaluation time, also those that depend on the results of others', async () => {
    const text =
      '{{ with printf "a{s=%q}" $labels.service | query }}{{ . | first | value | printf "b%v" | query | first | value }}{{ end }}';
    const expanded = await expandedBy({ text }, async (expr) => one(expr.startsWith('a') ? 7 : 8));
    expect(expanded).toEqual([['8']]);
    expect(sent).toEqual([`a{s="cart"} at ${START}`, `b7 at ${START}`]);
  });

  it('are sent once for all elements and texts, and not at all without a breach', async () => {
    const texts = { a: '{{ query "up" | len }}', b: '{{ (query "up" | first).Value }} of {{ externalURL }}' };
    const samples = [1, 2, 3].map((value) => ({ labels: {}, value }));
    const expanded = await expandedBy(texts, async () => one(5), samples);
    expect(expanded).toEqual(samples.map(() => ['1', '5 of http://prom']));
    expect(sent).toHaveLength(1);
    await expandedBy(texts, async () => one(5), []);
    expect(sent).toHaveLength(1);
  });

  it('are at most five in a template', async () => {
    const text = '{{ range 6 }}{{ printf "q%d" . | query | len }}{{ end }}';
    expect(await expandedBy({ text }, async () => one(1))).toEqual([
      ['<error expanding template: error calling query: a template may send 5 queries>'],
    ]);
    expect(sent).toHaveLength(5);
  });

  it('take at most two seconds for all texts of a rule', async () => {
    const texts = { a: '{{ query "slow" | len }}', b: '{{ query "later" | len }}' };
    const expanding = expandedBy(texts, async (_, signal) => {
      await clock.sleep(ms(10 * SECOND), signal);
      return one(1);
    });
    await clock.advance(2 * SECOND);
    const [[first = '', second = ''] = []] = await expanding;
    expect(first).toMatch(/^<error expanding template: error calling query: /);
    expect(second).toMatch(/^<error expanding template: error calling query: /);
  });
});

describe('a query of a label that gets no answer', () => {
  const rule = aPlainRule({ expr: 'a > 1', labels: { owner: '{{ query "owner" | first | label "team" }}' } });
  const group = aGroup({ rules: [rule] });

  const evaluated = async (failure: Error, isPrometheus: boolean) => {
    const instant: Instant = async ({ expr }) => {
      if (expr === 'owner') throw failure;
      return [{ labels: { service: 'cart' }, value: 2 }];
    };
    const [result] = await evaluateRules(
      {
        metrics: { instant, range: async () => [], labelValues: async () => [] },
        clock: createVirtualClock(START),
        logger: createSpyLogger(),
        recorder: createSpyRecorder(),
        expand: expandTemplate,
        isPrometheus,
      },
      { group, evalTime: START },
      undefined,
    );
    return result?.next;
  };

  it('freezes the state, since the labels identify the alert', async () => {
    expect(await evaluated(aSourceError('timeout', 'too slow'), false)).toMatchObject({
      alerts: [],
      health: { kind: 'source-error', message: 'too slow' },
    });
  });

  it("is an error text in Prometheus's mode, and everywhere when the query is rejected", async () => {
    const labels = { owner: '<error expanding template: error calling query: wrong>' };
    expect(await evaluated(aSourceError('timeout', 'wrong'), true)).toMatchObject({ alerts: [{ labels }] });
    expect(await evaluated(aSourceError('bad-request', 'wrong'), false)).toMatchObject({
      alerts: [{ labels }],
    });
  });
});

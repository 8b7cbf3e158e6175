import { describe, expect, it } from 'vitest';
import { after, HOUR, MINUTE, ms } from '../../../../src/lib/units.ts';
import type { MessageView } from '../../../../src/messages/notifier.ts';
import { alertMessage, headline, slowestCommand } from '../../../../src/slack/blocks/alert.ts';
import type { Rendered, SlackBlock } from '../../../../src/slack/blocks/block-kit.ts';
import { noteMessage } from '../../../../src/slack/blocks/note.ts';
import { START } from '../../../support/virtual-clock.ts';
import { anEnrichedView, aView, NAMELESS, PLAIN, type ViewFields } from '../views.ts';

const labels = (block: SlackBlock | undefined): unknown[] =>
  (block as { elements: { text: { text: string } }[] }).elements.map(({ text }) => text.text);

const shown = (message: Rendered): string => JSON.stringify(message.blocks);

it('two alerts of one rule without a service have different headlines and notification texts (R15)', () => {
  const [one, two] = ['one', 'two'].map((variant) =>
    alertMessage(
      aView({
        ...PLAIN,
        valueKind: 'number',
        labels: { alertname: 'CheckoutSlow', variant },
        series: { variant },
        apart: ['variant'],
      }),
    ),
  );
  expect(one?.text).toContain('CheckoutSlow (variant=one)');
  expect(two?.text).toContain('CheckoutSlow (variant=two)');
});

describe('the headline says what, how much, and against which bound', () => {
  const cases: Record<string, MessageView> = {
    '🔴 checkout: p99 500 ms to 1 s, objective 500 ms': anEnrichedView(),
    '🔴 checkout: p99 over 3600 s, objective 500 ms': anEnrichedView({
      latency: { quantile: 0.99, value: ms(3_600_000), low: ms(3_600_000) },
    }),
    '🔴 checkout: 7.2% of requests slower than 500 ms, 1% allowed': aView(),
    '🔴 CheckoutSlow: 7.2% of requests slower than 500 ms, 1% allowed': aView(NAMELESS),
    '🔴 CheckoutSlow (checkout): 812 ms, above 500 ms': aView({
      ...PLAIN,
      valueKind: 'latency',
      annotations: { slo_unit: 'ms' },
      value: 812,
      bound: 500,
      comparison: '>',
    }),
    '🔴 CheckoutSlow (checkout): 42 requests, at or below 50 requests': aView({
      ...PLAIN,
      valueKind: 'number',
      annotations: { slo_unit: 'requests' },
      value: 42,
      bound: 50,
      comparison: '<=',
    }),
    '🔴 CheckoutSlow (checkout): Too many failures (22%, above 5%)': aView({
      ...PLAIN,
      valueKind: 'ratio',
      annotations: { summary: 'Too many failures.' },
      value: 0.224,
      bound: 0.05,
      comparison: '>',
    }),
    '🔴 CheckoutSlow (checkout): 22% of requests fail': aView({
      ...PLAIN,
      valueKind: 'ratio',
      annotations: { summary: '22% of requests fail' },
      value: 0.224,
      bound: 0.05,
      comparison: '>',
    }),
    '⚪ checkout: no data, alert still open': aView({ noDataSince: START }),
    '✅ checkout: recovered after 12 min': aView({
      state: 'resolved',
      resolvedAt: after(START, ms(13 * MINUTE)),
      resolveReason: 'recovered',
    }),
    '☑️ checkout: closed after 1 h (rule removed)': aView({
      state: 'resolved',
      resolvedAt: after(START, ms(HOUR + MINUTE)),
      resolveReason: 'rule-removed',
    }),
  };
  it.each(Object.entries(cases))('%s', (text, view) => {
    expect(headline(view)).toBe(text);
  });
});

describe("an alert's message", () => {
  it('shows the three honest numbers, the times, and where they come from', () => {
    const message = shown(alertMessage(anEnrichedView()));
    for (const text of [
      '*p99*\\n500 ms to 1 s',
      '*Objective*\\np99 below 500 ms over 5 min',
      '7.2% slower than 500 ms, 1% allowed · burn rate 7.2x · since <!date^1795183200',
      '*Peak slow requests*\\n9.1%',
      '<!date^1795183200^{date_short_pretty} {time}|2026-11-20 14:00:00 UTC>',
      'Complete: all 41 traces of 812 ms or more from 14:00 to 14:10 UTC',
      'severity `page`',
      '`team=shop`',
    ])
      expect(message).toContain(text);
  });

  it('keeps traces and a chart of an earlier time with that time, when a source fails', () => {
    const stale = { asOf: START, reason: 'Jaeger did not respond within 8 s.' };
    const view = anEnrichedView();
    const { evidence } = view;
    const message = shown(
      alertMessage({
        ...view,
        evidence: {
          ...evidence,
          traces: evidence.traces.kind === 'found' ? { ...evidence.traces, stale } : evidence.traces,
          staleChart: { asOf: START, reason: 'Prometheus did not respond within 8 s.' },
        },
      }),
    );
    expect(message).toMatch(
      /Traces as of <!date\^1795183200\^\{time\}\|[^>]+>: Jaeger did not respond within 8 s\./,
    );
    expect(message).toMatch(/Chart as of <!date\^1795183200\^\{time\}\|[^>]+>: Prometheus did not respond/);
    expect(message).toContain('11111111');
  });

  it('gives the p99 as its bucket: the interpolated value may be above the slowest trace', () => {
    const message = alertMessage(
      anEnrichedView({ latency: { quantile: 0.99, value: ms(2_280), low: ms(1_000), high: ms(2_500) } }),
    );
    expect(message.text).toContain('p99 1 to 2.5 s');
    expect(message.text + shown(message)).not.toContain('2.28');
  });

  it('has the state and the buttons before the evidence, for a phone', () => {
    const { blocks } = alertMessage(anEnrichedView({ mentions: ['S0ONCALL00'] }));
    expect(blocks.map(({ type }) => type)).toEqual([
      'header',
      'section',
      'actions',
      'section',
      'table',
      'context',
      'data_visualization',
      'section',
      'section',
      'actions',
      'context',
    ]);
    const [first, last] = blocks.filter(({ type }) => type === 'actions');
    expect(labels(first)).toEqual(['Acknowledge', 'Silence…', 'Slowest traces']);
    expect(labels(last)).toEqual(['Jaeger', 'Runbook']);
  });

  it('leads with the summary where the number alone does not say what is wrong', () => {
    const [headlineOfLatency, lead] = alertMessage(aView()).blocks;
    const [headlineOfOther, below] = alertMessage(aView(PLAIN)).blocks;
    expect(JSON.stringify([headlineOfLatency, lead])).not.toContain('checkout is slow');
    expect(JSON.stringify(headlineOfOther)).toContain('checkout is slow');
    expect(JSON.stringify(below)).not.toContain('checkout is slow');
    const long = 'checkout is slow '.repeat(20).trim();
    const cut = alertMessage(aView({ ...PLAIN, annotations: { summary: long } })).blocks;
    expect(JSON.stringify(cut[1])).toContain(long);
  });

  it('says at the end what showed recovery, not what the breach was about', () => {
    const message = alertMessage(
      aView({ state: 'resolved', resolvedAt: after(START, MINUTE), resolveReason: 'recovered', value: 0 }),
    );
    expect(message.text).toContain('0% of requests slower than 500 ms');
    expect(message.text + shown(message)).not.toContain('checkout is slow');
  });

  it("computes the burn rate from the rule's value before anything else is fetched", () => {
    expect(shown(alertMessage(aView()))).toContain('burn rate 7.2x');
  });

  it('opens each trace, in true order, with its time in the reader’s zone and a mark on an error', () => {
    const { blocks } = alertMessage(anEnrichedView());
    const table = blocks.find(({ type }) => type === 'table') as { rows: unknown[][] };
    expect(table.rows[0]).toEqual(
      ['#', 'In checkout', 'Trace', 'Whole request', 'Start', 'Operation'].map((text) => ({
        type: 'raw_text',
        text,
      })),
    );
    const plain = (text: string) => ({ type: 'raw_text', text });
    expect(table.rows[1]?.slice(0, 2)).toEqual([plain('1'), plain('1.24 s')]);
    expect(table.rows[1]?.[3]).toEqual(plain('1.5 s'));
    expect(JSON.stringify(table.rows[1]?.[4])).toContain('"type":"date","timestamp":1795183200');
    expect(JSON.stringify(table.rows[1]?.[2])).toContain(
      `"type":"link","url":"https://jaeger.example/trace/${'1'.repeat(32)}","text":"11111111"`,
    );
    expect(JSON.stringify(table.rows[2]?.[5])).toContain('⚠ error');
  });

  it('has a button for the slowest traces of its own window, with a command that could be typed', () => {
    expect(slowestCommand(aView())).toBe(
      '/trace slowest checkout at 2026-11-20T13:59:00.000Z/2026-11-20T14:01:00.000Z',
    );
    const ofErrors = aView();
    expect(slowestCommand({ ...ofErrors, rule: { ...ofErrors.rule, measures: 'errors' } })).toMatch(
      /^\/trace slowest checkout at \S+ failed$/u,
    );
    expect(slowestCommand(aView({ labels: { service: 'two words' } }))).toBeUndefined();
  });

  it('draws the value and its objective as two lines', () => {
    const { blocks } = alertMessage(anEnrichedView());
    const block = blocks.find(({ type }) => type === 'data_visualization') as unknown as {
      chart: { series: { name: string; data: unknown[] }[]; axis_config: { categories: string[] } };
    };
    expect(block.chart.series.map(({ name, data }) => [name, data.length])).toEqual([
      ['p99', 20],
      ['objective', 20],
    ]);
    // Half minutes: minutes alone would repeat.
    expect(block.chart.axis_config.categories.slice(0, 2)).toEqual(['13:50:00', '13:50:30']);
  });

  it('says why there are no traces, and everything else that is missing', () => {
    const message = shown(
      alertMessage(
        aView({
          traces: { kind: 'unavailable', reason: 'Jaeger did not respond within 8 s.' },
          gaps: ['No chart: Prometheus did not respond within 8 s.'],
        }),
      ),
    );
    expect(message).toContain('No traces: Jaeger did not respond within 8 s.');
    expect(message).toContain('No chart: Prometheus did not respond within 8 s.');
  });

  it('shows at the end what the evidence said, the worst, and how long it fired', () => {
    const over: ViewFields = {
      state: 'resolved',
      resolvedAt: after(START, ms(13 * MINUTE)),
      value: 0,
    };
    const message = shown(alertMessage(aView({ ...over, resolveReason: 'recovered' })));
    for (const text of [
      '0% of requests slower than 500 ms',
      '*Peak slow requests*\\n9.1%',
      'recovered after 12 min',
    ])
      expect(message).toContain(text);
    expect(message).not.toContain('burn rate');
  });

  it('does not claim that a service is well when only its rule is gone', () => {
    const over: ViewFields = { state: 'resolved', resolvedAt: after(START, HOUR) };
    expect(shown(alertMessage(aView({ ...over, resolveReason: 'rule-removed' })))).toContain('*unknown*');
    expect(shown(alertMessage(aView({ ...over, resolveReason: 'recovered' })))).not.toContain('*unknown*');
  });

  it('is marked as a test from its headline to its end', () => {
    const asTest = ({ rule, ...view }: MessageView): MessageView => ({
      ...view,
      rule: { ...rule, test: { mentions: false } },
    });
    const open = alertMessage(asTest(aView()));
    expect(open.text).toMatch(/^🔴 TEST .+\nThis is a test: nothing is wrong\./);
    expect(JSON.stringify(open.blocks)).toContain(
      '*This is a test: nothing is wrong.* The figures are the current ones. It ends by itself after 5 minutes.',
    );
    const end = aView({
      state: 'resolved',
      resolvedAt: after(START, ms(6 * MINUTE)),
      resolveReason: 'no-longer-returned',
    });
    const ended = alertMessage(asTest(end));
    expect(ended.text).toMatch(/^☑️ TEST checkout: ended after 5 min\n/);
    expect(shown(ended)).not.toMatch(/unknown|may have recovered/);
    expect(noteMessage({ kind: 'resolved', at: START, ...asTest(end) }).text).toMatch(/^☑️ The test ended\. /);
  });

  it('says in its text, too, why it is in another channel', () => {
    const message = alertMessage(aView({ notice: 'Could not post to #shop (is_archived); <!channel>' }));
    expect(message.text).toContain('Could not post to #shop (is_archived); &lt;!channel&gt;');
    expect(shown(message)).toContain('Could not post to #shop (is_archived); &lt;!channel&gt;');
  });
});

describe('an alert among others', () => {
  it('calls user groups and people by id, and nobody by anything else', () => {
    const message = shown(alertMessage(aView({ mentions: ['S0ONCALL00', 'U0ANN00000', '!channel'] })));
    expect(message).toContain('<!subteam^S0ONCALL00> <@U0ANN00000> `!channel`');
  });

  it('names the services that are slow because of this one', () => {
    const services = Array.from({ length: 14 }, (_, i) => `s${i}`);
    expect(shown(alertMessage(aView({ alsoSlow: services })))).toMatch(
      /Also slow because of it: `s0`, .*`s11` and 2 more/,
    );
  });

  it('says why it stays open after Alertmanager resolved it', () => {
    const unconfirmed = shown(alertMessage(aView({ resolvedInAlertmanager: { at: START } })));
    expect(unconfirmed).toMatch(
      /Alertmanager resolved it at <!date\^1795183200\^\{time\}[^>]*>\. It stays open until Prometheus shows recovery\./,
    );
    const limited = { resolvedInAlertmanager: { at: START, until: START } };
    expect(shown(alertMessage(aView(limited)))).toMatch(
      /shows recovery, or until <!date[^>]*> unless Alertmanager sends it again\./,
    );
    expect(shown(alertMessage(aView({ ...limited, state: 'resolved' })))).not.toContain('stays open');
  });

  it('says what keeps it still, and until when', () => {
    const suppressed = { kind: 'maintenance', by: 'ann: <!channel>', since: START, until: START } as const;
    expect(shown(alertMessage(aView({ suppressed })))).toMatch(
      /:no_bell: Maintenance: ann: &lt;!channel&gt; until <!date\^1795183200/,
    );
  });
});

import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/commands/answer.ts';
import type { SloRow } from '../../../../src/commands/slo-status.ts';
import { after, epochUs, HOUR, MINUTE, ms, us } from '../../../../src/lib/units.ts';
import { type AnswerFrame, answerMessage } from '../../../../src/slack/blocks/answer.ts';
import { aRule } from '../../../support/builders.ts';
import { START } from '../../../support/virtual-clock.ts';

const row = (n: number) => ({
  traceId: `${n}`.padStart(32, 'a'),
  duration: us(1_240_000 - n * 1_000),
  traceDuration: us(1_300_000),
  start: epochUs(START * 1_000),
  operation: `GET /${n}`,
  isError: false,
});

const slowest = (rows: number): Extract<Answer, { kind: 'slowest' }> => ({
  kind: 'slowest',
  view: {
    command: {
      kind: 'slowest',
      service: 'checkout',
      operation: 'GET /<cart>',
      last: ms(30 * MINUTE),
      over: ms(500),
      top: 5,
    },
    window: { start: START, end: after(START, ms(30 * MINUTE)) },
    result: {
      rows: Array.from({ length: rows }, (_, n) => row(n)),
      isComplete: false,
      completeness: 'Incomplete: stopped after 12 searches, slower traces may exist',
      searches: 12,
    },
    links: [
      { label: 'Search in Jaeger', url: 'https://jaeger.example/search?service=checkout' },
      { label: 'Traces in Kiali', url: 'https://kiali.example/a' },
    ],
  },
});

const slo = (over: Partial<SloRow>): SloRow => ({ rule: aRule(), state: 'ok', ...over });

describe('answers', () => {
  const says: Record<string, { answer: Answer; frame?: AnswerFrame; texts: string[]; not?: string[] }> = {
    'the slowest traces: the search, and its completeness': {
      answer: slowest(3),
      frame: { share: '/trace slowest checkout' },
      texts: [
        'Slowest traces of `checkout`',
        'operation `GET /&lt;cart&gt;` · over 500 ms',
        'Incomplete: stopped after 12 searches, slower traces may exist',
        '"text":"Search in Jaeger"',
        '"action_id":"share_answer","value":"/trace slowest checkout"',
      ],
    },
    'the slowest traces, in Kiali too': {
      answer: slowest(3),
      texts: ['"text":"Search in Jaeger"', '"text":"Traces in Kiali"', 'https://kiali.example/a'],
    },
    'more traces than a message holds: how many are left out': {
      answer: slowest(70),
      texts: ['20 more traces not shown'],
    },
    'no trace that slow': { answer: slowest(0), texts: ['over 500 ms', 'No traces.'] },
    'a latency: now and before, side by side': {
      answer: {
        kind: 'latency',
        view: {
          service: 'checkout',
          window: HOUR,
          at: START,
          calls: [],
          columns: [
            {
              label: 'now',
              window: ms(5 * MINUTE),
              quantiles: [{ quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) }],
              requestsPerSecond: 41.2,
              errorShare: 0.002,
            },
            { label: 'a day ago', window: HOUR, quantiles: [] },
          ],
          slos: [slo({ state: 'firing', value: 0.072, since: START })],
          notices: ['No requests were measured a day ago.'],
          links: [],
        },
      },
      texts: [
        'Latency of `checkout`*, 1 h until',
        '≈ 812 ms',
        '41.2 req/s',
        '0.2%',
        '"text":"–"',
        'Now: p99 between 500 ms and 1 s',
        '🔴 `CheckoutSlow` · firing · 7.2% · alerts above 1% · since <!date^',
      ],
    },
    'the rules, with a link to the message': {
      answer: {
        kind: 'slo-status',
        view: {
          at: START,
          rows: [
            slo({ state: 'firing', messageUrl: 'https://a.example/p1' }),
            slo({ state: 'pending' }),
            slo({}),
          ],
        },
      },
      texts: [
        '1 firing, 1 pending, 1 ok',
        '"🔴 <https://a.example/p1|CheckoutSlow> · firing · alerts above 1%\\n🟡',
        '\\n🟢',
      ],
    },
    'no rules at all': {
      answer: { kind: 'slo-status', view: { at: START, rows: [] } },
      texts: ['no rules are loaded'],
    },
    'more rules than fit': {
      answer: {
        kind: 'slo-status',
        view: {
          at: START,
          rows: Array.from({ length: 300 }, (_, n) =>
            slo({ rule: aRule({ name: `Rule${n}` }), detail: 'x'.repeat(99) }),
          ),
        },
      },
      texts: ['more rules'],
    },
    'a mistake: what is wrong, what was meant, how it is written': {
      answer: {
        kind: 'usage',
        problem: 'There is no <sub> command.',
        usage: ['/trace slowest <service>'],
        suggestion: '/trace slowest checkout',
      },
      texts: [
        'There is no &lt;sub&gt; command.',
        'Did you mean `/trace slowest checkout`?',
        '`/trace slowest &lt;service&gt;`',
      ],
    },
    'an unknown service: near names, and a menu that knows the command': {
      answer: {
        kind: 'unknown-service',
        name: 'chekout',
        nearest: ['checkout', 'cart'],
        all: ['cart', 'checkout'],
        retry: '/trace slowest {service} top 5',
      },
      texts: [
        'Unknown service `chekout`. Did you mean `checkout`, `cart`?',
        '"action_id":"pick_service_0","value":"/trace slowest checkout top 5"',
        '"block_id":"/trace slowest {service} top 5"',
        '"value":"cart"',
      ],
    },
    'more services than a menu holds': {
      answer: {
        kind: 'unknown-service',
        name: 'x',
        nearest: [],
        all: Array.from({ length: 130 }, (_, n) => `service-${n}`),
        retry: '/latency {service}',
      },
      texts: ['30 more services not in the menu'],
      not: ['Did you mean'],
    },
    nothing: {
      answer: {
        kind: 'nothing',
        text: 'Nothing there.',
        links: [{ label: 'Jaeger', url: 'https://j.example' }],
      },
      texts: ['Nothing there.', 'https://j.example'],
    },
    'a failure': {
      answer: { kind: 'failed', text: 'Jaeger did not answer.' },
      texts: ['⚠ Jaeger did not answer.'],
    },
    'an answer somebody shared': {
      answer: { kind: 'nothing', text: 'Nothing there.', links: [] },
      frame: { sharedBy: { userId: 'U0ALICE0000', command: '/trace slowest <x>' } },
      texts: ['<@U0ALICE0000> ran `/trace slowest &lt;x&gt;`'],
      not: ['share_answer'],
    },
  };
  it.each(Object.entries(says))('%s', (_name, { answer, frame, texts, not = [] }) => {
    const message = JSON.stringify(answerMessage(answer, frame).blocks);
    for (const text of texts) expect(message).toContain(text);
    for (const text of not) expect(message).not.toContain(text);
  });
});

import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/commands/commands.ts';
import { us } from '../../../src/lib/units.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';
import { MINUTE, now, open, requestId, requests, textOf, unsampled } from './bench.ts';

describe('/trace slowest', () => {
  it('answers with the slowest, links that show the same, and the command to have it again', async () => {
    const { answer, source } = open();
    const { answer: found, share, reproducible } = await answer('/trace', 'slowest checkout top 3 last 30m');
    expect(found.kind).toBe('slowest');
    if (found.kind !== 'slowest') return;
    expect(found.view).toMatchObject({
      command: { service: 'checkout.shop', top: 3 },
      window: { start: START, end: now },
      result: {
        isComplete: true,
        completeness: 'Complete: all 8 traces from 14:00 to 14:30 UTC (the last 45 s may still be arriving)',
      },
    });
    expect(found.view.result.rows.map(({ duration, url }) => [duration, url])).toEqual([
      [80_000, `http://jaeger/trace/${'8'.padStart(32, '0')}`],
      [70_000, `http://jaeger/trace/${'7'.padStart(32, '0')}`],
      [60_000, `http://jaeger/trace/${'6'.padStart(32, '0')}`],
    ]);
    const [search] = found.view.links;
    expect(search?.url).toContain('minDuration=60ms');
    expect(search?.url).toContain('service=checkout.shop');
    expect(share).toBe(false);
    expect(reproducible).toBe(
      '/trace slowest checkout.shop at 2026-11-20T14:00:00Z/2026-11-20T14:30:00Z top 3',
    );
    expect(parseCommand('/trace', (reproducible ?? '').slice('/trace'.length)).ok).toBe(true);
    const again = await answer('/trace', (reproducible ?? '').slice('/trace'.length));
    expect(again.answer).toMatchObject({ kind: 'slowest', view: { result: found.view.result } });
    expect(source.searches[0]).toMatchObject({
      service: 'checkout.shop',
      window: { start: START, end: now },
    });
  });

  it('is shared with the word share', async () => {
    const { answer } = open();
    expect((await answer('/trace', 'slowest checkout share')).share).toBe(true);
  });

  const nothing: Readonly<Record<string, { text: string; expected: RegExp }>> = {
    'none is that slow': {
      text: 'slowest checkout over 1s',
      expected:
        /^No traced request to checkout\.shop took 1 s or more from 14:00 to 14:30 UTC\. The last 45 s may still be arriving\.$/,
    },
    'none was that slow, in a time that has long arrived': {
      text: 'slowest checkout over 1s at 2026-11-20T14:00Z/2026-11-20T14:10Z',
      expected: /or more from 14:00 to 14:10 UTC\.$/,
    },
    'none was traced at that time': {
      text: 'slowest checkout at 2026-11-19T14:00Z/2026-11-19T14:10Z',
      expected: /^No trace of checkout\.shop from 14:00 to 14:10 UTC\. Jaeger knows the service.*sampled/,
    },
    'the operation is none of its own': {
      text: 'slowest checkout op "GET /crat"',
      expected: /^checkout\.shop has no operation "GET \/crat"\. Similar: "GET \/cart"\.$/,
    },
    'the operation is like no other': {
      text: 'slowest checkout op bananas',
      expected: /^checkout\.shop has no operation "bananas"\. Operations: "GET \/cart"\.$/,
    },
  };
  it.each(Object.entries(nothing))('explains why there is no result: %s', async (_, { text, expected }) => {
    const { answer } = open();
    const reply = await answer('/trace', `${text} share`);
    expect(textOf(reply.answer)).toMatch(expected);
    // An answer without a result is only for the sender.
    expect(reply).toMatchObject({ share: false });
    expect(reply).not.toMatchObject({ reproducible: expect.anything() });
    if (reply.answer.kind === 'nothing')
      expect(reply.answer.links[0]?.url).toContain('http://jaeger/search?');
  });

  it('distinguishes an operation without traffic from an unknown one', async () => {
    const { answer, source } = open();
    source.addOperation('checkout.shop', 'POST /order');
    expect(textOf((await answer('/trace', 'slowest checkout op "POST /order"')).answer)).toMatch(
      /^No trace of "POST \/order" of checkout\.shop/,
    );
  });

  it('offers the services that a name may refer to', async () => {
    const { answer, source } = open();
    source.addService('checkout.staging');
    expect((await answer('/trace', 'slowest chekcout last 5m over 1s')).answer).toEqual({
      kind: 'unknown-service',
      name: 'chekcout',
      nearest: ['checkout.shop', 'checkout.staging'],
      all: ['checkout.shop', 'checkout.staging', 'gateway.shop'],
      retry: '/trace slowest {service} last 5m over 1s',
    });
    expect((await answer('/trace', 'slowest checkout')).answer).toMatchObject({
      kind: 'unknown-service',
      all: ['checkout.shop', 'checkout.staging'],
    });
  });
});

describe('one trace, one request', () => {
  it('a request by an id of hex digits, as nginx makes it', async () => {
    const digits = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traces = requests(1).map((trace) => ({
      ...trace,
      spans: trace.spans.map((span) => ({ ...span, attributes: { 'guid:x-request-id': digits } })),
    }));
    const { answer } = open(traces);
    for (const text of [digits, `GET /cart 200 1.2 ${digits}`]) {
      const reply = await answer('/trace', text);
      expect(reply.answer).toMatchObject({ kind: 'request', view: { requestId: digits } });
      expect(reply.reproducible).toBe(`/trace ${digits}`);
    }
  });

  it('each of several ids in a text is offered', async () => {
    const { answer } = open();
    const ids = [1, 2].map((id) => String(id).padStart(32, '0'));
    const reply = await answer('/trace', `${ids[0]} and ${ids[1]}`);
    expect(reply.answer).toMatchObject({
      kind: 'lines',
      lines: [
        { phrase: ['This text contains 2 ids. Select one:'] },
        { button: { command: `/trace ${ids[0]}` } },
        { button: { command: `/trace ${ids[1]}` } },
        { button: { command: `/trace compare ${ids.join(' ')}` } },
      ],
    });
  });

  it('a trace by its id', async () => {
    const { answer } = open();
    const reply = await answer('/trace', '1'.padStart(32, '0'));
    expect(reply.answer).toMatchObject({
      kind: 'trace',
      view: { rootService: 'gateway.shop', spanCount: 2 },
    });
    expect(reply.reproducible).toBe(`/trace ${'1'.padStart(32, '0')}`);
  });

  it('a trace that is one of several of its request', async () => {
    const [whole, ...rest] = requests(2);
    const lost = aTrace('9', [
      {
        serviceName: 'payments.shop',
        start: whole!.spans[1]!.start,
        duration: us(1_000),
        attributes: { 'guid:x-request-id': requestId },
      },
    ]);
    const { answer } = open([whole!, lost, ...rest]);
    expect((await answer('/trace', '1'.padStart(32, '0'))).answer).toMatchObject({
      kind: 'trace',
      view: { request: { id: requestId, text: expect.stringContaining('payments.shop') } },
    });
    expect((await answer('/trace', '2'.padStart(32, '0'))).answer).not.toMatchObject({
      view: { request: expect.anything() },
    });
  });

  it('a trace that is not there', async () => {
    const { answer } = open();
    expect(textOf((await answer('/trace', 'f'.repeat(32))).answer)).toMatch(/^Jaeger has no trace f{32}: /);
  });

  it('a request by its id', async () => {
    const { answer } = open();
    const reply = await answer('/trace', requestId);
    expect(reply.answer).toMatchObject({ kind: 'request', view: { requestId, traces: [{ spanCount: 2 }] } });
  });

  it('a request that Envoy did not sample, by its id alone', async () => {
    const { answer, source } = open();
    const text = textOf((await answer('/trace', unsampled)).answer);
    expect(text).toMatch(
      /^Request \S+ has no trace\. Envoy did not sample this request \(the 15th character of its id is 4\),/,
    );
    expect(text).toMatch(/1% of requests unless/);
    expect(text.endsWith(`To search anyway: /trace request ${unsampled}`)).toBe(true);
    expect(source.searches).toEqual([]);
  });

  it('a request that Envoy did not sample, looked for all the same', async () => {
    const { answer, source } = open();
    const text = textOf((await answer('/trace', `request ${unsampled}`)).answer);
    expect(text).toMatch(
      /^No trace of request .* in the last 7 days in 2 services\. Envoy did not sample this request/,
    );
    expect(source.searches.length).toBeGreaterThan(0);
  });

  it('a header whose caller did not sample', async () => {
    const { answer } = open();
    const header = (id: string): string => `00-${id.padStart(32, '0')}-00f067aa0ba902b7-00`;
    expect(textOf((await answer('/trace', header('f'))).answer)).toMatch(
      /as expected: .*the caller did not sample/,
    );
    expect((await answer('/trace', header('1'))).answer).toMatchObject({
      kind: 'trace',
      view: { notices: [expect.stringMatching(/caller did not sample/)] },
    });
  });

  it('the part of a service in a request', async () => {
    const { answer } = open();
    const reply = await answer('/latency', `checkout ${requestId}`);
    expect(reply.answer).toMatchObject({
      kind: 'request-latency',
      view: { service: 'checkout.shop', requestId, share: 0.5, spans: [{ duration: 10_000 }] },
    });
    expect(reply.reproducible).toBe(`/latency checkout.shop ${requestId}`);
  });

  it('the part of a service in a request of several traces, with what it cannot see there', async () => {
    const [first] = requests(1);
    if (first === undefined) throw new Error('no request');
    const { answer } = open([first, { ...first, traceId: 'f'.repeat(32) }]);
    const reply = await answer('/latency', `checkout ${requestId}`);
    expect(reply.answer).toMatchObject({
      kind: 'request-latency',
      view: {
        notices: expect.arrayContaining([
          expect.stringMatching(/another trace of this request are counted as own code/),
        ]),
      },
    });
  });

  it('a service that a request did not pass', async () => {
    const { answer, source } = open();
    source.addService('cart.shop');
    const reply = await answer('/latency', `cart ${requestId}`);
    expect(textOf(reply.answer)).toBe(
      `Request ${requestId} has a trace, but no span of cart.shop. Its services: checkout.shop, gateway.shop.`,
    );
  });
});

describe('the other commands', () => {
  it('latency and slo are answered with a command that repeats the answer', async () => {
    const { answer, clock } = open();
    expect(await answer('/latency', 'checkout last 5m share')).toMatchObject({
      answer: { kind: 'latency', view: { service: 'checkout', window: 5 * MINUTE, at: now } },
      share: true,
      reproducible: '/latency checkout last 5m',
    });
    expect((await answer('/slo', '')).reproducible).toBe('/slo status');
    // No timer is left behind.
    expect(clock.sleepers()).toBe(0);
  });

  it('help and mistakes are usage, for one only', async () => {
    const { answer } = open();
    expect(await answer('/trace', 'help')).toMatchObject({
      answer: { kind: 'usage', problem: '' },
      share: false,
    });
    expect(await answer('/trace', 'slwest checkout share')).toMatchObject({
      answer: { kind: 'usage', suggestion: '/trace slowest checkout share' },
      share: false,
    });
  });
});

describe('people who type the same at the same time', () => {
  const slowest = (answer: ReturnType<typeof open>['answer'], times: number) =>
    Promise.all(Array.from({ length: times }, () => answer('/trace', 'slowest checkout')));

  it('are answered by one search', async () => {
    const [alone, together] = [open(), open()];
    const [first] = await slowest(alone.answer, 1);
    const answers = await slowest(together.answer, 50);
    expect(together.source.searches).toEqual(alone.source.searches);
    expect(new Set(answers.map(({ answer }) => JSON.stringify(answer)))).toEqual(
      new Set([JSON.stringify(first?.answer)]),
    );
  });

  it('are answered by a search of their own when the first one has ended', async () => {
    const { answer, source } = open();
    await slowest(answer, 1);
    const { length } = source.searches;
    await slowest(answer, 1);
    expect(source.searches).toHaveLength(2 * length);
  });

  it('see what an action did that ended in between', async () => {
    let looks = 0;
    const { answerWith } = open();
    const answer = answerWith({
      ledger: async () => {
        looks += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return [];
      },
    });
    const before = answer('/slo', 'history');
    await answer('/slo', 'test');
    await Promise.all([before, answer('/slo', 'history'), answer('/slo', 'history')]);
    expect(looks).toBe(2);
  });
});

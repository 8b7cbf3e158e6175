import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestReference } from '../../../src/commands/command.ts';
import { parseCommand } from '../../../src/commands/commands.ts';
import { writeCommand } from '../../../src/commands/table.ts';
import { runsOf } from '../../support/runs.ts';
import { open, requestId, requests, textOf, unsampled } from './bench.ts';

const a = '4bf92f3577b34da6a3ce929d0e0e4736';
const b = '7d3e01c2a9b84f5690ab12cd34ef5678';
const trace = (traceId: string): RequestReference => ({ kind: 'trace', traceId });

describe('/trace compare, as it is typed', () => {
  const understood: Readonly<Record<string, { text: string; a?: RequestReference; b: RequestReference }>> = {
    'two trace ids': { text: `compare ${a} ${b}`, a: trace(a), b: trace(b) },
    'two links of Jaeger': {
      text: `compare https://jaeger.example/trace/${a} <https://jaeger.example/trace/${b}?uiFind=x>`,
      a: trace(a),
      b: trace(b),
    },
    'a trace and a request': {
      text: `compare ${a} ${requestId}`,
      a: trace(a),
      b: { kind: 'request', requestId },
    },
    'a request id of any form, in quotes': {
      text: `compare "order 17" ${b}`,
      a: { kind: 'request', requestId: 'order 17' },
      b: trace(b),
    },
    'a traceparent header': {
      text: `compare 00-${a}-00f067aa0ba902b7-01 ${b}`,
      a: trace(a),
      b: trace(b),
    },
    'the link of a comparison in Jaeger': {
      text: `compare https://jaeger.example/trace/${a}...${b}?cohort=${a}&cohort=${b}`,
      a: trace(a),
      b: trace(b),
    },
    'a single id, compared with a typical request': { text: `compare ${b}`, b: trace(b) },
    'that link alone': { text: `https://jaeger.example/trace/${a}...${b}`, a: trace(a), b: trace(b) },
  };
  it.each(Object.entries(understood))('%s', (_, { text, ...ids }) => {
    expect(parseCommand('/trace', text)).toEqual({
      ok: true,
      share: false,
      command: { kind: 'compare', ...ids },
    });
    expect(parseCommand('/trace', `${text} share`)).toMatchObject({ ok: true, share: true });
  });

  const refused: Readonly<Record<string, { text: string; problem: RegExp; suggestion?: string }>> = {
    'no id': { text: 'compare', problem: /Specify two requests/ },
    'three ids': {
      text: `compare ${a} ${b} ${requestId}`,
      problem: /compare takes at most two ids/,
      suggestion: `/trace compare ${a} ${b}`,
    },
    'a word between them': {
      text: `compare ${a} with ${b} share`,
      problem: /without a word between/,
      suggestion: `/trace compare ${a} ${b} share`,
    },
    'a typo in share': {
      text: `compare ${a} ${b} shrae`,
      problem: /compare takes at most two ids/,
      suggestion: `/trace compare ${a} ${b} share`,
    },
    'a typo in the form': {
      text: `comapre ${a} ${b}`,
      problem: /is not a \/trace command/,
      suggestion: `/trace compare ${a} ${b}`,
    },
    'an id that lost its leading zero': {
      text: `compare ${a.slice(1)} ${b}`,
      problem: /this one has 31/,
      suggestion: `/trace compare 0${a.slice(1)} ${b}`,
    },
    'a service': { text: `compare ${a} checkout`, problem: /"checkout" is not a trace id/ },
  };
  it.each(Object.entries(refused))('is refused: %s', (_, { text, problem, suggestion }) => {
    const parsed = parseCommand('/trace', text);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.problem).toMatch(problem);
    expect(parsed.suggestion).toBe(suggestion);
    expect(parsed.usage).toContain('/trace compare [<id>] <id> [share]');
  });

  it('with one id is written down, too', () => {
    expect(writeCommand({ kind: 'compare', b: trace(b) })).toBe(`/trace compare ${b}`);
  });

  it('is written down so that it is understood again', () => {
    const hex = fc
      .stringMatching(/^[0-9a-f]{32}$/)
      .filter((id) => !/^0+$/.test(id))
      .map(trace);
    const request = fc
      .oneof(fc.uuid(), fc.string({ minLength: 1, maxLength: 40 }))
      .map((id): RequestReference => ({ kind: 'request', requestId: id }));
    const reference = fc.oneof(hex, request);
    fc.assert(
      fc.property(reference, reference, (first, second) => {
        const command = { kind: 'compare', a: first, b: second } as const;
        const text = (writeCommand(command) ?? '').slice('/trace'.length);
        expect(parseCommand('/trace', text)).toEqual({ ok: true, command, share: false });
      }),
      { numRuns: runsOf(500) },
    );
  });
});

describe('/trace compare, answered', () => {
  const [first, second] = ['1', '8'].map((id) => id.padStart(32, '0'));

  it('shows both requests, and where their difference lies', async () => {
    const { answer } = open();
    const reply = await answer('/trace', `compare ${first} ${second} share`);
    expect(reply).toMatchObject({ share: true, reproducible: `/trace compare ${first} ${second}` });
    if (reply.answer.kind !== 'comparison') throw new Error(textOf(reply.answer));
    const { view } = reply.answer;
    expect([view.a.duration, view.b.duration, view.difference]).toEqual([20_000, 160_000, 140_000]);
    expect(view.path.rows.map(({ service, difference }) => [service, difference])).toEqual([
      ['checkout.shop', 70_000],
      ['gateway.shop', 70_000],
    ]);
    expect(view.paired.rows.map(({ service, depth, a, b }) => [service, depth, a, b])).toEqual([
      ['gateway.shop', 0, 20_000, 160_000],
      ['checkout.shop', 1, 10_000, 80_000],
    ]);
    expect(view.url).toBe(`http://jaeger/trace/${first}...${second}?cohort=${first}&cohort=${second}`);
    expect(view.notices).toEqual([]);
  });

  it('with one id picks a typical request of the same kind: the median of those around it', async () => {
    const { answer, source } = open();
    const reply = await answer('/trace', `compare ${second}`);
    if (reply.answer.kind !== 'comparison') throw new Error(textOf(reply.answer));
    // Seven others of 20 to 140 ms.
    expect(reply.answer.view.a).toMatchObject({ medianOf: 7, duration: 80_000 });
    expect(reply.answer.view.b).toMatchObject({ traceId: second });
    expect(reply.reproducible).toBe(`/trace compare ${second}`);
    expect(source.searches.map(({ service, operation }) => `${service} ${operation}`)).toEqual(
      Array.from({ length: 4 }, () => 'gateway.shop GET /'),
    );
  });

  it('finds a request by the id of its headers', async () => {
    const { answer } = open();
    const reply = await answer('/trace', `compare ${requestId} ${second}`);
    expect(reply.answer).toMatchObject({ kind: 'comparison', view: { a: { traceId: first, requestId } } });
  });

  const nothing: Readonly<Record<string, { text: string; expected: RegExp }>> = {
    'one of them is not there': {
      text: `compare ${first} ${'f'.repeat(32)}`,
      expected: /^Jaeger has no trace f{32}: it was not sampled/,
    },
    'both are missing: each is named': {
      text: `compare ${'e'.repeat(32)} ${'f'.repeat(32)}`,
      expected: /no trace e{32}[^]*\n.*no trace f{32}/,
    },
    'the request was not sampled': { text: `compare ${unsampled} ${second}`, expected: /did not sample/ },
    'both are one and the same': {
      text: `compare ${first} ${requestId}`,
      expected: /^Both ids are of the same trace/,
    },
  };
  it.each(Object.entries(nothing))('explains why there is no result: %s', async (_, { text, expected }) => {
    const { answer } = open();
    const reply = await answer('/trace', text);
    expect(textOf(reply.answer)).toMatch(expected);
    expect(reply).not.toMatchObject({ reproducible: expect.anything() });
  });

  it('with one id, the only one of its kind, is answered with the reason', async () => {
    const traces = requests(2);
    const [one] = traces.map((each, i) => ({
      ...each,
      spans: each.spans.map((span) => ({ ...span, attributes: { 'http.url': i === 0 ? '/cart' : '/' } })),
    }));
    if (one === undefined) throw new Error('a request is needed');
    const { answer } = open([one, ...traces.slice(1)]);
    const reply = await answer('/trace', `compare ${one.traceId}`);
    expect(textOf(reply.answer)).toMatch(/^No request similar to 0+1 was found within 10 minutes of it/);
  });

  it('warns that two requests of different kinds may differ for that reason alone', async () => {
    const [one, other] = requests(2).map(({ traceId, spans }, i) => ({
      traceId,
      spans: spans.map((span) => ({
        ...span,
        attributes: { 'http.method': 'GET', 'http.url': i === 0 ? 'http://shop/cart/17' : 'http://shop/' },
      })),
    }));
    if (one === undefined || other === undefined) throw new Error('two requests are needed');
    const { answer } = open([one, other]);
    const reply = await answer('/trace', `compare ${one.traceId} ${other.traceId}`);
    expect(reply.answer).toMatchObject({
      kind: 'comparison',
      view: {
        notices: [expect.stringMatching(/^A is GET \/cart\/\{id\}, B is GET \/: different kinds of request/)],
      },
    });
  });
});

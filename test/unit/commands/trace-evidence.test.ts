import { describe, expect, it, test } from 'vitest';
import { readExportedTraces } from '../../../src/jaeger/exported-traces.ts';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import {
  createKeepEvidence,
  decodeEvidence,
  encodeEvidence,
  type KeptEvidence,
} from '../../../src/messages/kept-evidence.ts';
import { answerMessage } from '../../../src/slack/blocks/answer.ts';
import { jaegerJson } from '../../../src/traces/jaeger-json.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { aTrace, aTraceSourceError } from '../../support/fake-trace-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { now, open } from './bench.ts';

const ALERT = 'ab12-1795183200';
const [SLOW, NORMAL] = [aTrace('51'), aTrace('a0')] as [Trace, Trace];

const evidence = (over: Partial<KeptEvidence> = {}): KeptEvidence => ({
  alertId: ALERT,
  at: epochMs(now - 1_000),
  service: 'checkout.shop',
  culprit: {
    subject: 'payments|POST /charge|own-code',
    headline: 'Culprit: payments, POST /charge, own code: +412 of +455 ms (91%).',
    others: ['Also slower: cart.'],
    asOf: epochMs(now - 1_000),
    command: '/trace why checkout.shop',
  },
  slow: { compared: 40, traces: [SLOW] },
  normal: { compared: 38, traces: [NORMAL] },
  ...over,
});

/** Sends a command to an installation that keeps the evidence of one alert, with these traces still in Jaeger. */
async function ask(
  text: string,
  inJaeger: readonly Trace[] = [],
  kept = evidence(),
  jaeger?: () => Promise<never>,
) {
  const bench = open(inJaeger);
  if (jaeger !== undefined) bench.source.before('trace', jaeger);
  const data = await encodeEvidence(kept);
  const answer = bench.answerWith({
    keptEvidence: async ({ alertId }) => (alertId === ALERT ? data : undefined),
    ledger: async () => [
      { at: now, kind: 'posted', what: 'Slow checkout', service: 'checkout', alertId: 'newer-1' },
      { at: epochMs(now - 1), kind: 'posted', what: 'Slow checkout', service: 'checkout', alertId: ALERT },
    ],
  });
  return await answer('/trace', text);
}

const shown = ({ answer }: Awaited<ReturnType<typeof ask>>): string =>
  JSON.stringify(answerMessage(answer).blocks);

describe('/trace evidence', () => {
  it.each([ALERT, 'checkout'])(
    'of %s shows the culprit, the counts, the traces and what Jaeger still has',
    async (of) => {
      const message = shown(await ask(`evidence ${of}`));
      expect(message).toContain('payments, POST /charge, own code: +412 of +455 ms (91%).');
      expect(message).toContain('Compared: 40 slow traces with 38 normal traces. Kept: 1 and 1 of them');
      expect(message).toContain(`/trace evidence ${ALERT} ${SLOW.traceId}`);
      expect(message).toContain(`/trace evidence ${ALERT} file`);
      expect(message).toContain('Jaeger no longer has the examples: Show uses the kept copy.');
      expect(shown(await ask(`evidence ${of}`, [SLOW, NORMAL]))).toContain('Jaeger still has the examples');
    },
  );

  it('shows a kept trace, with its picture, that Jaeger has deleted', async () => {
    const { answer, reproducible } = await ask(`evidence checkout ${SLOW.traceId}`);
    expect(answer).toMatchObject({
      kind: 'trace',
      view: {
        traceId: SLOW.traceId,
        picture: expect.anything(),
        notices: [expect.stringContaining('From the copy kept with the alert')],
      },
    });
    expect(reproducible).toBe(`/trace evidence ${ALERT} ${SLOW.traceId}`);
  });

  it.each([
    [SLOW.traceId, 'trace'],
    [`compare ${NORMAL.traceId} ${SLOW.traceId}`, 'comparison'],
  ])('stands in where Jaeger has deleted the trace: /trace %s', async (text, kind) => {
    const { answer } = await ask(text);
    const notice = `From the copy kept with the alert ${ALERT}: Jaeger did not return it.`;
    expect(answer).toMatchObject({ kind, view: { notices: expect.arrayContaining([notice]) } });
    expect(shown(await ask(text, [SLOW, NORMAL]))).not.toContain('From the copy');
  });

  it('stands in where Jaeger does not respond, whose error is the answer for any other trace', async () => {
    const failing = (of: string) => ask(of, [], evidence(), () => Promise.reject(aTraceSourceError()));
    expect(shown(await failing(SLOW.traceId))).toContain('From the copy kept with the alert');
    expect(shown(await failing('c'.repeat(32)))).toContain('Jaeger did not respond');
  });

  it('stands in for the spans of a service in a deleted request', async () => {
    const bench = open([aTrace('77')]);
    const data = await encodeEvidence(evidence());
    const answer = bench.answerWith({
      keptEvidence: async () => data,
      ledger: async () => [{ at: now, kind: 'posted', what: 'x', alertId: ALERT }],
    });
    const { answer: shownAnswer } = await answer('/latency', `${SLOW.spans[0]?.serviceName} ${SLOW.traceId}`);
    expect(JSON.stringify(shownAnswer)).toContain('From the copy kept with the alert');
  });

  it('gives the traces as files that read back as they were', async () => {
    const { answer } = await ask('evidence checkout file');
    if (answer.kind !== 'files') throw new Error(`unexpected ${answer.kind}`);
    expect(answer.files.map(({ name }) => name)).toEqual([`${ALERT}-slow.json`, `${ALERT}-normal.json`]);
    expect(answer.files.map(({ content }) => readExportedTraces(content))).toEqual([[SLOW], [NORMAL]]);
  });

  it('says that nothing is kept of an unknown alert or trace', async () => {
    expect((await ask('evidence cart')).answer).toMatchObject({
      kind: 'nothing',
      text: expect.stringMatching(/^No traces are kept for cart\./u),
    });
    expect((await ask(`evidence checkout ${'f'.repeat(32)}`)).answer).toMatchObject({ kind: 'nothing' });
  });
});

test('a file for Jaeger holds every field of a span', () => {
  const traces = [
    aTrace('1', [
      { kind: 'unspecified', resource: { 'k8s.pod.name': 'a', replica: 2 } },
      {
        kind: 'client',
        parentSpanId: '1'.padStart(16, '0'),
        followsFrom: true,
        isError: true,
        attributes: { 'http.status_code': 503, share: 0.5, retry: true, peer: 'x' },
        resource: { 'k8s.pod.name': 'b' },
        events: [{ at: epochUs(5), attributes: { event: 'timeout' } }],
        warnings: ['clock skew'],
        duration: us(7),
      },
      { attributes: { error: 'no such card' }, isError: true },
    ]),
  ];
  expect(readExportedTraces(jaegerJson(traces))).toEqual(traces);
});

describe('what is kept of an alert', () => {
  const traces = Array.from({ length: 8 }, (_, i) => aTrace(`${i + 1}`));

  it('is at most so large, with fewer traces of both sides, the example first', async () => {
    const of = evidence({ slow: { compared: 8, traces }, normal: { compared: 8, traces } });
    const whole = (await encodeEvidence(of)).length;
    const data = await encodeEvidence(of, whole - 1);
    expect(data.length).toBeLessThan(whole);
    const { slow, normal } = await decodeEvidence(data);
    expect(slow).toEqual({ compared: 8, traces: traces.slice(0, 4) });
    expect(normal).toEqual(slow);
    expect((await decodeEvidence(await encodeEvidence(of, 1))).slow.traces).toEqual([]);
  });

  it('costs nothing but itself when the store refuses', async () => {
    const logger = createSpyLogger();
    const keep = createKeepEvidence({ keepEvidence: () => Promise.reject(new Error('disk full')) }, logger);
    const where = { window: { start: now, end: now } };
    const result = { kind: 'compared', slow: 1, normal: 1 } as Parameters<typeof keep>[1]['result'];
    await expect(keep(evidence(), { result, slow: where, normal: where })).resolves.toBeUndefined();
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { reason: 'disk full' } }]);
  });
});

import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, ratio } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createFindRequest } from '../../../src/traces/find-request.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import {
  aTrace,
  aTraceSourceError,
  createFakeTraceSource,
  type FakeTraceSource,
} from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const id = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const now = epochMs(START + 10 * MINUTE);
const links = createLinks({ jaeger: 'http://jaeger' });
const at = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const carrying = (requestId: string) => ({ attributes: { 'guid:x-request-id': requestId } });

/** An older Jaeger, which refuses to search without a service. */
const withoutEverywhere = (traces: FakeTraceSource): FakeTraceSource => ({
  ...traces,
  search: async (query, signal) => {
    if (query.service === undefined) throw aTraceSourceError('unsupported');
    return traces.search(query, signal);
  },
});

const noise = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i) =>
  aTrace(`9${i}`, [{ serviceName: `${name}.shop`, start: at(i), ...carrying('another') }]),
);

describe('a request without a trace', () => {
  it('was looked for everywhere, at most four at a time', async () => {
    const traces = createFakeTraceSource(noise);
    let running = 0;
    let most = 0;
    traces.before('search', async () => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
    });
    const found = await createFindRequest({ traces: withoutEverywhere(traces), links })({
      requestId: id,
      now,
    });
    expect(found).toEqual({
      kind: 'absent',
      searched: 7 * 24 * 60 * MINUTE,
      services: 6,
      isComplete: true,
      recorded: { kind: 'as-expected' },
    });
    expect(most).toBe(4);
    // Six services twice, one look at how ids are recorded, and three other spellings where requests enter.
    expect(traces.searches).toHaveLength(16);
  });

  it('is not called absent from what was not searched', async () => {
    const traces = createFakeTraceSource(noise);
    const caller = new AbortController();
    traces.before('search', (_, call) => {
      if (call === 2) caller.abort();
    });
    const found = await createFindRequest({ traces, links })({ requestId: id, now }, caller.signal);
    expect(found).toMatchObject({ kind: 'absent', isComplete: false });
    expect(traces.searches.length).toBeLessThan(6);
  });

  it('is an error when nothing could be searched', async () => {
    const traces = createFakeTraceSource(noise);
    traces.before('search', () => {
      throw aTraceSourceError('timeout');
    });
    await expect(createFindRequest({ traces, links })({ requestId: id, now })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  it('is an error at once when the backend cannot search by attributes', async () => {
    const traces = createFakeTraceSource(noise);
    traces.before('search', () => {
      throw aTraceSourceError('bad-request');
    });
    await expect(createFindRequest({ traces, links })({ requestId: id, now })).rejects.toMatchObject({
      code: 'bad-request',
    });
    expect(traces.searches.length).toBeLessThanOrEqual(4);
  });
});

const unsampled = 'e4e8c177-3962-4359-8b6f-1c3a4d5e6f70';

describe('a request that Envoy did not sample', () => {
  it('is answered without a search, with the share that is traced', async () => {
    const traces = createFakeTraceSource([aTrace('7', [{ start: at(0), ...carrying(unsampled) }])]);
    const sampledShare = async () => ratio(0.01);
    const found = await createFindRequest({ traces, links, sampledShare })({ requestId: unsampled, now });
    expect(found).toEqual({ kind: 'absent', searched: 0, services: 0, isComplete: true, sampled: 0.01 });
    expect(traces.searches).toEqual([]);
  });

  it('is found as a trace, whose id some programs write with hyphens', async () => {
    const traces = createFakeTraceSource([aTrace(unsampled.replaceAll('-', ''), [{ start: at(0) }])]);
    const found = await createFindRequest({ traces, links })({ requestId: unsampled, now });
    expect(found).toMatchObject({ kind: 'found', view: { traces: [{ rootService: 'checkout' }] } });
  });

  it('is searched when the query says so', async () => {
    const traces = createFakeTraceSource([aTrace('7', [{ start: at(0), ...carrying(unsampled) }])]);
    const find = createFindRequest({ traces, links });
    expect((await find({ requestId: unsampled, now, evenUnsampled: true })).kind).toBe('found');
  });
});

it('a request id of 32 hex digits that no span has is found as a trace', async () => {
  const digits = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traces = createFakeTraceSource([aTrace(digits, [{ start: at(0) }])]);
  const found = await createFindRequest({ traces, links })({ requestId: digits, now });
  expect(found).toMatchObject({
    kind: 'found',
    view: { notices: [expect.stringContaining('but a trace has')] },
  });
});

describe('how spans record request ids, when one is not found', () => {
  const cases: Readonly<Record<string, readonly [readonly Trace[], unknown]>> = {
    'they carry them': [noise, { kind: 'as-expected' }],
    'they carry none': [[aTrace('1', [{ serviceName: 'a.shop', start: at(0) }])], { kind: 'otherwise' }],
    'they carry them under another name': [
      [
        aTrace('1', [
          { serviceName: 'a.shop', start: at(0), attributes: { 'http.request.header.x-request-id': 'b' } },
        ]),
      ],
      { kind: 'otherwise', attribute: 'http.request.header.x-request-id' },
    ],
    'the first service in the alphabet serves no requests': [
      [
        ...Array.from({ length: 5 }, (_, i) => aTrace(`8${i}`, [{ serviceName: 'a-batch', start: at(i) }])),
        aTrace('1', [{ serviceName: 'b.shop', start: at(0), ...carrying('another') }]),
      ],
      { kind: 'as-expected' },
    ],
    'there are more services than were looked at': [
      Array.from({ length: 13 }, (_, i) => aTrace(`8${i}`, [{ serviceName: `batch-${i}`, start: at(i) }])),
      undefined,
    ],
    'there are none': [[aTrace('1', [{ serviceName: 'a.shop', start: epochUs(0) }])], { kind: 'no-traces' }],
  };
  it.each(Object.entries(cases))('%s', async (_, [held, recorded]) => {
    const traces = createFakeTraceSource(held);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toMatchObject({ kind: 'absent', recorded });
  });
});

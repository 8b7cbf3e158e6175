import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { traceView } from '../../../src/traces/inspect-trace.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';

const links = createLinks({ jaeger: 'http://jaeger' });
const at = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const id = (n: number) => `${n}`.padStart(16, '0');
const longAfter = epochMs(START + 3_600_000);

describe('the limitations of a trace', () => {
  const noticed: Readonly<Record<string, { spans: readonly Partial<Span>[]; now?: number; notice: RegExp }>> =
    {
      'it has just ended': {
        spans: [{ duration: us(2_000_000) }],
        now: START + 14_000,
        notice: /ended 12 s ago: more .* may still arrive/,
      },
      'its root is missing': { spans: [{ parentSpanId: 'lost' }], notice: /root span is missing/ },
      'a parent is missing': {
        spans: [{ parentSpanId: 'lost' }, {}],
        notice: /^1 span has a parent that is not in the trace/,
      },
      'it has two roots': { spans: [{}, {}], notice: /^2 of its spans have no parent/ },
      'its ids form a ring': {
        spans: [{ parentSpanId: id(2) }, { parentSpanId: id(1) }],
        notice: /its own ancestor/,
      },
      'clocks differ': {
        spans: [{ warnings: ['clock skew adjustment disabled; not applying calculated delta of -611ms'] }],
        notice: /differ by up to 611 ms/,
      },
      'it was cut off': {
        spans: [{ warnings: ['truncated: trace too large'] }],
        notice: /too large for Jaeger/,
      },
      'the critical path is of one of two fragments': {
        spans: [{ duration: us(10_000) }, { start: at(5), duration: us(50_000) }],
        notice:
          /^The .* path is that of checkout GET \/cart: the other fragment ran at the same time and may be/,
      },
      'the other fragment started later': {
        spans: [{ duration: us(10_000) }, { start: at(10), duration: us(50_000) }],
        notice: /path is that of checkout GET \/cart: the other fragment ran at another time\.$/,
      },
      'all other fragments ran at the same time': {
        spans: [1, 2, 3].map((length) => ({ parentSpanId: 'lost', duration: us(length * 10_000) })),
        notice: /GET \/cart: the other 2 fragments ran at the same time and may be what it waited for\.$/,
      },
      'some of the other fragments did': {
        spans: [
          { duration: us(10_000) },
          { parentSpanId: 'lost', start: at(2) },
          { parentSpanId: 'lost', start: at(20) },
        ],
        notice:
          /GET \/cart: 1 of the other 2 fragments ran at the same time and may be what it waited for\.$/,
      },
      'none of the other fragments did': {
        spans: [
          { duration: us(10_000) },
          { parentSpanId: 'lost', start: at(20) },
          { parentSpanId: 'lost', start: at(30) },
        ],
        notice: /GET \/cart: the other 2 fragments ran at other times\.$/,
      },
      'a server lies outside its client': {
        spans: [
          { kind: 'client', duration: us(10_000) },
          { parentSpanId: id(1), start: at(-500), duration: us(5_000) },
        ],
        notice: /^Clock skew puts 1 server span outside the calling span: /,
      },
      'something was not waited for': {
        spans: [{ duration: us(10_000) }, { parentSpanId: id(1), followsFrom: true, duration: us(5_000) }],
        notice: /^1 span was not waited for \(follows-from .* and is left out of/,
      },
      'several spans were not waited for': {
        spans: [
          { duration: us(10_000) },
          { parentSpanId: id(1), followsFrom: true, duration: us(5_000) },
          { parentSpanId: id(1), followsFrom: true, duration: us(5_000) },
        ],
        notice: /^2 spans were not waited for \(follows-from .* and are left out of/,
      },
      'work continued': {
        spans: [
          { kind: 'server', duration: us(10_000) },
          { parentSpanId: id(1), start: at(5), duration: us(50_000) },
        ],
        notice: /continued for 45 ms after the response was sent/,
      },
      'work continued, and there was no response': {
        spans: [
          { kind: 'consumer', duration: us(10_000) },
          { parentSpanId: id(1), start: at(5), duration: us(50_000) },
        ],
        notice: /continued for 45 ms after its first span had ended/,
      },
    };
  it.each(Object.entries(noticed))('%s', (_, { spans, now, notice }) => {
    const view = traceView(aTrace('5', spans), { now: epochMs(now ?? longAfter), links });
    expect(view?.notices.filter((text) => notice.test(text))).toHaveLength(1);
  });
});

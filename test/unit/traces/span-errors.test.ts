import { describe, expect, it } from 'vitest';
import { epochUs } from '../../../src/lib/units.ts';
import { errorOriginsOf } from '../../../src/traces/span-errors.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS } from '../../support/runs.ts';

const origins = (drawing: string): readonly string[] =>
  errorOriginsOf(buildTree(drawn(drawing))).map(
    ({ service, spans, reachesRoot }) => `${service} ${spans}${reachesRoot ? '' : ' coped with'}`,
  );

describe('where an error began', () => {
  const cases: Readonly<Record<string, { drawing: string; expected: readonly string[] }>> = {
    'nowhere when nothing failed': { drawing: 'a |===|', expected: [] },
    'in the deepest of a chain': {
      drawing: `
        a:s    |!!!!!!!!|
        b:c<a   |!!!!!|
        c:s<b    |!!!|
      `,
      expected: ['c 3'],
    },
    'in the last attempt, and the first one is its own': {
      drawing: `
        a:s    |!!!!!!!!!!|
        b:c<a   |!!!!!!!!|
        c:s<b   |!!!|
        d:s<b        |!!!|
      `,
      expected: ['d 3', 'c 1 coped with'],
    },
    'in something that was coped with': {
      drawing: `
        a:s    |========|
        b:c<a   |!!!!!|
        c:s<b    |!!!|
      `,
      expected: ['c 2 coped with'],
    },
    'below a span that carries no status': {
      drawing: `
        a:s    |!!!!!!!!|
        b<a     |======|
        c:c<b    |!!!|
      `,
      expected: ['c 2'],
    },
    'not below a call that succeeded': {
      drawing: `
        a:s    |!!!!!!!!|
        b:c<a   |======|
        c:s<b    |!!!|
      `,
      expected: ['a 1', 'c 1 coped with'],
    },
    'in an orphan as in a root': {
      drawing: `
        a:s        |====|
        b:s<lost   |!!!!!|
        c:c<b       |!!!|
      `,
      expected: ['c 2'],
    },
  };
  it.each(Object.entries(cases))('%s', (_, { drawing, expected }) => {
    expect(origins(drawing)).toEqual(expected);
  });

  it('merges failures with the same origin', () => {
    const { traceId, spans } = drawn(`
      a:c    |==========|
      b:s<a  |!!!|
      c:s<a       |!!!|
    `);
    const same = spans.map((span) => ({ ...span, serviceName: 'pay', spanName: 'charge' }));
    expect(errorOriginsOf(buildTree({ traceId, spans: same }))).toEqual([
      { service: 'pay', operation: 'charge', detail: 'failed', times: 2, spans: 2, reachesRoot: false },
    ]);
  });

  it('takes a chain of very many failing spans', () => {
    const spans = Array.from({ length: MANY_SPANS }, (_, i) => ({
      spanId: `${i}`,
      ...(i === 0 ? {} : { parentSpanId: `${i - 1}` }),
      isError: true,
    }));
    expect(errorOriginsOf(buildTree(aTrace('1', spans)))[0]?.spans).toBe(MANY_SPANS);
  });

  const details: Readonly<Record<string, { span: Partial<Span>; detail: string }>> = {
    'no response, as Envoy writes it': {
      span: { attributes: { 'http.status_code': '0', response_flags: 'UH' } },
      detail: 'no response, no healthy pod to call (UH)',
    },
    'several flags': {
      span: { attributes: { 'http.status_code': '503', response_flags: 'UF,URX' } },
      detail: '503, no connection to the called side (UF), every retry was used up (URX)',
    },
    'a flag that is newer than this program': {
      span: { attributes: { response_flags: 'constructor' } },
      detail: 'response flag constructor',
    },
    'the newer names of OpenTelemetry': {
      span: { attributes: { 'http.response.status_code': 500 } },
      detail: '500',
    },
    'no flag is not a flag': {
      span: { attributes: { 'http.status_code': '500', response_flags: '-' } },
      detail: '500',
    },
    'the last exception': {
      span: {
        events: [
          { at: epochUs(1), attributes: { 'exception.message': 'first' } },
          { at: epochUs(2), attributes: { 'exception.message': 'last' } },
        ],
      },
      detail: 'last',
    },
    'the status of gRPC, whose HTTP status is 200': {
      span: {
        attributes: { 'http.status_code': '200', 'grpc.status_code': '14', 'grpc.message': 'no upstream' },
      },
      detail: '14 UNAVAILABLE, no upstream',
    },
    'a status of gRPC that is no number': {
      span: { attributes: { 'rpc.response.status_code': 'DEADLINE_EXCEEDED' } },
      detail: 'DEADLINE_EXCEEDED',
    },
    'the status of HTTP when gRPC had no problem': {
      span: { attributes: { 'http.response.status_code': 503, 'grpc.status_code': '0' } },
      detail: '503',
    },
    "the type of an error without a message, as OpenTelemetry's clients write it": {
      span: { attributes: { 'error.type': 'ECONNREFUSED' } },
      detail: 'ECONNREFUSED',
    },
    'a type that repeats the status once': {
      span: { attributes: { 'http.response.status_code': 500, 'error.type': '500' } },
      detail: '500',
    },
    'the type of an exception without a message': {
      span: { events: [{ at: epochUs(1), attributes: { 'exception.type': 'NullPointerException' } }] },
      detail: 'NullPointerException',
    },
    "the message that Zipkin's libraries write": {
      span: { attributes: { error: 'Connection reset by peer' } },
      detail: 'Connection reset by peer',
    },
    'nothing more is known': { span: {}, detail: 'failed' },
  };
  it.each(Object.entries(details))('says %s', (_, { span, detail }) => {
    expect(errorOriginsOf(buildTree(aTrace('1', [{ ...span, isError: true }])))[0]?.detail).toBe(detail);
  });
});

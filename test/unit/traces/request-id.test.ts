import { describe, expect, it } from 'vitest';
import { epochUs } from '../../../src/lib/units.ts';
import { requestIdOf } from '../../../src/traces/request-id.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const FIRST = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const SECOND = '0a1b2c3d-3962-9359-8b6f-1c3a4d5e6f70';
const OPEN_TELEMETRY = 'http.request.header.x-request-id';

const span = (start: number, attributes: Span['attributes']): Partial<Span> => ({
  start: epochUs(start),
  attributes,
});

const cases: Readonly<Record<string, readonly [readonly Partial<Span>[], ReturnType<typeof requestIdOf>]>> = {
  'the one that Envoy wrote': [
    [span(0, {}), span(1, { 'guid:x-request-id': FIRST })],
    { attribute: 'guid:x-request-id', value: FIRST },
  ],
  'of several the one that it began with, in whatever order they came': [
    [span(9, { 'guid:x-request-id': SECOND }), span(1, { 'guid:x-request-id': FIRST })],
    { attribute: 'guid:x-request-id', value: FIRST },
  ],
  "Envoy's rather than an earlier one of the application": [
    [span(0, { 'request.id': SECOND }), span(1, { 'guid:x-request-id': FIRST })],
    { attribute: 'guid:x-request-id', value: FIRST },
  ],
  "another tracer's where Envoy wrote none": [
    [span(0, { 'user.id': SECOND, [OPEN_TELEMETRY]: FIRST })],
    { attribute: OPEN_TELEMETRY, value: FIRST },
  ],
  'none that counts the requests of one process': [[span(0, { request_id: 17 })], undefined],
  'none for a placeholder of zeros': [
    [span(0, { request_id: '00000000-0000-0000-0000-000000000000' })],
    undefined,
  ],
  'none in a trace without any': [[span(0, { 'http.status_code': '200' })], undefined],
  'none in an empty trace': [[], undefined],
};

describe('the request id of a trace', () => {
  it.each(Object.entries(cases))('is %s', (_, [spans, carried]) => {
    expect(requestIdOf(aTrace('1', spans))).toEqual(carried);
  });
});

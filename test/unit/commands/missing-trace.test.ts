import { describe, expect, it } from 'vitest';
import { missingRequest } from '../../../src/commands/missing-trace.ts';
import { DAY, ms, ratio } from '../../../src/lib/units.ts';
import type { FoundRequest } from '../../../src/traces/find-request.ts';

type Absent = Extract<FoundRequest, { kind: 'absent' }>;

const sampled = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const unsampled = 'e4e8c177-3962-4359-8b6f-1c3a4d5e6f70';
const forced = 'e4e8c177-3962-a359-8b6f-1c3a4d5e6f70';
const foreign = 'e4e8c177-3962-7359-8b6f-1c3a4d5e6f70';

const searched = (over: Partial<Absent> = {}): Absent => ({
  kind: 'absent',
  searched: ms(7 * DAY),
  services: 12,
  isComplete: true,
  recorded: { kind: 'as-expected' },
  ...over,
});
const unsearched: Absent = { kind: 'absent', searched: ms(0), services: 0, isComplete: true };

/** A request that was not found, and the text about it. */
const cases: Readonly<Record<string, readonly [string, Absent, RegExp]>> = {
  'not sampled, the share known': [
    unsampled,
    { ...unsearched, sampled: ratio(0.0123) },
    /^Request e4e8.* has no trace\. Envoy did not sample .* 1\.2% of requests were traced in the last hour\. .*\/trace request e4e8/,
  ],
  'not sampled, the share not known': [unsampled, unsearched, /Istio traces 1% of requests unless/],
  'not sampled, and looked for all the same': [unsampled, searched(), /^No trace .*Envoy did not sample/],
  'older than what is kept, or still on its way': [
    sampled,
    searched(),
    /^No trace of request .* in the last 7 days in 12 services\. Envoy sampled .* older than .* a minute/,
  ],
  'forced, and gone': [forced, searched(), /Tracing was forced .* older than .* a minute/],
  'made by another program': [foreign, searched(), /another program created it/],
  'not a UUID': ['01HF8Z-abc', searched(), /not a UUID: .*Check that it is the value of x-request-id/],
  'not all of it could be searched': [
    sampled,
    searched({ isComplete: false, services: 1 }),
    /the search was incomplete \(in the last 7 days in 1 service\)/,
  ],
  'no span carries a request id': [
    sampled,
    searched({ recorded: { kind: 'otherwise' } }),
    /have no request id .* Look up the trace id in the logs/,
  ],
  'the spans carry it under another name': [
    sampled,
    searched({ recorded: { kind: 'otherwise', attribute: 'http.request.header.x-request-id' } }),
    /request ids as http\.request\.header\.x-request-id, not as guid:x-request-id/,
  ],
  'nothing arrives at all': [
    sampled,
    searched({ recorded: { kind: 'no-traces' } }),
    /no traces of this time at all: check that the mesh sends them/,
  ],
};

describe('a request that was not found', () => {
  it.each(Object.entries(cases))('%s', (_, [requestId, absent, text]) => {
    expect(missingRequest(requestId, absent)).toMatch(text);
  });
});

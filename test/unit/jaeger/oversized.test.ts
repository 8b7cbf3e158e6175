import { expect, it } from 'vitest';
import type { HttpRequest } from '../../../src/http/http-client.ts';
import { epochMs, us } from '../../../src/lib/units.ts';
import { createFindSlowest } from '../../../src/traces/find-slowest.ts';
import type { TraceSource } from '../../../src/traces/trace-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';
import { type Reply, scripted } from './scripted.ts';

const MINUTES = 60_000;
const window = { start: START, end: epochMs(START + 15 * MINUTES) };
const search = { service: 'checkout', window, limit: 40 };
/** A trace that no answer may hold. */
const GIANT = START + 4 * MINUTES + 7_300;

const id = (n: number): string => String(n).padStart(32, '0');
/** One trace a minute. */
const ORDINARY = Array.from({ length: 15 }, (_, n) => ({
  id: id(n + 1),
  start: START + n * MINUTES,
  ms: n + 1,
}));

const legacyTrace = ({ id: traceID, start, ms }: (typeof ORDINARY)[number]) => ({
  traceID,
  spans: [
    {
      traceID,
      spanID: '1',
      operationName: 'GET /cart',
      startTime: start * 1_000,
      duration: ms * 1_000,
      processID: 'p',
    },
  ],
  processes: { p: { serviceName: 'checkout' } },
});

function legacySearch({ query = {} }: HttpRequest): Reply {
  const [from, to] = [Number(query['start']) / 1_000, Number(query['end']) / 1_000];
  if (from <= GIANT && GIANT <= to && query['minDuration'] === undefined) return 'too-large';
  const least = Number.parseFloat(String(query['minDuration'] ?? '0'));
  const found = ORDINARY.filter(({ start, ms }) => from <= start && start <= to && ms >= least);
  return { body: { data: found.map(legacyTrace) } };
}

const legacy = () =>
  scripted({ '/api/services': { body: { data: ['checkout'] } }, '/api/traces': legacySearch });

const slowest = (source: TraceSource) =>
  createFindSlowest({ traces: source, clock: createVirtualClock(epochMs(window.end + MINUTES)) })({
    service: 'checkout',
    window,
    count: 3,
  });

it('a trace that is too large for an answer costs only its second', async () => {
  const { source } = legacy();
  const found = await source.search(search);
  expect(found.traces).toHaveLength(15);
  expect(found.isComplete).toBe(false);
  const second = Math.floor(GIANT / 1_000) * 1_000;
  expect(found.unreadable).toEqual([{ start: second, end: second + 1_000 }]);
});

it('its second is remembered: the next search looks at it once', async () => {
  const { source, asked } = legacy();
  await source.search(search);
  const first = asked.length;
  await source.search(search);
  expect(asked.length - first).toBeLessThanOrEqual(6);
});

it('the slowest traces are found beside it, as it matches no search from their duration on', async () => {
  const { source } = legacy();
  const found = await slowest(source);
  expect(found.rows.map(({ duration }) => duration)).toEqual([15_000, 14_000, 13_000]);
  expect(found.completeness).toMatch(/^Complete: the slowest traces from/);
});

it('a search that is too large everywhere fails', async () => {
  const { source } = scripted({ '/api/services': { body: { data: [] } }, '/api/traces': () => 'too-large' });
  await expect(source.search(search)).rejects.toMatchObject({ code: 'too-large' });
});

const nanos = (ms: number): string => `${ms}000000`;
const v3Trace = ({ id: traceId, start, ms }: (typeof ORDINARY)[number]): Reply => ({
  body: {
    result: {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'checkout' } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId,
                  spanId: '1',
                  name: 'op',
                  startTimeUnixNano: nanos(start),
                  endTimeUnixNano: nanos(start + ms),
                },
              ],
            },
          ],
        },
      ],
    },
  },
});
const summary = (
  traceId: string,
  { start, ms, spanCount }: { start: number; ms: number; spanCount: number },
) => ({
  traceId,
  spanCount,
  minStartTimeUnixNano: nanos(start),
  maxEndTimeUnixNano: nanos(start + ms),
});

it.each([
  ['is read by its id', 60_000, { isComplete: true, traces: { length: 16 } }],
  [
    'is left out when it is larger than that too',
    200_000,
    { isComplete: false, unreadable: [{ start: GIANT }] },
  ],
])('with summaries it %s', async (_, spanCount, expected) => {
  const giant = { id: id(99), start: GIANT, ms: 900, spanCount };
  const all = [...ORDINARY.map((each) => ({ ...each, spanCount: 30 })), giant];
  const { source } = scripted({
    '/api/v3/trace-summaries': { body: { summaries: all.map((each) => summary(each.id, each)) } },
    '/api/v3/traces': () => 'too-large',
    ...Object.fromEntries(all.map((each) => [`/api/v3/traces/${each.id}`, v3Trace(each)])),
  });
  expect(await source.search({ ...search, isRanking: true, minDuration: us(0) })).toMatchObject(expected);
});

import { describe, expect, test } from 'vitest';
import { breakDownLatency } from '../../../src/latency/breakdown.ts';
import type { Labels } from '../../../src/lib/labels.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { ms } from '../../../src/lib/units.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import type { LatencyFamily } from '../../../src/rules/rule.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { START } from '../../support/virtual-clock.ts';

const istio = PRESETS.istio.family;

/** Requests a second that ended so, `fast` of them within 100 ms and the others within 500 ms. */
const requests = (labels: Labels, rate: number, fast = rate): readonly Sample[] =>
  (
    [
      ['100', fast],
      ['500', rate],
      ['+Inf', rate],
    ] as const
  ).map(([le, value]) => ({ labels: { ...labels, le }, value }));

const ended = (code: string, version = 'v1', flags = '-'): Labels => ({
  destination_version: version,
  destination_canonical_revision: version,
  response_code: code,
  response_flags: flags,
});

async function broken(given: {
  readonly own?: readonly Sample[];
  readonly callers?: readonly Sample[];
  readonly means?: readonly Sample[];
  readonly family?: LatencyFamily;
}) {
  const queries: string[] = [];
  const { own = [], callers = [], means = [], family = istio } = given;
  const view = await breakDownLatency(
    {
      instant: async ({ expr }) => {
        queries.push(expr);
        if (expr.includes('_sum')) return means;
        return expr.includes('reporter="source"') && family === istio ? callers : own;
      },
    },
    { family, matchLabels: { [family.serviceLabel]: 'payments' }, at: START, window: ms(300_000) },
  );
  return { view, queries };
}

describe('a service broken down by version', () => {
  test('each with its share, its latency and its errors, the busiest first', async () => {
    const own = [
      ...requests(ended('200', 'v2'), 9, 0),
      ...requests(ended('503', 'v2'), 1),
      ...requests(ended('200', 'v1'), 30),
    ];
    const { view } = await broken({ own });
    expect(view?.versions.rows).toMatchObject([
      { version: 'v1', share: 0.75, p99: { low: 0, high: 100 }, errorShare: 0 },
      { version: 'v2', share: 0.25, p99: { low: 100, high: 500 }, errorShare: 0.1 },
    ]);
  });

  const silent: Readonly<Record<string, readonly Sample[]>> = {
    'there is only one': requests(ended('200'), 10),
    'the label is not there': requests({ response_code: '200' }, 10),
    'the mesh does not set it': requests(ended('200', 'unknown'), 10),
    'nothing was requested': requests(ended('200'), 0),
  };
  test.each(Object.entries(silent))('is empty when %s', async (_, own) => {
    expect((await broken({ own })).view?.versions).toEqual({ rows: [], hidden: 0 });
  });

  test('the canonical revision counts where the version is not known', async () => {
    const of = (revision: string): Labels => ({
      destination_version: 'unknown',
      destination_canonical_revision: revision,
      response_code: '200',
    });
    const { view } = await broken({ own: [...requests(of('a'), 1), ...requests(of('b'), 3)] });
    expect(view?.versions.rows.map(({ version, share }) => [version, share])).toEqual([
      ['b', 0.75],
      ['a', 0.25],
    ]);
  });

  test('more versions than a message holds are counted', async () => {
    const own = Array.from({ length: 9 }, (_, i) => requests(ended('200', `v${i}`), 9 - i)).flat();
    const { view } = await broken({ own });
    expect([view?.versions.rows.length, view?.versions.hidden]).toEqual([5, 4]);
  });
});

describe('a service broken down by outcome', () => {
  test('as its callers see it: that includes requests that never arrived', async () => {
    const { view } = await broken({
      own: requests(ended('200'), 90),
      callers: [
        ...requests(ended('200'), 90),
        ...requests(ended('503', 'unknown', 'UH'), 9),
        ...requests(ended('504', 'v1', 'UT'), 1, 0),
      ],
    });
    expect(view?.outcomes).toMatchObject({
      side: 'source',
      hidden: 0,
      rows: [
        { code: '200', flags: '', isFailure: false, share: 0.9 },
        { code: '503', flags: 'no healthy pod to call (UH)', isFailure: true, share: 0.09 },
        { code: '504', flags: 'the called side did not answer in time (UT)', share: 0.01, p99: { low: 100 } },
      ],
    });
  });

  test('as it answered itself, when retries replaced every failure', async () => {
    const { view } = await broken({
      own: [...requests(ended('200'), 90), ...requests(ended('503'), 10)],
      callers: requests(ended('200'), 90),
    });
    expect(view?.outcomes).toMatchObject({ side: 'destination', rows: [{ code: '200' }, { code: '503' }] });
  });

  test('a failure is never left out for being rare', async () => {
    const codes = ['200', '201', '202', '204', '301', '302', '304', '400', '404', '503'];
    const own = codes.flatMap((code, i) => requests(ended(code), 100 - 10 * i));
    const { view } = await broken({ own });
    expect(view?.outcomes.rows.map(({ code }) => code)).toEqual(['200', '201', '202', '204', '301', '503']);
    expect(view?.outcomes.hidden).toBe(4);
  });

  test('gRPC’s own status is separate, since its code is always 200', async () => {
    const grpc = (status: string): Labels => ({ ...ended('200'), grpc_response_status: status });
    const { view } = await broken({ own: [...requests(grpc('0'), 9), ...requests(grpc('14'), 1)] });
    expect(view?.outcomes.rows.map(({ grpcStatus, share }) => [grpcStatus, share])).toEqual([
      ['0', 0.9],
      ['14', 0.1],
    ]);
  });

  test('one outcome alone is not worth a line', async () => {
    const { view } = await broken({ own: requests(ended('200'), 9), callers: requests(ended('200'), 9) });
    expect(view?.outcomes.rows).toEqual([]);
  });
});

describe('both sides of the calls', () => {
  const means = (source: number, destination: number): readonly Sample[] => [
    { labels: { reporter: 'source' }, value: source },
    { labels: { reporter: 'destination' }, value: destination },
  ];

  test('have their own quantiles; only means are subtracted', async () => {
    const { view } = await broken({
      own: requests(ended('200'), 100, 99),
      callers: requests(ended('200'), 100, 90),
      means: means(21.5, 20),
    });
    expect(view?.sides).toMatchObject({
      source: { requestsPerSecond: 100, p99: { low: 100, high: 500 } },
      destination: { requestsPerSecond: 100, p99: { low: 0, high: 100 } },
      meanBetween: 1.5,
    });
  });

  const without: Readonly<Record<string, { callers: number; means: readonly Sample[] }>> = {
    'the two counted different requests': { callers: 80, means: means(21, 20) },
    'the callers were faster, which cannot be of the same requests': { callers: 100, means: means(19, 20) },
    'there is no mean': { callers: 100, means: [] },
  };
  test.each(Object.entries(without))('without what lies between, when %s', async (_, { callers, means }) => {
    const { view } = await broken({
      own: requests(ended('200'), 100),
      callers: requests(ended('200'), callers),
      means,
    });
    expect(view?.sides).toBeDefined();
    expect(view?.sides).not.toMatchObject({ meanBetween: expect.anything() });
  });

  test('are absent when only one side is measured', async () => {
    expect((await broken({ own: requests(ended('200'), 100) })).view).not.toMatchObject({
      sides: expect.anything(),
    });
    expect((await broken({ callers: requests(ended('503', 'unknown', 'UH'), 100) })).view).not.toMatchObject({
      sides: expect.anything(),
    });
  });
});

describe('the queries', () => {
  test('are three for a mesh, whatever the number of versions and outcomes', async () => {
    const { queries } = await broken({ own: requests(ended('200'), 1) });
    expect(queries).toHaveLength(3);
    expect(queries[0]).toBe(
      'sum by (le, destination_version, destination_canonical_revision, response_code, grpc_response_status, response_flags) ' +
        '(rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_service_name="payments"}[5m]))',
    );
    expect(queries[2]).toBe(
      'sum by (reporter) (rate(istio_request_duration_milliseconds_sum{reporter=~"source|destination",destination_service_name="payments"}[5m]))' +
        ' / sum by (reporter) (rate(istio_request_duration_milliseconds_count{reporter=~"source|destination",destination_service_name="payments"}[5m]))',
    );
  });

  test('is one where only one side is measured, with other labels', async () => {
    const family = PRESETS['otel-http'].family;
    const of = (version: string, code: string): Labels => ({
      service_version: version,
      http_response_status_code: code,
    });
    const own = [...requests(of('1.0', '200'), 3), ...requests(of('1.1', '500'), 1)];
    const { view, queries } = await broken({ own, family });
    expect(queries).toHaveLength(1);
    expect(view?.versions.rows).toMatchObject([
      { version: '1.0', errorShare: 0 },
      { version: '1.1', errorShare: 1 },
    ]);
    expect(view?.outcomes).toMatchObject({
      side: 'destination',
      rows: [{ code: '200' }, { isFailure: true }],
    });
  });

  test('are none for a histogram with unknown labels', async () => {
    const { view, queries } = await broken({
      family: { ...istio, metric: 'my_seconds', serviceLabel: 'job' },
    });
    expect([view, queries]).toEqual([undefined, []]);
  });

  test('an error of Prometheus is thrown', async () => {
    const failing = {
      instant: async () => {
        throw aSourceError();
      },
    };
    const query = { family: istio, matchLabels: {}, at: START, window: ms(300_000) };
    await expect(breakDownLatency(failing, query)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

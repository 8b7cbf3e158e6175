import { expect, it } from 'vitest';
import { createHttpClient } from '../../src/http/http-client.ts';
import { diagnoseJaeger } from '../../src/jaeger/doctor.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Diagnosis } from '../../src/lib/diagnosis.ts';
import { DAY, ms, SECOND } from '../../src/lib/units.ts';
import { diagnosePrometheus } from '../../src/prometheus/doctor.ts';
import { diagnoseRedis } from '../../src/store/redis/doctor.ts';
import { PROMETHEUS_3 } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { startRealJaeger } from '../support/real-jaeger.ts';
import { type RealPrometheusOptions, startRealPrometheus } from '../support/real-prometheus.ts';
import { startRealRedis } from '../support/real-redis.ts';
import { startCluster } from '../support/redis-topologies.ts';
import { createSpyLogger } from '../support/spies.ts';

const lines = (found: readonly Diagnosis[]): readonly string[] =>
  found.map(({ status, name, message }) => `${status} ${name}: ${message}`);

async function prometheusLines(options: RealPrometheusOptions): Promise<readonly string[]> {
  const prometheus = await startRealPrometheus(options);
  const http = createHttpClient({ system: 'prometheus', baseUrl: prometheus.url });
  try {
    const parts = { http, deadline: ms(8 * SECOND), clock: systemClock, logger: createSpyLogger() };
    return lines(await diagnosePrometheus({ ...parts, budgetPeriod: ms(30 * DAY) }));
  } finally {
    http.close();
    await prometheus.close();
  }
}

requireOrSkip('prometheus')("Debian's Prometheus", () => {
  it('has its version, its retention, and the clock of this machine', async () => {
    expect(await prometheusLines({})).toEqual([
      expect.stringMatching(/^ok prometheus: It responds; version 2\.\d+\.\d+/),
      'ok prometheus clock: The clocks agree.',
      'ok prometheus retention: Data is kept for 10y.',
    ]);
  });

  it('is no Jaeger', async () => {
    const prometheus = await startRealPrometheus();
    const http = createHttpClient({ system: 'jaeger', baseUrl: prometheus.url });
    const parts = { http, deadline: ms(8 * SECOND), clock: systemClock, services: async () => [] };
    const found = await diagnoseJaeger(parts);
    http.close();
    await prometheus.close();
    expect(lines(found)).toEqual(['error jaeger: There is no Jaeger at the configured address.']);
  });
});

requireOrSkip('prometheus-3')('Prometheus 3', () => {
  it('reports its retention', async () => {
    expect((await prometheusLines({ binary: PROMETHEUS_3 })).at(-1)).toBe(
      'ok prometheus retention: Data is kept for 10y.',
    );
  });
});

requireOrSkip('jaeger')('a Jaeger', () => {
  it('responds, and has no traces', async () => {
    const jaeger = await startRealJaeger();
    const http = createHttpClient({ system: 'jaeger', baseUrl: jaeger.url });
    const services = async () => ['checkout'];
    const found = await diagnoseJaeger({ http, deadline: ms(8 * SECOND), clock: systemClock, services });
    http.close();
    await jaeger.close();
    expect(lines(found)).toEqual([
      'ok jaeger: It responds with the legacy API, /api/traces (up to 2.20) and has 0 services.',
      'ok jaeger clock: The clocks agree.',
      'warning jaeger services: Jaeger has no service checkout, of 1 service of the rules: their messages have no traces.',
      'warning jaeger request ids: No traces in the last hour.',
    ]);
  });
});

requireOrSkip('redis-server')('a Redis', () => {
  it.each([
    [
      {},
      [
        'ok redis maxmemory-policy: No key is evicted.',
        'ok redis persistence: Every write goes to an append-only file.',
      ],
    ],
    [
      { appendonly: 'no', maxmemory: 10_000_000, 'maxmemory-policy': 'allkeys-lru' },
      [
        'error redis maxmemory-policy: It is allkeys-lru: when memory is full, alerts and messages are deleted.',
        'warning redis persistence: Nothing is written to disk: when Redis restarts, acknowledgements, silences made in Slack and pending alerts are lost.',
      ],
    ],
  ])('with %j', async (settings, expected) => {
    const redis = await startRealRedis({ settings });
    try {
      const [server, ...others] = lines(await diagnoseRedis(redis.url));
      expect(server).toMatch(/^ok redis: It responds; version \d+\.\d+\.\d+, standalone\.$/);
      expect(others).toEqual(expected);
    } finally {
      await redis.close();
    }
  });

  it('with a password that is wrong: it is not repeated', async () => {
    const redis = await startRealRedis({ password: 'the-right-one' });
    const wrong = redis.url.replace('the-right-one', 'the-wrong-one');
    await expect(diagnoseRedis(wrong)).rejects.toMatchObject({
      code: 'not-authenticated',
      message: expect.not.stringContaining('the-wrong-one'),
    });
    await redis.close();
  });

  it('as a Cluster of three masters: a finding of all is one line', async () => {
    const cluster = await startCluster('doctor');
    try {
      expect(lines(await diagnoseRedis(cluster.url))[0]).toMatch(
        /^ok redis: It responds; version .+, cluster\.$/,
      );
    } finally {
      await cluster.close();
    }
  });
});

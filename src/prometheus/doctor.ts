import type { HttpClient } from '../http/http-client.ts';
import type { Clock } from '../lib/clock.ts';
import { clockDiagnosis, type Diagnosis, diagnosed, healthy, warning } from '../lib/diagnosis.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { clockOffset } from '../lib/metrics-source.ts';
import { formatDuration, type Milliseconds, parseDuration } from '../lib/units.ts';
import { createPrometheusMetrics } from './prometheus-metrics.ts';

export interface PrometheusDoctorOptions {
  readonly http: HttpClient;
  /** For each request. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How far back error budgets read. */
  readonly budgetPeriod: Milliseconds;
}

/** Checks that a Prometheus can be queried, its version, its clock, and how long it keeps data. */
export async function diagnosePrometheus(options: PrometheusDoctorOptions): Promise<readonly Diagnosis[]> {
  const { clock } = options;
  return await diagnosed({ name: 'prometheus', system: 'prometheus', clock }, async (signal) => {
    let offset: Milliseconds | undefined;
    const metrics = createPrometheusMetrics({
      ...options,
      time: { clock, observe: (time) => void (offset = clockOffset(time)) },
    });
    await metrics.instant({ expr: 'vector(1)', at: clock.now() }, signal);
    const [version, retention] = await Promise.all([
      status(options, { path: 'buildinfo', field: 'version', signal }),
      status(options, { path: 'runtimeinfo', field: 'storageRetention', signal }),
    ]);
    return [
      healthy('prometheus', `It responds${version === undefined ? '' : `; version ${version}`}.`),
      clockDiagnosis('prometheus clock', 'Prometheus', offset),
      retentionDiagnosis(retention, options.budgetPeriod),
    ];
  });
}

/** A text of `/api/v1/status`, which compatible servers may not have. */
async function status(
  { http, deadline }: Pick<PrometheusDoctorOptions, 'http' | 'deadline'>,
  { path, field, signal }: { path: string; field: string; signal: AbortSignal },
): Promise<string | undefined> {
  const request = { path: `/api/v1/status/${path}`, operation: 'status', deadline, signal };
  const answer = await http.json(request).catch((error: unknown) => {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  });
  const { data } = (answer?.body ?? {}) as { data?: Record<string, unknown> };
  const value = data?.[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `retention` as Prometheus reports it: `15d`, `15d or 10GiB`, `10GiB`. */
function retentionDiagnosis(retention: string | undefined, period: Milliseconds): Diagnosis {
  const name = 'prometheus retention';
  if (retention === undefined)
    return healthy(
      name,
      'The server does not report how long it keeps data (Thanos, Mimir and VictoriaMetrics do not).',
    );
  const kept = retention
    .split(' or ')
    .map(parseDuration)
    .find((duration) => duration !== undefined);
  if (kept === undefined) return healthy(name, `Data is kept up to a size: ${retention}.`);
  if (kept >= period) return healthy(name, `Data is kept for ${retention}.`);
  return warning(name, [
    `Data is kept for ${retention}, and error budgets read ${formatDuration(period)}.`,
    `Set storage.tsdb.retention.time to ${formatDuration(period)}; until then budgets are based on the data there is.`,
  ]);
}

import { createHttpClient, type HttpClientOptions } from '../http/http-client.ts';
import { systemClock } from '../lib/clock.ts';
import { ms, SECOND } from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import { createPrometheusMetrics } from '../prometheus/prometheus-metrics.ts';
import { createRuleCheck } from '../rules/check-rules.ts';
import { type CheckReport, type CheckRequest, runCheck } from './check-report.ts';

/** Options of `tailwatch check` as they were typed. */
export interface CheckOptions {
  readonly against?: string;
  readonly strict?: boolean;
}

/** How the Prometheus of `--against` is reached. */
export type AgainstOptions = Pick<HttpClientOptions, 'headers' | 'proxyFor'>;

interface CheckIo {
  readonly readFile: CheckRequest['readFile'];
  readonly against: AgainstOptions;
}

function checkAgainst(url: string, options: AgainstOptions): NonNullable<CheckRequest['against']> {
  const http = createHttpClient({ system: 'prometheus', baseUrl: url, ...options });
  const logger = createLogger({
    level: 'warn',
    secrets: [],
    write: (line) => void process.stderr.write(line),
  });
  const metrics = createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger });
  const ask = createRuleCheck({ metrics, clock: systemClock });
  return async (uses) => {
    try {
      return await ask(uses);
    } finally {
      http.close();
    }
  };
}

/** Runs `tailwatch check`. */
export async function checkCommand(
  files: readonly string[],
  { against, strict = false }: CheckOptions,
  { readFile, against: options }: CheckIo,
): Promise<CheckReport> {
  return await runCheck({
    files,
    readFile,
    now: systemClock.now(),
    isStrict: strict,
    against: against === undefined ? undefined : checkAgainst(against, options),
  });
}

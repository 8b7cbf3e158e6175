import { createHttpClient } from '../adapters/http/http-client.ts';
import { createPrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.ts';
import { systemClock } from '../adapters/telemetry/clock.ts';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { createRuleCheck } from '../app/rules/check-rules.ts';
import { type CheckReport, type CheckRequest, runCheck } from '../config/check-report.ts';
import { ms, SECOND } from '../domain/units.ts';

/** Options of `tailwatch check` as they were typed. */
export interface CheckOptions {
  readonly against?: string;
  readonly strict?: boolean;
}

interface CheckIo {
  readonly readFile: CheckRequest['readFile'];
  /** Sent along with every question to the Prometheus of `--against`. */
  readonly headers: Readonly<Record<string, string>>;
}

function checkAgainst(url: string, headers: CheckIo['headers']): NonNullable<CheckRequest['against']> {
  const http = createHttpClient({ system: 'prometheus', baseUrl: url, headers });
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
  { readFile, headers }: CheckIo,
): Promise<CheckReport> {
  return await runCheck({
    files,
    readFile,
    now: systemClock.now(),
    isStrict: strict,
    ...(against === undefined ? {} : { against: checkAgainst(against, headers) }),
  });
}

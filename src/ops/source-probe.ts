import { type BackgroundParts, repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { explanationOf, SYSTEM_NAMES, type System, UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { ReadyCheck } from './ops-server.ts';

/** Whether Prometheus and Jaeger can be reached. */
export interface SourceProbe {
  /** For `/readyz`: the bot is ready without them, so these are warnings. */
  readonly checks: readonly ReadyCheck[];
  /** Queries them now, and then every minute until the signal aborts. Logs each change. */
  readonly watch: (signal: AbortSignal) => void;
}

const INTERVAL: Milliseconds = MINUTE;
const DEADLINE: Milliseconds = ms(8 * SECOND);

interface ProbeOptions extends Pick<BackgroundParts, 'recorder'> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The smallest request that shows that a system can be reached. */
  readonly requests: Readonly<Partial<Record<System, (signal: AbortSignal) => Promise<unknown>>>>;
}

export function createSourceProbe({ clock, logger, recorder, requests }: ProbeOptions): SourceProbe {
  const problems = new Map<System, string | undefined>();
  const systems = Object.entries(requests) as [System, (signal: AbortSignal) => Promise<unknown>][];

  async function probe(system: System, request: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const name = SYSTEM_NAMES[system];
    const before = problems.get(system);
    const problem = await withDeadline({ clock, duration: DEADLINE, system }, request).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof UpstreamError) return explanationOf(error);
        throw error;
      },
    );
    const isFirst = !problems.has(system);
    problems.set(system, problem);
    if (problem !== undefined && problem !== before) logger.warn(`${name} cannot be reached`, { problem });
    if (problem === undefined && (isFirst || before !== undefined)) logger.info(`${name} can be reached`);
  }

  return {
    checks: systems.map(([system]) => ({
      name: system,
      problem: () => problems.get(system),
      isWarning: true,
    })),
    watch: (signal) =>
      void repeat({ work: 'source-probe', clock, logger, recorder, signal }, async () => {
        await Promise.all(systems.map(([system, request]) => probe(system, request)));
        return INTERVAL;
      }),
  };
}

import { repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { ReadyCheck } from './ops-server.ts';

export interface HeartbeatOptions {
  /** Secret: whoever knows it can send heartbeats. */
  readonly url: string;
  readonly fetch: typeof fetch;
  /** The heartbeat stops while one of these has a problem. */
  readonly checks: readonly ReadyCheck[];
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'backgroundFailed'>;
}

/** Without evaluation, the store or Slack no breach is notified: these end the heartbeat. */
export const HEARTBEAT_CHECKS: ReadonlySet<string> = new Set(['slack', 'store', 'evaluation']);

const INTERVAL: Milliseconds = MINUTE;
/** Shorter, so that the heartbeat resumes soon. */
const INTERVAL_WITH_PROBLEM: Milliseconds = ms(10 * SECOND);
const TIMEOUT: Milliseconds = ms(10 * SECOND);

/** The code of an error, or its name: its message may hold the address. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return 'unknown error';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}

/** Sends one heartbeat; returns why it failed. */
async function send({ url, fetch: request }: HeartbeatOptions): Promise<string | undefined> {
  try {
    const response = await request(url, { signal: AbortSignal.timeout(TIMEOUT) });
    await response.body?.cancel();
    return response.ok ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return codeOf(error);
  }
}

/**
 * A dead man's switch: requests an address every minute while breaches can be notified. A service behind the address
 * notifies people when the requests stop.
 */
export function createHeartbeat(options: HeartbeatOptions): {
  readonly watch: (signal: AbortSignal) => void;
} {
  const { checks, logger } = options;
  /** What was logged last; undefined while heartbeats arrive. */
  let logged: string | undefined;

  function note(message: string, reason: string): void {
    if (logged !== message) logger.warn(message, { reason });
    logged = message;
  }

  async function once(): Promise<Milliseconds> {
    const problem = checks.flatMap((check) => check.problem() ?? [])[0];
    if (problem !== undefined) {
      note('the heartbeat has stopped', problem);
      return INTERVAL_WITH_PROBLEM;
    }
    const failure = await send(options);
    if (failure !== undefined) note('the heartbeat cannot be sent to HEARTBEAT_URL', failure);
    else if (logged !== undefined) {
      logger.info('the heartbeat is sent again');
      logged = undefined;
    }
    return INTERVAL;
  }

  return { watch: (signal) => void repeat({ ...options, work: 'heartbeat', signal }, once) };
}

import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { errorMessage, type System, UpstreamError } from './errors.ts';
import { type Milliseconds, ms, SECOND } from './units.ts';

/** One line of `tailwatch doctor`. */
export interface Diagnosis {
  readonly status: 'ok' | 'warning' | 'error';
  /** What was checked: `slack scopes`. */
  readonly name: string;
  /** What was found: a sentence. */
  readonly message: string;
  /** What to do: a sentence. Absent when all is well. */
  readonly advice?: string;
}

export const healthy = (name: string, message: string): Diagnosis => ({ status: 'ok', name, message });

/** Works, but less well than it could; `[message, advice]`. */
export const warning = (name: string, [message, advice]: readonly [string, string]): Diagnosis => ({
  status: 'warning',
  name,
  message,
  advice,
});

/** Does not work; `[message, advice]`. */
export const faulty = (name: string, [message, advice]: readonly [string, string]): Diagnosis => ({
  status: 'error',
  name,
  message,
  advice,
});

/** How long one check may take. Two follow each other at most. */
const LIMIT: Milliseconds = ms(12 * SECOND);

const sentence = (text: string): string => text.replace(/([^.!?])$/u, '$1.');

/** Runs a check with a deadline. What it throws is its result. */
export async function diagnosed(
  { name, system, clock }: { readonly name: string; readonly system: System; readonly clock: Clock },
  check: (signal: AbortSignal) => Promise<readonly Diagnosis[]>,
): Promise<readonly Diagnosis[]> {
  try {
    return await withDeadline({ clock, duration: LIMIT, system }, check);
  } catch (error) {
    if (error instanceof UpstreamError) return [faulty(name, [sentence(error.message), error.advice])];
    return [faulty(name, [sentence(errorMessage(error)), 'This is a bug: please report it.'])];
  }
}

/** An offset above this is a warning, above `BAD_OFFSET` an error: evaluation corrects it, people and links do not. */
const NOTICED_OFFSET: Milliseconds = ms(5 * SECOND);
const BAD_OFFSET: Milliseconds = ms(30 * SECOND);

/** How the local clock compares with that of a server; `offset` is how far the local one is behind, undefined if unknown. */
export function clockDiagnosis(name: string, server: string, offset: Milliseconds | undefined): Diagnosis {
  if (offset === undefined) return healthy(name, `${server} sends no time to compare the clock with.`);
  const seconds = Math.round(Math.abs(offset) / SECOND);
  if (Math.abs(offset) <= NOTICED_OFFSET) return healthy(name, 'The clocks agree.');
  const message = `The local clock is ${seconds} s ${offset > 0 ? 'behind' : 'ahead of'} ${server}.`;
  const found = [message, 'Synchronize the clocks of both machines by NTP.'] as const;
  return Math.abs(offset) > BAD_OFFSET ? faulty(name, found) : warning(name, found);
}

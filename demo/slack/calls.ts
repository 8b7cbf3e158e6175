import type { EpochMs } from '../../src/lib/units.ts';
import type { Args } from './content.ts';

/** One call that the app made, as it was answered. */
export interface RecordedCall {
  readonly method: string;
  /** The arguments; tokens are replaced. */
  readonly args: Args;
  /** `ok`, the name of Slack's error, or what the fault script did (`http 500`, `reset-after-accept`...). */
  readonly outcome: string;
  readonly at: EpochMs;
}

const TOKEN = /xox[a-z]-[\w-]+|xapp-[\w-]+/g;

/** The arguments without any token, wherever it is. */
export function redact(args: Args): Args {
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replace(TOKEN, '[redacted]');
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, clean(entry)]));
  };
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [key, key === 'token' ? '[redacted]' : clean(value)]),
  );
}

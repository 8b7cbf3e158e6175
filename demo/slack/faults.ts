import type { Milliseconds } from '../../src/lib/units.ts';

/** What goes wrong with a call. `after accept` means that the call took effect and only its answer is lost. */
export type FaultAction =
  | { readonly kind: 'rate-limit'; readonly retryAfterSeconds: number }
  | { readonly kind: 'http'; readonly status: number; readonly body?: string }
  | { readonly kind: 'reset-before-accept' }
  | { readonly kind: 'reset-after-accept' }
  /** The call takes effect; the answer's head arrives, its body never does. */
  | { readonly kind: 'stall' }
  /** The call takes effect; its answer comes late, by the wall clock. */
  | { readonly kind: 'slow'; readonly delay: Milliseconds }
  /** Slack refuses the call by any of its errors: `message_not_found`, `is_archived`, `token_revoked`... */
  | { readonly kind: 'error'; readonly error: string; readonly details?: Readonly<Record<string, unknown>> };

export interface Fault {
  /** A Web API method, `response_url`, `upload`, or `*` for any call. */
  readonly method: string;
  /** Only calls about this channel. */
  readonly channel?: string;
  /** How many calls are struck; 1 by default. */
  readonly times?: number;
  /** How many matching calls pass before the first is struck; 0 by default. */
  readonly after?: number;
  readonly do: FaultAction;
}

export interface Faults {
  /** Adds a fault to the script and returns the function that takes it out. */
  readonly add: (fault: Fault) => () => void;
  readonly clear: () => void;
  /** The faults that have not run out. */
  readonly list: () => readonly Fault[];
  /** The fault that strikes this call, if any; counts the call. */
  readonly strike: (call: { method: string; channel: string | undefined }) => FaultAction | undefined;
}

export function createFaults(): Faults {
  let script: { fault: Fault; passed: number; struck: number }[] = [];
  return {
    add: (fault) => {
      const entry = { fault, passed: 0, struck: 0 };
      script.push(entry);
      return () => {
        script = script.filter((each) => each !== entry);
      };
    },
    clear: () => {
      script = [];
    },
    list: () => script.map(({ fault }) => fault),
    strike: ({ method, channel }) => {
      for (const entry of script) {
        const { fault } = entry;
        if (fault.method !== '*' && fault.method !== method) continue;
        if (fault.channel !== undefined && fault.channel !== channel) continue;
        if (entry.passed < (fault.after ?? 0)) {
          entry.passed += 1;
          continue;
        }
        entry.struck += 1;
        if (entry.struck >= (fault.times ?? 1)) script = script.filter((each) => each !== entry);
        return fault.do;
      }
      return undefined;
    },
  };
}

import type { Evaluator } from '../evaluation/evaluator.ts';
import type { Clock } from '../lib/clock.ts';
import { between, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Delivery } from '../messages/deliver.ts';
import type { Store } from '../messages/store.ts';
import type { RuleSet } from '../rules/file/rule-set.ts';

/** One thing that must hold before the process is of use. `detail` says to an operator why it does not. */
export interface ReadyCheck {
  readonly name: string;
  readonly check: () => { readonly ok: true } | { readonly ok: false; readonly detail: string };
}

/** No evaluation for this many of the shortest interval, and for this long: something hangs. */
const FRESH_INTERVALS = 3;
const FRESH_AT_LEAST: Milliseconds = MINUTE;

const ok = { ok: true } as const;

/** What `/readyz` looks at: Slack is connected and takes what is sent, the store is open, the last evaluation is fresh. */
export function readyChecks(deps: {
  readonly clock: Clock;
  readonly evaluator: Pick<Evaluator, 'lastEvaluatedAt'>;
  readonly store: Pick<Store, 'isOpen'>;
  readonly delivery: Pick<Delivery, 'refusal'>;
  readonly slack: { isConnected(): boolean };
  readonly ruleSet: () => RuleSet;
}): readonly ReadyCheck[] {
  const { clock, evaluator, store, delivery, slack, ruleSet } = deps;
  return [
    {
      name: 'slack',
      check: () => {
        if (!slack.isConnected()) return { ok: false, detail: 'not connected' };
        const refusal = delivery.refusal();
        return refusal === undefined ? ok : { ok: false, detail: `messages are refused: ${refusal.code}` };
      },
    },
    { name: 'store', check: () => (store.isOpen() ? ok : { ok: false, detail: 'not open' }) },
    {
      name: 'evaluation',
      check: () => {
        const { groups } = ruleSet();
        if (groups.length === 0) return ok;
        const last = evaluator.lastEvaluatedAt();
        if (last === undefined) return { ok: false, detail: 'none yet' };
        const shortest = Math.min(...groups.map(({ interval }) => interval));
        const age = between(last, clock.now());
        return age <= Math.max(FRESH_AT_LEAST, ms(FRESH_INTERVALS * shortest))
          ? ok
          : { ok: false, detail: `the last one was ${Math.round(age / SECOND)} s ago` };
      },
    },
  ];
}

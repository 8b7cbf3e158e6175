import type { Alert, FlapHistory } from '../alerts/alert.ts';
import { worseOf } from '../alerts/step-alert.ts';
import { type EpochMs, MINUTE } from '../lib/units.ts';
import {
  type FlapHistories,
  firingsOf,
  isStable,
  recent,
  STABLE_AFTER,
  withFiring,
  withFlapping,
  withNotified,
  withoutFlapping,
} from '../policy/flap.ts';
import type { RuleAt, SloRule } from '../rules/rule.ts';
import { threadLine } from './alert-messages.ts';
import { nameOf } from './alert-subject.ts';
import type { MessageUpdate } from './store.ts';

/** What was decided about one alert, as far as its flap history needs it. */
export interface Outcome {
  readonly alert: Alert;
  /** It began to fire in this evaluation. */
  readonly hasFired: boolean;
  /** Its firing is suppressed as flapping. */
  readonly isFlapping: boolean;
  /** How many of its firings and ends are notified now, and in which messages. */
  readonly notified: number;
  readonly messages: readonly string[];
}

const STABLE_TIME = `${STABLE_AFTER / MINUTE} min`;

/** One line for all alerts of a message that started flapping, or became stable, in one evaluation. */
interface Line {
  readonly kind: 'flapping' | 'stable';
  readonly alert: Alert;
  readonly alertId: string;
  alerts: number;
  firings: number;
}

function textOf({ kind, alert, alerts, firings }: Line, rule: SloRule): string {
  const often = `${alerts === 1 ? '' : 'up to '}${firings} times in the last hour`;
  const who = alerts === 1 ? nameOf(alert, rule) : `${alerts} alerts`;
  return kind === 'stable'
    ? `${who}: stable for ${STABLE_TIME}, fired ${often}.`
    : `${who}: flapping, fired ${often}. The next message is posted after ${STABLE_TIME} of firing or quiet.`;
}

/** The worst value of an alert that is notified: what is far worse than it is notified even while it is flapping. */
function withPeak(history: FlapHistory, { alert, isFlapping }: Outcome, rule: SloRule): FlapHistory {
  if (isFlapping || alert.state !== 'firing' || alert.refreshedAt === undefined) return history;
  const peak = worseOf(rule.comparison, history.peak ?? Number.NaN, alert.peak);
  return Object.is(peak, history.peak) ? history : { ...history, peak };
}

function historyAfter(
  known: FlapHistory | undefined,
  outcome: Outcome,
  { evalTime, rule }: { readonly evalTime: EpochMs; readonly rule: SloRule },
): FlapHistory | undefined {
  const { alert, hasFired, isFlapping, notified, messages } = outcome;
  let history = hasFired ? withFiring(known, evalTime) : known;
  for (let count = 0; count < notified; count++) history = withNotified(history, evalTime, messages);
  if (history === undefined) return undefined;
  history = withPeak(history, outcome, rule);
  const continues = history.flapping !== undefined && alert.state === 'firing';
  return isFlapping || continues ? withFlapping(history, evalTime) : history;
}

/** Returns the first of all lists that are equal: thousands of alerts that begin together share theirs. */
export function createSharedLists(): <T>(list: readonly T[]) => readonly T[] {
  const known = new Map<string, readonly unknown[]>();
  return <T>(list: readonly T[]): readonly T[] => {
    const key = JSON.stringify(list);
    const first = known.get(key);
    if (first === undefined) known.set(key, list);
    return (first as readonly T[] | undefined) ?? list;
  };
}

const sharing = (
  { notified, fired, messages, peak, flapping }: FlapHistory,
  shared: ReturnType<typeof createSharedLists>,
): FlapHistory => ({
  notified: shared(notified),
  fired: shared(fired),
  messages: shared(messages),
  peak,
  flapping,
});

/** The histories of alerts that are not kept any more. */
function withoutAlert({
  flaps,
  outcomes,
}: {
  readonly flaps: FlapHistories;
  readonly outcomes: readonly Outcome[];
}): readonly (readonly [print: string, history: FlapHistory])[] {
  const count = Object.keys(flaps).length;
  if (outcomes.filter(({ alert }) => flaps[alert.fingerprint] !== undefined).length === count) return [];
  const kept = new Set(outcomes.map(({ alert }) => alert.fingerprint));
  return Object.entries(flaps).filter(([print]) => !kept.has(print));
}

/** The same object when nothing changed, as mostly: a rule may have thousands of histories. */
function withChanges(
  flaps: FlapHistories,
  changed: ReadonlyMap<string, FlapHistory | undefined>,
): FlapHistories {
  if (changed.size === 0) return flaps;
  // Not spread: V8 gives an object that is spread a hidden class for each of its thousand names.
  const after: Record<string, FlapHistory> = {};
  for (const [print, history] of Object.entries(flaps)) if (!changed.has(print)) after[print] = history;
  for (const [print, history] of changed) if (history !== undefined) after[print] = history;
  return after;
}

/** Collects one line for each message about the alerts in it that started flapping, or became stable. */
function createLines() {
  const lines = new Map<string, Line>();
  return {
    add: (kind: Line['kind'], alert: Alert, history: FlapHistory): void => {
      for (const alertId of history.messages) {
        const line = lines.get(`${kind} ${alertId}`) ?? { kind, alert, alertId, alerts: 0, firings: 0 };
        line.alerts += 1;
        line.firings = Math.max(line.firings, firingsOf(history));
        lines.set(`${kind} ${alertId}`, line);
      }
    },
    updates: (at: RuleAt, evalTime: EpochMs): readonly MessageUpdate[] =>
      [...lines.values()].map((each) => {
        const { kind, alert, alertId: key } = each;
        const line = threadLine(at, evalTime, { kind, alert, message: key, text: textOf(each, at.rule) });
        return { key, line, at: evalTime };
      }),
  };
}

/** The flap histories after an evaluation, and the lines about flapping and stable alerts. Pure. */
export function decideFlaps(
  at: RuleAt,
  evalTime: EpochMs,
  given: {
    readonly flaps: FlapHistories;
    readonly outcomes: readonly Outcome[];
    /** Whether the queries succeeded: without a result it is unknown which alerts are stable. */
    readonly isAnswered: boolean;
  },
): { readonly flaps: FlapHistories; readonly messages: readonly MessageUpdate[] } {
  const lines = createLines();
  const changed = new Map<string, FlapHistory | undefined>();
  const shared = createSharedLists();
  const keep = (print: string, history: FlapHistory | undefined): void => {
    const kept = history === undefined ? undefined : recent(history, evalTime);
    if (kept !== given.flaps[print]) changed.set(print, kept === undefined ? kept : sharing(kept, shared));
  };
  for (const outcome of given.outcomes) {
    const { alert, isFlapping } = outcome;
    const before = given.flaps[alert.fingerprint];
    const history = historyAfter(before, outcome, { evalTime, rule: at.rule });
    if (isFlapping && before?.flapping === undefined && history !== undefined)
      lines.add('flapping', alert, history);
    const isNowStable = given.isAnswered && history !== undefined && isStable(history, alert, evalTime);
    if (isNowStable) lines.add('stable', alert, history);
    keep(alert.fingerprint, isNowStable ? withoutFlapping(history) : history);
  }
  // An alert that is not kept any more has not fired for longer than it takes to be stable.
  for (const [print, history] of withoutAlert(given))
    keep(print, isStable(history, undefined, evalTime) ? withoutFlapping(history) : history);
  return { flaps: withChanges(given.flaps, changed), messages: lines.updates(at, evalTime) };
}

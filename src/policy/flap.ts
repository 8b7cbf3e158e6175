import type { Alert, FlapHistory, Suppression } from '../alerts/alert.ts';
import { after, before, between, type EpochMs, HOUR, MINUTE, type Milliseconds, ms } from '../lib/units.ts';

/** So many firings and ends of one alert are told in an hour: three rounds. */
export const FLAP_LIMIT = 6;

/** An alert that has fired, or been quiet, for so long has settled. */
export const SETTLE_TIME: Milliseconds = ms(15 * MINUTE);

/** Firings that are remembered of one alert: more in an hour are not counted apart. */
const MOST_FIRINGS = 60;

const NOTHING_TOLD: FlapHistory = { told: [], fired: [], messages: [] };

/** What is remembered of each alert identity, by fingerprint. */
export type FlapHistories = Readonly<Record<string, FlapHistory>>;

const within = (times: readonly EpochMs[], slot: EpochMs): readonly EpochMs[] =>
  times.filter((at) => at > before(slot, HOUR));

/**
 * Whether a firing must wait, because there is no room in the hour for it and its end. Every firing that is told has
 * its end told too, so that the limit holds for both.
 *
 *     limit 6     F R F R F R   F            F
 *     told        1 2 3 4 5 6   held back    held back ... told once it has fired for SETTLE_TIME
 */
export function isDamped(
  history: FlapHistory | undefined,
  alert: Pick<Alert, 'firedAt'>,
  { slot, limit }: { readonly slot: EpochMs; readonly limit: number },
): boolean {
  if (limit === 0 || history === undefined) return false;
  const hasRoom = within(history.told, slot).length + 2 <= limit;
  return !hasRoom && between(alert.firedAt ?? slot, slot) < SETTLE_TIME;
}

/** How often an alert fired in the last hour. */
export const firingsOf = ({ fired }: FlapHistory): number => fired.length;

/** What holds a flapping alert back. */
export function flappingOf(history: FlapHistory, { firedAt }: Alert, slot: EpochMs): Suppression {
  const since = firedAt ?? slot;
  const by = `fired ${firingsOf(history)} times in the last hour`;
  return { kind: 'flapping', by, since, until: after(since, SETTLE_TIME) };
}

/** The history with a firing of now. */
export function withFiring(history: FlapHistory | undefined, slot: EpochMs): FlapHistory {
  const known = history ?? NOTHING_TOLD;
  return { ...known, fired: [...within(known.fired, slot), slot].slice(-MOST_FIRINGS) };
}

/** The history with a firing or an end that is told now; `messages` are those that tell it. */
export function withTold(
  history: FlapHistory | undefined,
  slot: EpochMs,
  messages: readonly string[],
): FlapHistory {
  const known = withoutDamping(history ?? NOTHING_TOLD);
  return { ...known, told: [...within(known.told, slot), slot], messages };
}

/** The history of an alert whose firings are not held back any more. */
export function withoutDamping({ damped: _over, ...history }: FlapHistory): FlapHistory {
  return history;
}

/** The history of an alert whose firing is held back now. */
export const withDamped = (history: FlapHistory, slot: EpochMs): FlapHistory => ({
  ...history,
  damped: { since: history.damped?.since ?? slot, firingAt: slot },
});

/** Whether an alert whose firings are held back has been quiet for long enough. */
export function isQuiet(
  { damped }: FlapHistory,
  alert: Pick<Alert, 'state'> | undefined,
  slot: EpochMs,
): boolean {
  if (damped === undefined || alert?.state === 'firing') return false;
  return between(damped.firingAt, slot) >= SETTLE_TIME;
}

/** The history without what is older than an hour; undefined when nothing is left to remember. */
export function recent(history: FlapHistory, slot: EpochMs): FlapHistory | undefined {
  const told = within(history.told, slot);
  const fired = within(history.fired, slot);
  if (told.length === 0 && fired.length === 0 && history.damped === undefined) return undefined;
  return told.length === history.told.length && fired.length === history.fired.length
    ? history
    : { ...history, told, fired };
}

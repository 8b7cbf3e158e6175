import type { Alert, FlapHistory, Suppression } from '../alerts/alert.ts';
import { after, before, between, type EpochMs, HOUR, MINUTE, type Milliseconds, ms } from '../lib/units.ts';

/** So many firings and ends of one alert are notified in an hour: three rounds. */
export const FLAP_THRESHOLD = 6;

/** An alert that has fired, or been quiet, for so long has settled. */
export const SETTLE_TIME: Milliseconds = ms(15 * MINUTE);

/** Firings that are remembered of one alert: more in an hour are not counted apart. */
const MOST_FIRINGS = 60;

const NOTHING_TOLD: FlapHistory = { notified: [], fired: [], messages: [] };

/** What is remembered of each alert identity, by fingerprint. */
export type FlapHistories = Readonly<Record<string, FlapHistory>>;

const within = (times: readonly EpochMs[], evalTime: EpochMs): readonly EpochMs[] =>
  times.filter((at) => at > before(evalTime, HOUR));

/**
 * Whether a firing must wait, because there is no room in the hour for it and its end. Every firing that is notified has
 * its end notified too, so that the limit holds for both.
 *
 *     limit 6     F R F R F R   F            F
 *     notified        1 2 3 4 5 6   held back    held back ... notified once it has fired for SETTLE_TIME
 */
export function isDamped(
  history: FlapHistory | undefined,
  alert: Pick<Alert, 'firedAt'>,
  { evalTime, limit }: { readonly evalTime: EpochMs; readonly limit: number },
): boolean {
  if (limit === 0 || history === undefined) return false;
  const hasRoom = within(history.notified, evalTime).length + 2 <= limit;
  return !hasRoom && between(alert.firedAt ?? evalTime, evalTime) < SETTLE_TIME;
}

/** How often an alert fired in the last hour. */
export const firingsOf = ({ fired }: FlapHistory): number => fired.length;

/** What holds a flapping alert back. */
export function flappingOf(history: FlapHistory, { firedAt }: Alert, evalTime: EpochMs): Suppression {
  const since = firedAt ?? evalTime;
  const by = `fired ${firingsOf(history)} times in the last hour`;
  return { kind: 'flapping', by, since, until: after(since, SETTLE_TIME) };
}

/** The history with a firing of now. */
export function withFiring(history: FlapHistory | undefined, evalTime: EpochMs): FlapHistory {
  const known = history ?? NOTHING_TOLD;
  return { ...known, fired: [...within(known.fired, evalTime), evalTime].slice(-MOST_FIRINGS) };
}

/** The history with a firing or an end that is notified now; `messages` are those that tell it. */
export function withNotified(
  history: FlapHistory | undefined,
  evalTime: EpochMs,
  messages: readonly string[],
): FlapHistory {
  const known = withoutDamping(history ?? NOTHING_TOLD);
  return { ...known, notified: [...within(known.notified, evalTime), evalTime], messages };
}

/** The history of an alert whose firings are not held back any more. */
export function withoutDamping({ flapping: _over, ...history }: FlapHistory): FlapHistory {
  return history;
}

/** The history of an alert whose firing is held back now. */
export const withDamped = (history: FlapHistory, evalTime: EpochMs): FlapHistory => ({
  ...history,
  flapping: { since: history.flapping?.since ?? evalTime, firingAt: evalTime },
});

/** Whether an alert whose firings are held back has been quiet for long enough. */
export function isQuiet(
  { flapping }: FlapHistory,
  alert: Pick<Alert, 'state'> | undefined,
  evalTime: EpochMs,
): boolean {
  if (flapping === undefined || alert?.state === 'firing') return false;
  return between(flapping.firingAt, evalTime) >= SETTLE_TIME;
}

/** The history without what is older than an hour; undefined when nothing is left to remember. */
export function recent(history: FlapHistory, evalTime: EpochMs): FlapHistory | undefined {
  const notified = within(history.notified, evalTime);
  const fired = within(history.fired, evalTime);
  if (notified.length === 0 && fired.length === 0 && history.flapping === undefined) return undefined;
  return notified.length === history.notified.length && fired.length === history.fired.length
    ? history
    : { ...history, notified, fired };
}

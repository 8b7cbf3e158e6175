import type { Alert, FlapHistory, Suppression } from '../alerts/alert.ts';
import { after, before, between, type EpochMs, HOUR, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';

/** Default of `flap_threshold`: firings and resolutions of one alert that are notified in an hour. */
export const FLAP_THRESHOLD = 6;

/** An alert that fires, or does not fire, for this long is stable. */
export const STABLE_AFTER: Milliseconds = ms(15 * MINUTE);

/** Firings of one alert that are counted in an hour. */
const MAX_FIRINGS = 60;

/** With all fields, so that the histories of thousands of alerts share one hidden class. */
const EMPTY_HISTORY: FlapHistory = {
  notified: [],
  fired: [],
  messages: [],
  peak: undefined,
  flapping: undefined,
};

/** Flap histories by the fingerprint of their alert. */
export type FlapHistories = Readonly<Record<string, FlapHistory>>;

/** The instants of the last hour; the same list when none is older. They are in order. */
function within(times: readonly EpochMs[], evalTime: EpochMs): readonly EpochMs[] {
  const start = before(evalTime, HOUR);
  const [first] = times;
  return first === undefined || first > start ? times : times.filter((at) => at > start);
}

/**
 * Whether a firing is suppressed, because the limit has no room for it and its resolution in this hour. Every firing that
 * is notified has its resolution notified too, so that the limit holds for both.
 *
 *     limit 6     F R F R F R   F            F
 *     notified    1 2 3 4 5 6   suppressed   suppressed, notified once it has fired for STABLE_AFTER
 */
export function isFlapping(
  history: FlapHistory | undefined,
  alert: Pick<Alert, 'firedAt'>,
  { evalTime, limit }: { readonly evalTime: EpochMs; readonly limit: number },
): boolean {
  if (limit === 0 || history === undefined) return false;
  const hasRoom = within(history.notified, evalTime).length + 2 <= limit;
  return !hasRoom && between(alert.firedAt ?? evalTime, evalTime) < STABLE_AFTER;
}

/** A breach whose distance from the bound is this many times that of the earlier peaks is far worse. */
const FAR_WORSE = 2;

/** Whether a value is so much worse than the earlier notified peaks that it is news although the alert is flapping. */
export function isFarWorse(
  { peak }: Pick<FlapHistory, 'peak'>,
  value: number,
  { bound = 0, comparison }: Pick<SloRule, 'bound' | 'comparison'>,
): boolean {
  if (peak === undefined) return false;
  const sign = comparison?.startsWith('<') === true ? -1 : 1;
  const distance = (of: number): number => sign * (of - bound);
  return distance(value) > 0 && distance(value) >= FAR_WORSE * distance(peak);
}

/** How often an alert fired in the last hour. */
export const firingsOf = ({ fired }: FlapHistory): number => fired.length;

/** The suppression of a flapping alert. */
export function flappingSuppression(
  history: FlapHistory,
  { firedAt }: Alert,
  evalTime: EpochMs,
): Suppression {
  const since = firedAt ?? evalTime;
  const by = `fired ${firingsOf(history)} times in the last hour`;
  return { kind: 'flapping', by, since, until: after(since, STABLE_AFTER) };
}

/** Adds a firing. */
export function withFiring(history: FlapHistory = EMPTY_HISTORY, evalTime: EpochMs): FlapHistory {
  return { ...history, fired: [...within(history.fired, evalTime), evalTime].slice(-MAX_FIRINGS) };
}

/** Adds a notified firing or resolution, with the ids of its messages. */
export function withNotified(
  history: FlapHistory = EMPTY_HISTORY,
  evalTime: EpochMs,
  messages: readonly string[],
): FlapHistory {
  const notified = [...within(history.notified, evalTime), evalTime];
  return { ...withoutFlapping(history), notified, messages };
}

/** The history of an alert that is not flapping anymore. */
export function withoutFlapping(history: FlapHistory): FlapHistory {
  return history.flapping === undefined ? history : { ...history, flapping: undefined };
}

/** The history of an alert whose firing is suppressed as flapping. */
export const withFlapping = (history: FlapHistory, evalTime: EpochMs): FlapHistory => ({
  ...history,
  flapping: { since: history.flapping?.since ?? evalTime, firingAt: evalTime },
});

/** Whether a flapping alert has not fired for long enough to be stable. */
export function isStable(
  { flapping }: FlapHistory,
  alert: Pick<Alert, 'state'> | undefined,
  evalTime: EpochMs,
): boolean {
  if (flapping === undefined || alert?.state === 'firing') return false;
  return between(flapping.firingAt, evalTime) >= STABLE_AFTER;
}

/** The history of the last hour; undefined when nothing is left. */
export function recent(history: FlapHistory, evalTime: EpochMs): FlapHistory | undefined {
  const notified = within(history.notified, evalTime);
  const fired = within(history.fired, evalTime);
  if (notified.length === 0 && fired.length === 0 && history.flapping === undefined) return undefined;
  return notified.length === history.notified.length && fired.length === history.fired.length
    ? history
    : { ...history, notified, fired };
}

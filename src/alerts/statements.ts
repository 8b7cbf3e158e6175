import type { Labels } from '../lib/labels.ts';
import { after, between, DAY, type EpochMs, epochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { AlertmanagerStatement, ReceivedAlert, UnconfirmedEnd } from './alert.ts';

/** One alert of a notification, with its rule. */
export interface NotifiedAlert {
  readonly status: AlertmanagerStatement['status'];
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: EpochMs;
  /** Of a resolved one. */
  readonly endsAt?: EpochMs;
  readonly rule: SloRule;
}

/** A notification of an Alertmanager. */
export interface AlertNotification {
  /** The external URL of the Alertmanager. */
  readonly from: string;
  readonly alerts: readonly NotifiedAlert[];
}

/**
 * When one Alertmanager says that an alert is resolved, and another one, or Prometheus, that it fires, the end waits this
 * long for the alert to be sent again: an Alertmanager that has it does so within its `group_interval`, 5 min by default.
 */
const CONFIRMED_WITHIN: Milliseconds = ms(6 * MINUTE);

/** How long the end of an alert is remembered, and of how many. */
const REMEMBERED: Milliseconds = DAY;
const MAX_REMEMBERED = 10_000;

/** How far the clock of Prometheus may be ahead. */
const MAX_AHEAD: Milliseconds = ms(10 * MINUTE);

/** Alertmanagers that are remembered for one alert: pods that are replaced have new names. */
const MAX_SENDERS = 8;

const latest = (a: EpochMs, b: EpochMs): EpochMs => epochMs(Math.max(a, b));
const earliest = (a: EpochMs, b: EpochMs): EpochMs => epochMs(Math.min(a, b));

/** Whether an occurrence of the alert is open. */
export const isOpen = (heard: ReceivedAlert | undefined): heard is ReceivedAlert =>
  heard !== undefined && heard.endedAt === undefined;

/** The statements of the Alertmanagers that spoke last. */
function newest(from: ReceivedAlert['from']): ReceivedAlert['from'] {
  const all = Object.entries(from);
  if (all.length <= MAX_SENDERS) return from;
  return Object.fromEntries(all.sort(([, a], [, b]) => b.at - a.at).slice(0, MAX_SENDERS));
}

/** A time of another clock: one that is far ahead must not decide about what comes until then. */
const notAhead = (time: EpochMs, at: EpochMs): EpochMs => earliest(time, after(at, MAX_AHEAD));

/** What a notification says about one alert. */
export interface Heard {
  readonly sender: string;
  readonly alert: NotifiedAlert;
  readonly at: EpochMs;
  readonly isReturned: boolean | undefined;
}

/**
 * A firing alert begins an occurrence, or continues the one that is open, whatever its start: Alertmanager merges the
 * starts of overlapping alerts. After the end a start that is not later than the end is a late resend of what ended, unless
 * Prometheus returns the alert again: then Alertmanager had lost contact with Prometheus and resolved it falsely.
 */
export function heardFiring(known: ReceivedAlert | undefined, heard: Heard): ReceivedAlert {
  const { sender, alert, at } = heard;
  const { rule } = alert;
  const startsAt = notAhead(alert.startsAt, at);
  const from = { [sender]: { status: 'firing', at } as const };
  if (known !== undefined && known.endedAt === undefined) {
    // It contradicts those who said before that it is resolved.
    const others = Object.entries(known.from).filter(([, { status }]) => status === 'firing');
    return {
      ...known,
      startsAt: latest(known.startsAt, startsAt),
      heardAt: at,
      from: newest({ ...Object.fromEntries(others), ...from }),
    };
  }
  const isNew = known?.endedAt === undefined || startsAt > known.endedAt;
  if (!isNew && heard.isReturned !== true) return { ...known, heardAt: at };
  const activeAt = isNew ? earliest(startsAt, at) : at;
  return { rule: rule.key, activeAt, startsAt: latest(startsAt, activeAt), heardAt: at, from };
}

/** The end of the occurrence that is open; of an earlier one it changes nothing. */
export function heardResolved(known: ReceivedAlert | undefined, { sender, alert, at }: Heard): ReceivedAlert {
  const { startsAt, rule } = alert;
  const endsAt = notAhead(alert.endsAt ?? at, at);
  if (known === undefined) return { rule: rule.key, startsAt, endedAt: endsAt, heardAt: at, from: {} };
  if (known.endedAt !== undefined) return { ...known, endedAt: latest(known.endedAt, endsAt), heardAt: at };
  if (endsAt < known.startsAt) return { ...known, heardAt: at };
  const from = newest({ ...known.from, [sender]: { status: 'resolved', at, endsAt } });
  return { ...known, heardAt: at, from };
}

/** What Prometheus shows of an open alert. */
export type Witness =
  /** Nothing: the expression is not known or rejected, or this Prometheus has never returned the alert. */
  | 'none'
  /** It does not respond now. */
  | 'silent'
  /** It returns the alert, or has no data about it. */
  | 'unconfirmed'
  /** It shows that the alert is over. */
  | 'over';

/** What the Alertmanagers that resolved an alert say; undefined where none did. */
function resolvedBySenders({ from }: ReceivedAlert) {
  const all = Object.values(from);
  const resolved = all.filter(({ status }) => status === 'resolved');
  if (resolved.length === 0) return undefined;
  return {
    saidAt: epochMs(Math.max(...resolved.map(({ at }) => at))),
    endsAt: epochMs(Math.max(...resolved.map(({ at, endsAt = at }) => endsAt))),
    isAgreed: resolved.length === all.length,
  };
}

/**
 * When an open alert ended; undefined while it goes on. The Alertmanagers that sent it say so, and Prometheus must not
 * contradict: an Alertmanager that lost contact with Prometheus resolves alerts that fire. While Prometheus does not respond,
 * the end waits for it.
 */
export function endBySenders(
  heard: ReceivedAlert,
  { evalTime, witness }: { readonly evalTime: EpochMs; readonly witness: Witness },
): EpochMs | undefined {
  const resolved = resolvedBySenders(heard);
  if (resolved === undefined) return undefined;
  const { saidAt, endsAt, isAgreed } = resolved;
  const isUnanswered = between(saidAt, evalTime) >= CONFIRMED_WITHIN;
  const isOver: Readonly<Record<Witness, boolean>> = {
    none: isAgreed || isUnanswered,
    silent: false,
    // The rule may have been changed since, or its series are gone.
    unconfirmed: isAgreed && isUnanswered,
    over: true,
  };
  return isOver[witness] ? endsAt : undefined;
}

/** The end that waits for Prometheus, of an alert that stays open; undefined while an Alertmanager says that it fires. */
export function unconfirmedEnd(heard: ReceivedAlert, witness: Witness): UnconfirmedEnd | undefined {
  const resolved = resolvedBySenders(heard);
  if (resolved?.isAgreed !== true) return undefined;
  const { saidAt, endsAt } = resolved;
  return { at: endsAt, until: witness === 'silent' ? undefined : after(saidAt, CONFIRMED_WITHIN) };
}

/** What starts are compared with from now on: the end as Prometheus's clock gives it. */
const endOnSourceClock = ({ from }: ReceivedAlert, at: EpochMs): EpochMs =>
  epochMs(Math.max(at, ...Object.values(from).flatMap(({ endsAt }) => endsAt ?? [])));

/** What is known of an alert after its occurrence ended at `at`. */
export const ended = (heard: ReceivedAlert, at: EpochMs): ReceivedAlert => ({
  ...heard,
  from: {},
  suppressed: undefined,
  endedAt: endOnSourceClock(heard, at),
});

/** What is still to be known of alerts: of all that are open, and of those that ended in the last day. */
export function remembered(
  received: ReadonlyMap<string, ReceivedAlert>,
  evalTime: EpochMs,
): Readonly<Record<string, ReceivedAlert>> {
  const all = [...received];
  const ended = all
    .filter(([, heard]) => heard.endedAt !== undefined && between(heard.heardAt, evalTime) < REMEMBERED)
    .sort(([, a], [, b]) => b.heardAt - a.heardAt)
    .slice(0, MAX_REMEMBERED);
  return Object.fromEntries([...all.filter(([, heard]) => isOpen(heard)), ...ended]);
}

import type { Alert, AlertActions } from './alert.ts';

const NOTHING: AlertActions = {};

/**
 * An alert with what people did about it. AlertActions are kept beside the state, so whoever reads the state puts them together
 * with it here: what they say wins over what was known when the state was written.
 *
 * An alert that a person ended is resolved from that moment on. One that came to another end by then keeps that end: it
 * was seen, and what is seen counts for more than what is said.
 */
export function withActions(alert: Alert, actions: AlertActions = NOTHING): Alert {
  const { acknowledged, closed } = actions;
  const owned = acknowledged === undefined ? alert : { ...alert, acknowledged };
  if (closed === undefined || alert.state === 'resolved') return owned;
  const { noDataSince: _gone, suppressed: _hushed, ...rest } = owned;
  return { ...rest, state: 'resolved', resolvedAt: closed.at, resolveReason: 'closed', closed };
}

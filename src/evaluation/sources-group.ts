import { ms, SECOND } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';

/** A hiccup is not notified: so long a source has to leave rules without an answer. */
const TOLD_AFTER = ms(45 * SECOND);

/**
 * The watch over what the bot itself asks, as a rule group of its own: claiming, fencing, the outbox and the end of its
 * message are those of every other alert, so that one note is notified, once, whatever restarts and however many replicas.
 */
const RULE: SloRule = {
  name: 'PrometheusDoesNotAnswer',
  key: 'PrometheusDoesNotAnswer',
  expr: 'rules that Prometheus leaves without an answer',
  for: TOLD_AFTER,
  keepFiringFor: ms(0),
  labels: {},
  // Names of what `expand` fills in.
  annotations: { reason: 'reason', since: 'since', asked: 'asked' },
  valueKind: 'number',
  onNoData: 'resolve',
  about: 'source',
};

/** The group of the watch over the sources: in the store like any other, in no rule file. */
export const SOURCES: RuleGroup = {
  id: 'tailwatch (itself);sources',
  file: 'tailwatch (itself)',
  name: 'sources',
  interval: ms(15 * SECOND),
  queryOffset: ms(0),
  limit: 0,
  rules: [RULE],
};

/** The same while nothing is watched: what was notified ends like that of a rule that was removed. */
export const UNWATCHED: RuleGroup = { ...SOURCES, rules: [] };

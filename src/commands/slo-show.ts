import type { Alert, RuleHealth } from '../alerts/alert.ts';
import type { Phrase } from '../lib/format.ts';
import { bound, count, timeSpan } from '../lib/format.ts';
import { nearest } from '../lib/nearest.ts';
import { before, type EpochMs, HOUR } from '../lib/units.ts';
import { firstMessageOf } from '../messages/alert-messages.ts';
import { nameOf } from '../messages/alert-subject.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import { destinationsOf } from '../policy/route.ts';
import { NO_POLICY } from '../policy/suppress.ts';
import { createLocalTime } from '../policy/time-interval.ts';
import { knownLabels } from '../rules/file/route.ts';
import type { RuleAt, SloRule } from '../rules/rule.ts';
import { linesAnswer } from './answer.ts';
import type { CommandDeps, CommandForm } from './command.ts';
import { unquoted } from './slo-alert-actions.ts';

/** `/slo show`. */
export interface ShowRuleCommand {
  readonly kind: 'show-rule';
  readonly rule: string;
}

/** Rules of one name and alerts of one rule that an answer has room for. */
const MAX_RULES = 4;
const MAX_ALERTS = 10;

/** Slack accepts no longer address; that of a long expression is left out. */
const MAX_URL = 3_000;

export const sloShow: CommandForm<ShowRuleCommand> = {
  slash: '/slo',
  kind: 'show-rule',
  keywords: ['show'],
  usage: 'show <rule>',
  summary: 'One rule: expression, recovery condition, objective, destination, last evaluation, alerts',
  system: 'store',
  parse: ({ text }) =>
    text === ''
      ? { problem: 'Specify a rule by its name: /slo show CheckoutSlow.' }
      : { command: { kind: 'show-rule', rule: unquoted(text) }, share: false },
  run: async ({ command: { rule: name }, now }, deps) => {
    const all = deps.ruleSet().groups.flatMap((group) => group.rules.map((rule) => ({ group, rule })));
    const found = all.filter(({ rule }) => rule.name.toLowerCase() === name.toLowerCase());
    if (found.length === 0) {
      const [near] = nearest(name, [...new Set(all.map(({ rule }) => rule.name))]);
      const hint = near === undefined ? '/slo lists the rules.' : `Did you mean ${near}?`;
      return { answer: linesAnswer([`No rule is named ${name}. ${hint}`]) };
    }
    const lines: Phrase[] = [];
    for (const at of found.slice(0, MAX_RULES)) lines.push(...(await linesOf(deps, at, now)));
    const more = found.length - MAX_RULES;
    return { answer: linesAnswer(...lines, ...(more > 0 ? [[`and ${count(more, 'more rule')}`]] : [])) };
  },
};

async function linesOf(deps: CommandDeps, at: RuleAt, now: EpochMs): Promise<readonly Phrase[]> {
  const { group, rule } = at;
  const state = (await loadWithActions(deps.store, group.id))?.rules[rule.key];
  const every = group.schedule === undefined ? `every ${timeSpan(group.interval)}` : group.schedule;
  const { severity } = rule.labels;
  const graph = graphOf(deps, now)(rule.expr);
  const problem = deps.problemOf(group.id, rule.key);
  return [
    [
      { code: rule.name },
      ...(severity === undefined ? [] : [' · severity ', { code: severity }]),
      ` · group ${group.name} · evaluated ${every}, for ${timeSpan(rule.for)}`,
    ],
    [
      'Expression: ',
      { code: rule.expr },
      ...(graph === undefined ? [] : [' ', { text: 'Prometheus', url: graph }]),
    ],
    ...objectiveOf(rule),
    recoveryOf(rule, state?.health, graphOf(deps, now)),
    destinationsPhrase(deps, rule, now),
    evaluationOf(state?.evaluatedAt, state?.health),
    ...(problem === undefined ? [] : [[`Problem: ${problem}`]]),
    ...(await alertsOf(deps, rule, state?.alerts ?? [])),
  ];
}

type GraphOf = (expr: string) => string | undefined;

/** Links to an expression over the last hour; undefined without an address, or where Slack takes no link of that length. */
const graphOf =
  ({ links }: CommandDeps, now: EpochMs): GraphOf =>
  (expr) => {
    const url = links.graph({ expr, window: { start: before(now, HOUR), end: now } });
    return url === undefined || url.length > MAX_URL ? undefined : url;
  };

function objectiveOf({ objective }: SloRule): readonly Phrase[] {
  if (objective === undefined) return [];
  const { quantile, threshold, window, family } = objective;
  const good = `${Number((quantile * 100).toPrecision(6))}% of requests faster than ${bound(threshold)}`;
  return [[`Objective: ${good} over ${timeSpan(window)}, by `, { code: family.metric }]];
}

/** A longer recovery query hides the condition that follows it. */
const LONGEST_SHOWN = 120;

/** How its alerts end, and how they end without data. */
function recoveryOf({ recovery, noData }: SloRule, health: RuleHealth | undefined, graph: GraphOf): Phrase {
  const isRejected = health?.kind === 'ok' && health.recoveryRejected !== undefined;
  if (recovery === undefined || isRejected)
    return [
      'Recovery: an alert ends when the expression no longer returns it; missing data ends it too.',
      ...(isRejected ? [` Prometheus rejects its recovery query: ${health.recoveryRejected ?? ''}`] : []),
    ];
  const { expr, comparison, bound: limit } = recovery;
  const isMet =
    comparison === undefined
      ? [' has data and the expression no longer returns the alert']
      : [` has a value that is not ${comparison} ${limit ?? ''}`];
  const end = noData === 'resolve' ? 'ends it' : `closes it after ${timeSpan(noData)}`;
  const url = expr.length > LONGEST_SHOWN ? graph(expr) : undefined;
  const query = url === undefined ? { code: expr } : { text: 'its recovery query', url };
  return ['Recovery: an alert ends when ', query, ...isMet, `. Missing data ${end}.`];
}

/** By the labels that are known before it fires. */
function destinationsPhrase({ ruleSet }: CommandDeps, rule: SloRule, at: EpochMs): Phrase {
  const routing = ruleSet().policy ?? NO_POLICY;
  const alert = { labels: knownLabels(rule), channel: rule.channel };
  const where = destinationsOf(routing, alert, { at, localTime: createLocalTime() });
  const names = where.map(
    ({ channel = 'the default channel', isMuted }) => `${channel}${isMuted ? ' (muted now)' : ''}`,
  );
  return [`Destination: ${names.join(', ')}`];
}

function evaluationOf(at: EpochMs | undefined, health: RuleHealth | undefined): Phrase {
  if (at === undefined || health === undefined) return ['Last evaluation: none yet'];
  switch (health.kind) {
    case 'rule-error':
      return ['Last evaluation: ', { at }, `: Prometheus rejects the rule: ${health.message}`];
    case 'source-error':
      return [
        'Last evaluation: ',
        { at },
        `: no response, since `,
        { at: health.since },
        `: ${health.message}`,
      ];
    case 'ok':
    case 'unknown':
      return ['Last evaluation: ', { at }];
  }
}

async function alertsOf(
  { store, redactLabels = (labels) => labels }: CommandDeps,
  rule: SloRule,
  alerts: readonly Alert[],
): Promise<readonly Phrase[]> {
  const open = alerts.filter(({ state }) => state !== 'resolved');
  if (open.length === 0) return [['Alerts: none']];
  const rows = open.slice(0, MAX_ALERTS).map(async (alert): Promise<Phrase> => {
    const url = (await store.shownMessage(firstMessageOf(alert)))?.permalink;
    const state = alert.noDataSince === undefined ? alert.state : 'no data';
    const name = nameOf(
      { ...alert, labels: redactLabels(alert.labels), series: redactLabels(alert.series) },
      rule,
    );
    return [
      `${state}: ${name} since `,
      { at: alert.activeAt },
      ...(alert.acknowledged === undefined ? [] : [', acknowledged by ', { person: alert.acknowledged.by }]),
      ...(alert.suppressed === undefined ? [] : [', suppressed']),
      ...(url === undefined ? [] : [' ', { text: 'message', url }]),
    ];
  });
  const more = open.length - MAX_ALERTS;
  return [...(await Promise.all(rows)), ...(more > 0 ? [[`and ${count(more, 'more alert')}`]] : [])];
}

import type { RuleGroupState, Suppression, Transition } from '../../../src/alerts/alert.ts';
import { type ReceivedRuleResult, receiveAlerts } from '../../../src/alerts/receive.ts';
import type { NotifiedAlert } from '../../../src/alerts/statements.ts';
import { fingerprint, type Labels } from '../../../src/lib/labels.ts';
import { after, type EpochMs, MINUTE, ms } from '../../../src/lib/units.ts';
import { createReceivedRules } from '../../../src/rules/file/received-rule.ts';
import { START } from '../../support/virtual-clock.ts';

const EXPR = 'histogram_quantile(0.99, sum by (le, service) (rate(latency_ms_bucket[5m]))) > 500';
const LABELS: Labels = { alertname: 'SlowCheckout', service: 'checkout', severity: 'page' };
const rules = createReceivedRules();
const RULE = rules({ labels: LABELS, annotations: {}, expr: EXPR });

export const at = (minutes: number): EpochMs => after(START, ms(minutes * MINUTE));

/** One Alertmanager says something of the alert at a time. */
export interface Said {
  readonly at: EpochMs;
  readonly status: NotifiedAlert['status'];
  readonly startsAt: EpochMs;
  readonly endsAt?: EpochMs;
  readonly from?: string;
  readonly labels?: Labels;
  readonly hasExpr?: boolean;
}

export const PRINT = fingerprint(LABELS);
export const SILENCE: Suppression = { kind: 'silence', by: 'Alertmanager (ann): deploy', since: START };

/** Prometheus's answer to the rule's expression and to its recovery query; null: it returns nothing. */
interface Answer {
  readonly value?: number | null;
  readonly recovery?: number;
  /** Whether Alertmanager lists the alert, and what suppresses it there. */
  readonly listed?: readonly [] | readonly [Suppression | undefined];
}

const sampleOf = (value: number) => ({ labels: { service: 'checkout' }, value });

function resultOf({ value, recovery }: Answer): ReadonlyMap<string, ReceivedRuleResult> {
  if (value === undefined) return new Map();
  const samples = value === null ? [] : [sampleOf(value)];
  return new Map([
    [RULE.key, { samples, recoverySamples: recovery === undefined ? undefined : [sampleOf(recovery)] }],
  ]);
}

/** Plays what is said, and evaluations in between; keeps what changed. */
export function createPlay() {
  let state: Pick<RuleGroupState, 'rules' | 'received'> | undefined;
  const changes: string[] = [];
  const transitions: Transition[] = [];
  const step = (evalTime: EpochMs, said: readonly Said[], answer: Answer = {}): void => {
    const next = receiveAlerts({
      group: { id: 'received' },
      previous: state,
      notifications: said.map(
        ({ status, startsAt, endsAt, from = 'http://am', labels = LABELS, hasExpr }) => ({
          from,
          alerts: [
            {
              status,
              startsAt,
              endsAt,
              labels,
              annotations: { summary: 'slow' },
              rule: hasExpr === false ? rules({ labels, annotations: {} }) : RULE,
            },
          ],
        }),
      ),
      results: resultOf(answer),
      listed: answer.listed && new Map(answer.listed.map((suppressed) => [PRINT, suppressed])),
      evalTime,
    });
    state = {
      rules: Object.fromEntries(next.rules.map((each) => [each.rule.key, each.next])),
      received: next.received,
    };
    for (const transition of next.rules.flatMap((each) => each.transitions)) {
      const { kind, alert } = transition;
      transitions.push(transition);
      changes.push(kind === 'resolved' ? `${kind}: ${alert.resolveReason}` : kind);
    }
  };
  /** Takes the values as shown in the messages. */
  const show = (): void => {
    const rules = Object.entries(state?.rules ?? {}).map(([key, rule]) => {
      const alerts = rule.alerts.map((alert) => ({ ...alert, shownValue: alert.value }));
      return [key, { ...rule, alerts }];
    });
    state = { ...state, rules: Object.fromEntries(rules) };
  };
  return {
    show,
    changes,
    transitions,
    say: (said: Said, answer?: Answer) => step(said.at, [said], answer),
    evaluate: (time: EpochMs, answer?: Answer) => step(time, [], answer),
    alerts: () => Object.values(state?.rules ?? {}).flatMap(({ alerts }) => alerts),
    received: () => state?.received ?? {},
  };
}

import type { Alert, Suppression } from '../../../src/alerts/alert.ts';
import { after, type EpochMs, epochUs, HOUR, MINUTE, ms, ratio, us } from '../../../src/lib/units.ts';
import type { Evidence } from '../../../src/messages/evidence.ts';
import type { MessageView } from '../../../src/messages/notifier.ts';
import type { LatencyObjective, SloRule } from '../../../src/rules/rule.ts';
import { START } from '../../support/virtual-clock.ts';

/** Everything that a test may set of a message, by its own name: where it belongs is not the test's subject. */
export type ViewFields = Partial<Omit<Alert, 'series' | 'annotations'>> &
  Partial<Pick<SloRule, 'valueKind' | 'comparison' | 'bound' | 'burn' | 'about' | 'recovery'>> &
  Partial<Omit<LatencyObjective, 'family' | 'by'>> &
  Partial<Evidence> &
  Partial<Pick<MessageView, 'links' | 'mentions' | 'notice' | 'escalates' | 'alertGroup' | 'apart'>> & {
    readonly alertname?: string;
    readonly annotations?: Alert['annotations'];
    readonly series?: Alert['series'];
  };

function objectiveOf(fields: ViewFields): LatencyObjective | undefined {
  const { threshold, quantile = ratio(0.99), window = ms(5 * MINUTE), isApproximate } = fields;
  if (threshold === undefined) return undefined;
  const family = { metric: 'm', unit: 'ms', selector: '', serviceLabel: 'service' } as const;
  return { family, by: ['service'], quantile, threshold, window, isApproximate };
}

function ruleOf(fields: ViewFields): SloRule {
  const {
    alertname = 'CheckoutSlow',
    valueKind = 'number',
    comparison,
    bound,
    burn,
    about,
    recovery,
  } = fields;
  return {
    name: alertname,
    key: alertname,
    expr: 'x > 1',
    for: ms(0),
    keepFiringFor: ms(0),
    labels: {},
    annotations: {},
    valueKind,
    comparison,
    bound,
    burn,
    about,
    recovery,
    objective: objectiveOf(fields),
    noData: ms(24 * HOUR),
  };
}

function alertOf(fields: ViewFields): Alert {
  const {
    activeAt = START,
    state = 'firing',
    value = 0,
    peak = 0,
    seenAt = after(activeAt, MINUTE),
  } = fields;
  const { resolvedAt, resolveReason, keepFiringSince, noDataSince, noDataReason, gap, firedAt } = fields;
  const { suppressed, alsoSlow, acknowledged, closed, resolvedInAlertmanager } = fields;
  return {
    fingerprint: 'f',
    alertId: fields.alertId ?? '00000000000000aa-17',
    labels: fields.labels ?? {},
    series: fields.series ?? { service: 'checkout' },
    annotations: fields.annotations ?? {},
    activeAt,
    state,
    value,
    peak,
    seenAt,
    missedTicks: 0,
    resolvedAt,
    resolveReason,
    keepFiringSince,
    noDataSince,
    noDataReason,
    gap,
    firedAt,
    resolvedInAlertmanager,
    suppressed,
    alsoSlow,
    acknowledged,
    closed,
  };
}

/** The domain objects that a message is rendered from. */
export function viewOf(fields: ViewFields): MessageView {
  const { latency, slowShare, slowBetween, burnRate, budget, chart, traceService, watched } = fields;
  const { traces = { kind: 'pending' }, gaps = [] } = fields;
  const { links = [], mentions, notice, escalates, alertGroup, apart } = fields;
  return {
    alert: alertOf(fields),
    rule: ruleOf(fields),
    apart,
    evidence: {
      latency,
      slowShare,
      slowBetween,
      burnRate,
      budget,
      chart,
      traces,
      traceService,
      gaps,
      watched,
    },
    links,
    mentions,
    notice,
    escalates,
    alertGroup,
  };
}

/** A breach of `checkout` by the short form's rule; give what the test is about. */
export const aView = (over: ViewFields = {}): MessageView =>
  viewOf({
    labels: { alertname: 'CheckoutSlow', service: 'checkout', severity: 'page', team: 'shop' },
    annotations: { summary: 'checkout is slow', runbook_url: 'https://runbooks.example/checkout' },
    value: 0.072,
    peak: 0.091,
    valueKind: 'slow-share',
    comparison: '>',
    bound: 0.01,
    threshold: ms(500),
    firedAt: after(START, MINUTE),
    links: [{ label: 'Jaeger', url: 'https://jaeger.example/search?service=checkout&limit=20' }],
    ...over,
  });

/** The same without a service. */
export const NAMELESS = {
  labels: { alertname: 'CheckoutSlow', severity: 'page', team: 'shop' },
  series: {},
} as const;

/** The same of a hand-written rule without an objective. */
export const PLAIN = { threshold: undefined } as const;

/** A silence of a person in Slack. */
export const silencedBy = (by: string, comment: string): Suppression => ({
  kind: 'silence',
  by: comment,
  since: START,
  silence: { id: '5ca1ab1e', by },
});

const at = Array.from({ length: 20 }, (_, index): EpochMs => after(START, ms((index - 20) * 30_000)));

const EVIDENCE: Evidence = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slowShare: 0.072,
  burnRate: 7.2,
  traces: {
    kind: 'found',
    completeness: 'Complete: all 41 traces of 812 ms or more from 14:00 to 14:10 UTC',
    rows: [1, 2, 3].map((n) => ({
      traceId: `${n}`.repeat(32),
      duration: us(1_240_000 / n),
      traceDuration: us(1_500_000 / n),
      start: epochUs(START * 1_000 + n),
      operation: 'POST /checkout',
      isError: n === 2,
      url: `https://jaeger.example/trace/${`${n}`.repeat(32)}`,
    })),
  },
  chart: {
    title: 'p99 of checkout',
    unit: 'ms',
    at,
    series: [
      { name: 'p99', values: at.map((_, index) => 400 + index * 20) },
      { name: 'objective', values: at.map(() => 500) },
    ],
  },
  gaps: [],
};

/** The same once its evidence is collected. */
export const anEnrichedView = (over: ViewFields = {}): MessageView => aView({ ...EVIDENCE, ...over });

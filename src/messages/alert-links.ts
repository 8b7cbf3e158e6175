import type { Alert } from '../alerts/alert.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  type TimeWindow,
  toUs,
} from '../lib/units.ts';
import { objectiveLabels, quantileExpr } from '../rules/queries.ts';
import type { SloRule } from '../rules/rule.ts';
import { evidenceWindow, namespaceOf, serviceOf } from './alert-subject.ts';
import type { AlertGroupSnapshot } from './store.ts';

/** Traces in the page that a link opens. */
const LINKED_TRACES = 20;

/** A group's graph begins this much before its first alert. */
const LEAD_TIME: Milliseconds = ms(10 * MINUTE);

interface Linked {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The name the tracing backend knows the service by, once it was resolved. */
  readonly traceService?: string | undefined;
}

/** Links of an alert's message, all for the alert's own time window; a tool without an address has none. */
export function alertLinks(links: Links, of: Linked): readonly Link[] {
  const { alert, rule } = of;
  const window = evidenceWindow(alert, rule);
  const { objective } = rule;
  const expr =
    objective === undefined
      ? rule.expr
      : quantileExpr(objective, objectiveLabels(objective, alert.labels), {
          quantile: objective.quantile,
          window: objective.window,
        });
  return linksThatExist([
    ['Jaeger', traceSearch(links, of, window)],
    ['Prometheus', links.graph({ expr, window })],
    ['Grafana', dashboard(links, of, window) ?? links.grafanaExplore({ expr, window })],
    ['Kiali', kialiNode(links, of, window)],
  ]);
}

const linksThatExist = (urls: readonly (readonly [string, string | undefined])[]): readonly Link[] =>
  urls.flatMap(([label, url]) => (url === undefined ? [] : [{ label, url }]));

/** Rules often group by the service alone; the tracing backend's name of it holds its namespace. */
const namespaceIn = ({ alert, traceService }: Linked): string | undefined =>
  namespaceOf(alert) ?? (traceService === undefined ? undefined : kialiApplication(traceService)?.namespace);

function traceSearch(links: Links, { alert, rule, traceService }: Linked, window: TimeWindow) {
  const service = traceService ?? serviceOf(alert, rule);
  const { objective } = rule;
  const minDuration = objective === undefined ? undefined : toUs(objective.threshold);
  return service === undefined
    ? undefined
    : links.traceSearch({ service, window, minDuration, limit: LINKED_TRACES });
}

function dashboard(links: Links, of: Linked, window: TimeWindow): string | undefined {
  const service = serviceOf(of.alert, of.rule);
  const namespace = namespaceIn(of);
  return service === undefined ? undefined : links.grafanaDashboard({ service, window, namespace });
}

function kialiNode(links: Links, of: Linked, window: TimeWindow): string | undefined {
  const name = serviceOf(of.alert, of.rule);
  const namespace = namespaceIn(of);
  if (name === undefined || namespace === undefined) return undefined;
  return links.kialiNode({ kind: 'services', namespace, name, reach: between(window.start, window.end) });
}

/** Links of a group's message: the graph of all its alerts where there is one, the traces of the worst. */
export function groupLinks(
  links: Links,
  of: Linked & { readonly alertGroup: AlertGroupSnapshot; readonly now: EpochMs },
): readonly Link[] {
  const { rule, alert, alertGroup } = of;
  const window = { start: before(alertGroup.startedAt, LEAD_TIME), end: endOf(of.now, alertGroup) };
  const expr = rule.recovery?.comparison === undefined ? rule.expr : rule.recovery.expr;
  const service = serviceOf(alert, rule);
  return linksThatExist([
    ['Prometheus', links.graph({ expr, window })],
    [
      `Jaeger: ${service}`,
      service === undefined ? undefined : traceSearch(links, of, evidenceWindow(alert, rule)),
    ],
  ]);
}

/** When the last of them ended, or now; never before they began. */
function endOf(now: EpochMs, { startedAt, rows, counts }: AlertGroupSnapshot): EpochMs {
  if (counts.firing + counts['no-data'] > 0) return now;
  const ends = rows.flatMap(({ resolvedAt }) => resolvedAt ?? []);
  return epochMs(Math.max(after(startedAt, MINUTE), ...ends));
}

import { atSource, hasTwoSides } from '../latency/breakdown.ts';
import type { Labels } from '../lib/labels.ts';
import { PRESETS } from '../rules/presets.ts';
import { equalityMatchers, promqlSelector } from '../rules/promql.ts';
import { countMetricOf } from '../rules/queries.ts';
import type { LatencyFamily, ServiceObjective } from '../rules/rule.ts';
import { resolveName, withoutAlias } from '../traces/resolve-service.ts';
import { type Answer, SERVICE } from './answer.ts';
import type { CommandDeps } from './command.ts';
import type { ServiceLabel } from './slo-status.ts';

/** Where a service's latency is measured: the histogram, and the labels that select the service in it. */
export interface Measured {
  readonly family: LatencyFamily;
  readonly matchLabels: Labels;
  readonly service: ServiceLabel;
  /** Set where services in several namespaces have its name. */
  readonly namespace?: ServiceLabel;
  /** No service calls it, so its own calls are measured: a gateway. */
  readonly isCaller?: true;
}

/** The histograms of the rules, each once; without rules, the preset for Istio's sidecars. */
function families(objectives: readonly ServiceObjective[]): readonly LatencyFamily[] {
  const byIdentity = new Map(
    objectives.map(({ family }) => [`${family.metric}{${family.selector}}${family.serviceLabel}`, family]),
  );
  return byIdentity.size === 0 ? [PRESETS.istio.family] : [...byIdentity.values()];
}

type UnknownService = Extract<Answer, { readonly kind: 'unknown-service' }>;

/** Finds where a service is measured. Throws `UpstreamError`. */
export async function findMeasured(
  deps: Pick<CommandDeps, 'ruleSet' | 'metrics'>,
  name: string,
  signal: AbortSignal,
): Promise<Measured | UnknownService> {
  const { ruleSet, metrics } = deps;
  const all = new Set<string>();
  const { naming, objectives } = ruleSet();
  const used = families(objectives);
  for (const family of used) {
    const match = promqlSelector(countMetricOf(family), [family.selector]);
    const names = await metrics.labelValues({ label: family.serviceLabel, match }, signal);
    const measured = pick(family, withoutAlias(name, names, naming), names);
    if (measured !== undefined) return await inOneNamespace(deps, measured, signal);
    for (const known of names) all.add(known);
  }
  for (const family of used.filter(hasTwoSides)) {
    // A workload that calls others and that no service calls through the mesh: a gateway above all.
    const calling = { ...atSource(family), serviceLabel: 'source_workload' };
    const match = promqlSelector(`${calling.metric}_count`, [calling.selector]);
    const names = await metrics.labelValues({ label: calling.serviceLabel, match }, signal);
    const measured = pick(calling, withoutAlias(name, names, naming), names);
    if (measured !== undefined) return { ...measured, isCaller: true };
  }
  const resolved = resolveName(name, [...all]);
  const nearest = resolved.kind === 'unknown' ? resolved.nearest : [];
  return { kind: 'unknown-service', name, nearest, all: [...all].sort(), retry: RETRY };
}

const RETRY = `/latency ${SERVICE}`;

/**
 * The service under its own name, or as tracing names it: `checkout.shop` is `checkout` in the namespace `shop`, where
 * the histogram has the label of a namespace.
 */
function pick(family: LatencyFamily, name: string, known: readonly string[]): Measured | undefined {
  const resolved = resolveName(name, known);
  if (resolved.kind === 'found') return measuredAs(family, resolved.service);
  const [service = '', namespace = ''] = name.split('.');
  if (!known.includes(service)) return undefined;
  return measuredAs(family, service, { label: namespaceLabelOf(family), value: namespace });
}

/**
 * Services of one name in several namespaces are never added up: the typed or the default namespace is used, or a person
 * chooses. A histogram without the label of a namespace has none.
 */
async function inOneNamespace(
  { metrics, ruleSet }: Pick<CommandDeps, 'ruleSet' | 'metrics'>,
  { family, service, namespace }: Measured,
  signal: AbortSignal,
): Promise<Measured | UnknownService> {
  const label = namespaceLabelOf(family);
  const match = selectorOf(measuredAs(family, service.value));
  const known = (await metrics.labelValues({ label, match }, signal)).filter((value) => value !== '');
  if (known.length === 0 || (known.length === 1 && namespace === undefined))
    return measuredAs(family, service.value);
  const names = known.map((value) => `${service.value}.${value}`).sort();
  const typed = namespace === undefined ? service.value : `${service.value}.${namespace.value}`;
  const resolved = resolveName(typed, names, ruleSet().naming);
  if (resolved.kind === 'found')
    return measuredAs(family, service.value, {
      label,
      value: resolved.service.slice(service.value.length + 1),
    });
  return {
    kind: 'unknown-service',
    name: typed,
    isAmbiguous: namespace === undefined ? true : undefined,
    nearest: names.slice(0, MAX_NAMESPACES),
    all: names,
    retry: RETRY,
  };
}

/** The series with one sample for each histogram of a service. */
export const selectorOf = ({ family, matchLabels }: Pick<Measured, 'family' | 'matchLabels'>): string =>
  promqlSelector(countMetricOf(family), [family.selector, equalityMatchers(matchLabels)]);

/** Buttons for namespaces; a menu has all of them. */
const MAX_NAMESPACES = 3;

/** The label of a service's namespace, by the label of the service: Istio's two sides, OpenTelemetry's, Kubernetes's. */
const NAMESPACES: readonly (readonly [start: string, label: string])[] = [
  ['destination_', 'destination_service_namespace'],
  ['source_', 'source_workload_namespace'],
  ['service_name', 'service_namespace'],
  ['service.name', 'service.namespace'],
];

const namespaceLabelOf = ({ serviceLabel }: LatencyFamily): string =>
  NAMESPACES.find(([start]) => serviceLabel.startsWith(start))?.[1] ?? 'namespace';

function measuredAs(family: LatencyFamily, service: string, namespace?: ServiceLabel): Measured {
  return {
    family,
    matchLabels: {
      [family.serviceLabel]: service,
      ...(namespace === undefined ? {} : { [namespace.label]: namespace.value }),
    },
    service: { label: family.serviceLabel, value: service },
    namespace,
  };
}

/** The service, with its namespace where several exist. */
export const titleOf = ({ service, namespace }: Measured): string =>
  namespace === undefined ? service.value : `${service.value}.${namespace.value}`;

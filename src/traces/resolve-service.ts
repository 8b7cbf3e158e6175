import type { Clock } from '../lib/clock.ts';
import { nearest } from '../lib/nearest.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { NO_NAMING, type ServiceNaming } from '../rules/file/service-names.ts';
import type { TraceSource } from './trace-source.ts';

/** Which service a typed name stands for. */
export type ResolvedService =
  /**
   * The exact name, an alias, the only name that continues with a dot (`checkout.shop` for `checkout`), or of several the
   * one in the default namespace.
   */
  | {
      readonly kind: 'found';
      readonly service: string;
      /** All candidates, set when only the default namespace decided. */
      readonly among?: readonly string[];
    }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  /** `nearest` has at most three names by edit distance; `all` is sorted. */
  | { readonly kind: 'unknown'; readonly nearest: readonly string[]; readonly all: readonly string[] };

/** Resolves a typed name. Throws `UpstreamError` when the names cannot be read. */
export type ResolveService = (name: string, signal?: AbortSignal) => Promise<ResolvedService>;

/** What resolving a service name needs. */
export interface ResolveServiceOptions {
  readonly traces: Pick<TraceSource, 'services'>;
  readonly clock: Pick<Clock, 'now'>;
  /** The current aliases and default namespace; none by default. */
  readonly naming?: () => ServiceNaming | undefined;
}

const MAX_NEAREST = 3;
/** How long a list of services is used. */
const CACHED_FOR: Milliseconds = MINUTE;
/** A name that is not in the list may be new: the list is read again unless it is younger than this. */
const FRESH_FOR = ms(5_000);

interface CachedNames {
  readonly names: readonly string[];
  readonly at: EpochMs;
}

/** Resolves names among the services of the tracing backend. */
export function createResolveService({
  traces,
  clock,
  naming = () => NO_NAMING,
}: ResolveServiceOptions): ResolveService {
  let cached: CachedNames | undefined;
  const read = async (signal: AbortSignal | undefined): Promise<CachedNames> => {
    const at = clock.now();
    const list = { names: [...(await traces.services(signal))].sort(), at };
    // Of two concurrent reads, the one that started later is newer.
    if (cached === undefined || cached.at <= at) cached = list;
    return list;
  };
  const age = ({ at }: CachedNames): Milliseconds => between(at, clock.now());
  return async (name, signal) => {
    const list = cached !== undefined && age(cached) < CACHED_FOR ? cached : await read(signal);
    const resolved = resolveName(name, list.names, naming());
    if (resolved.kind !== 'unknown' || age(list) < FRESH_FOR) return resolved;
    return resolveName(name, (await read(signal)).names, naming());
  };
}

/**
 * Resolves a typed name: the exact name; else the one that differs only in case; else an alias; else the only one that
 * continues with a dot, as `checkout.shop` does after `checkout` (Istio names services `<app>.<namespace>`); else, of
 * several, the one in the default namespace.
 */
export function resolveName(
  name: string,
  services: readonly string[],
  { aliases, namespace }: ServiceNaming = NO_NAMING,
): ResolvedService {
  if (services.includes(name)) return { kind: 'found', service: name };
  const typed = name.toLowerCase();
  const same = services.filter((service) => service.toLowerCase() === typed);
  const alias = aliases.get(typed);
  // An alias stands for a name, not for another alias.
  if (same.length === 0 && alias !== undefined)
    return resolveName(alias, services, { ...NO_NAMING, namespace });
  const longer = services.filter((service) => service.toLowerCase().startsWith(`${typed}.`));
  const candidates = same.length > 0 ? same : longer;
  const [first] = candidates;
  if (first === undefined) {
    return { kind: 'unknown', nearest: nearestServices(name, services), all: services };
  }
  if (candidates.length === 1) return { kind: 'found', service: first };
  const inNamespace = candidates.find((service) => service.toLowerCase() === `${typed}.${namespace ?? ''}`);
  return inNamespace === undefined
    ? { kind: 'ambiguous', candidates }
    : { kind: 'found', service: inNamespace, among: candidates };
}

/** The name that a typed alias stands for; any other name as it is. An alias never hides a service of its name. */
export function withoutAlias(
  name: string,
  services: readonly string[],
  { aliases }: ServiceNaming = NO_NAMING,
): string {
  const typed = name.toLowerCase();
  return services.some((service) => service.toLowerCase() === typed) ? name : (aliases.get(typed) ?? name);
}

const nearestServices = (name: string, services: readonly string[]): readonly string[] =>
  nearest(name, services, {
    count: MAX_NEAREST,
    formsOf: (service) => [service, service.split('.', 1)[0] ?? service],
  });

import type { Clock } from '../lib/clock.ts';
import { nearest } from '../lib/nearest.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { NO_NAMING, type ServiceNaming } from '../rules/file/service-names.ts';
import type { TraceSource } from './trace-source.ts';

/** The names a menu of Slack can hold. */
const MAX_NEAREST = 3;
/** How long a list of services is used. */
const CACHED_FOR: Milliseconds = MINUTE;
/** A name that is not in the list may be new: the list is read again unless it is younger than this. */
const FRESH_ENOUGH = ms(5_000);

/** What notification a service by what was typed needs. */
export interface ResolveServiceOptions {
  readonly traces: Pick<TraceSource, 'services'>;
  readonly clock: Pick<Clock, 'now'>;
  /** How people call services, as it is now; by their own names unless given. */
  readonly naming?: () => ServiceNaming | undefined;
}

interface Cached {
  readonly names: readonly string[];
  readonly at: EpochMs;
}

/** Which of the tracing backend's services is meant. Throws the backend's `UpstreamError`. */
export function createResolveService({
  traces,
  clock,
  naming = () => NO_NAMING,
}: ResolveServiceOptions): ResolveService {
  let cached: Cached | undefined;
  const read = async (signal: AbortSignal | undefined): Promise<Cached> => {
    const at = clock.now();
    const names = [...(await traces.services(signal))].sort();
    // Of two that were read at once, the one asked for later is the newer.
    if (cached === undefined || cached.at <= at) cached = { names, at };
    return { names, at };
  };
  const age = ({ at }: Cached): Milliseconds => between(at, clock.now());
  return async (name, signal) => {
    const list = cached !== undefined && age(cached) < CACHED_FOR ? cached : await read(signal);
    const resolved = resolveName(name, list.names, naming());
    if (resolved.kind !== 'unknown' || age(list) < FRESH_ENOUGH) return resolved;
    return resolveName(name, (await read(signal)).names, naming());
  };
}

/**
 * Finds a service by a typed name: the exact one; else the one that differs only in case; else what the name is an
 * alias of; else the only one that goes on with a dot, as `checkout.shop` does after `checkout` (Istio names services
 * `<app>.<namespace>`); else, of several, the one in the default namespace.
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
  // What an alias stands for is a name, not another alias.
  if (same.length === 0 && alias !== undefined) {
    return resolveName(alias, services, {
      ...NO_NAMING,
      ...(namespace === undefined ? {} : { namespace }),
    });
  }
  const longer = services.filter((service) => service.toLowerCase().startsWith(`${typed}.`));
  const candidates = same.length > 0 ? same : longer;
  const [first] = candidates;
  if (first === undefined) return unknown(name, services);
  if (candidates.length === 1) return { kind: 'found', service: first };
  const usual = candidates.find((service) => service.toLowerCase() === `${typed}.${namespace ?? ''}`);
  return usual === undefined
    ? { kind: 'ambiguous', candidates }
    : { kind: 'found', service: usual, among: candidates };
}

function unknown(name: string, services: readonly string[]): ResolvedService {
  return {
    kind: 'unknown',
    nearest: nearest(name, services, {
      count: MAX_NEAREST,
      formsOf: (service) => [service, service.split('.', 1)[0] ?? service],
    }),
    all: services,
  };
}

/** Which service is meant by a name a person typed. */
export type ResolvedService =
  /**
   * Exact, by an alias, or the only one whose name before the first dot is the asked one (`checkout` for
   * `checkout.shop`), or that one in the default namespace.
   */
  | {
      readonly kind: 'found';
      readonly service: string;
      /** Set when only the default namespace decided: all that the name could have meant. */
      readonly among?: readonly string[];
    }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  /** `nearest` holds at most three names by edit distance; `all` is sorted. */
  | { readonly kind: 'unknown'; readonly nearest: readonly string[]; readonly all: readonly string[] };

/** Tells which service a typed name means. Throws `UpstreamError` when the names cannot be had. */
export type ResolveService = (name: string, signal?: AbortSignal) => Promise<ResolvedService>;

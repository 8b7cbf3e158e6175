import { UpstreamError } from '../lib/errors.ts';
import { before, type EpochMs, epochMs } from '../lib/units.ts';
import { lookBackOf, namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import type { CommandDeps } from './command.ts';

/**
 * When the breach began that a request is part of: the earliest look-back of a firing latency alert about one of its services.
 * Undefined when there is none, or when the store does not respond.
 */
export async function breachStart(
  { alerts, logger }: Pick<CommandDeps, 'alerts' | 'logger'>,
  { services, at }: { readonly services: readonly string[]; readonly at: EpochMs },
): Promise<EpochMs | undefined> {
  try {
    const starts = (await alerts.firing()).flatMap(({ alert, rule }) => {
      const name = serviceOf(alert, rule);
      const start = before(alert.activeAt, lookBackOf(rule));
      const isOfRequest =
        rule.objective !== undefined &&
        name !== undefined &&
        start < at &&
        services.some((service) => isNamed(service, name, namespaceOf(alert)));
      return isOfRequest ? [start] : [];
    });
    return starts.length === 0 ? undefined : epochMs(Math.min(...starts));
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    logger.warn('no alerts to compare a request with', { reason: error.message });
    return undefined;
  }
}

/** Metrics name a service `checkout`, Istio's traces `checkout.shop`. */
const isNamed = (service: string, name: string, namespace: string | undefined): boolean =>
  service === name ||
  (namespace === undefined ? service.split('.', 1)[0] === name : service === `${name}.${namespace}`);

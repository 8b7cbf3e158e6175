import { createAlertmanagerAlerts, listOfCluster } from './alertmanager/alertmanager-alerts.ts';
import { type Base, type Cleanup, tracedClient, UPSTREAM_DEADLINE } from './bot-parts.ts';
import {
  type AlertReceiver,
  type AlertReceiverOptions,
  createAlertReceiver,
  type ListAlerts,
  RECEIVED_GROUP,
} from './evaluation/alert-receiver.ts';
import type { OwnGroup } from './evaluation/evaluator.ts';
import { createHttpClient } from './http/http-client.ts';
import { errorMessage } from './lib/errors.ts';
import type { Logger } from './lib/logger.ts';
import { createAlertmanagerWebhook, type Webhook } from './ops/alertmanager-webhook.ts';

/** Lists the alerts of Alertmanager; undefined without its address. */
function createAlertList(
  { settings, clock, recorder, tracing, proxyFor }: Base,
  cleanups: Cleanup[],
): ListAlerts | undefined {
  const api = settings.alertmanager?.api;
  if (api === undefined) return undefined;
  const system = 'alertmanager';
  const headers = api.headers.reveal();
  return listOfCluster(
    api.urls.map((baseUrl) => {
      const client = createHttpClient({ system, baseUrl, headers, recorder, proxyFor });
      cleanups.push(async () => client.close());
      const http = tracedClient(client, system, tracing);
      return createAlertmanagerAlerts({ http, deadline: UPSTREAM_DEADLINE, now: () => clock.now() });
    }),
  );
}

/** The group of the received alerts. */
const groupOf = (receiver: AlertReceiver, logger: Logger): OwnGroup => ({
  group: RECEIVED_GROUP,
  evaluate: async (evalTime) => {
    try {
      return await receiver.evaluate(evalTime);
    } catch (error) {
      // The next interval starts from the same state.
      logger.warn('received alerts could not be evaluated', { reason: errorMessage(error) });
      return undefined;
    }
  },
});

/** Takes alerts from Alertmanager; nothing without a token. */
export function createReceiving(
  base: Base,
  parts: Omit<AlertReceiverOptions, 'listAlerts'>,
  cleanups: Cleanup[],
): { readonly group: OwnGroup; readonly webhook: Webhook } | undefined {
  const { settings, clock, logger, recorder } = base;
  const token = settings.alertmanager?.token.reveal();
  if (token === undefined) return undefined;
  const receiver = createAlertReceiver({ ...parts, listAlerts: createAlertList(base, cleanups) });
  const webhook = createAlertmanagerWebhook({ receiver, token, now: () => clock.now(), logger, recorder });
  return { group: groupOf(receiver, logger), webhook };
}

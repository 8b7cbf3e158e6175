import type { Transport } from './adapters/slack/receivers.ts';
import type { Settings, SlackTransport } from './config/env.ts';
import { createLinks } from './domain/link.ts';

/** What the bot's parts take from its settings. */

/** Every text that must not reach the log. */
export function secretsOf({ slack, prometheus, jaeger, redisUrl }: Settings): readonly string[] {
  const { transport } = slack;
  return [
    slack.botToken.reveal(),
    transport.kind === 'socket' ? transport.appToken.reveal() : transport.signingSecret.reveal(),
    ...[prometheus, jaeger].flatMap(({ headers }) => Object.values(headers.reveal())),
    ...(redisUrl === undefined ? [] : [redisUrl.reveal()]),
  ];
}

/** Where links in messages lead: addresses for people, not for the bot. */
export function linksOf({ jaeger, prometheus, kialiUrl, grafanaUrl }: Settings) {
  return createLinks({
    jaeger: jaeger.publicUrl,
    prometheus: prometheus.publicUrl,
    ...(kialiUrl === undefined ? {} : { kiali: kialiUrl }),
    ...(grafanaUrl === undefined ? {} : { grafana: grafanaUrl }),
  });
}

/** How Slack reaches the bot. */
export function transportOf(transport: SlackTransport, host: { readonly host?: string }): Transport {
  return transport.kind === 'socket'
    ? { mode: 'socket', appToken: transport.appToken.reveal() }
    : { mode: 'http', signingSecret: transport.signingSecret.reveal(), port: transport.port, ...host };
}

import { createLinks } from './links/link.ts';
import type { Settings, SlackTransport } from './settings/env.ts';
import type { Transport } from './slack/receivers.ts';

/** What the bot's parts take from its settings. */

/** Shorter texts are not masked by themselves: they stand in too many innocent words. */
const SHORTEST_MASKED = 6;

/** A header's value, and the credentials in it without their scheme: `Bearer abc`, `Basic` with user and password. */
function partsOfHeader(value: string): readonly string[] {
  const [, scheme = '', credentials = ''] = /^(\S+)\s+(\S+)$/.exec(value) ?? [];
  if (scheme.toLowerCase() !== 'basic') return [value, credentials];
  const decoded = Buffer.from(credentials, 'base64').toString('utf8');
  return [value, credentials, decoded, decoded.slice(decoded.indexOf(':') + 1)];
}

/** An address, and its password as it is written there and as it is. */
function partsOfAddress(address: string): readonly string[] {
  // Not `URL`, which refuses a list of hosts.
  const [, password = ''] = /:\/\/[^/?#:]*:([^/?#]*)@/.exec(address) ?? [];
  try {
    return [address, password, decodeURIComponent(password)];
  } catch {
    return [address, password];
  }
}

/** Every text that must not reach the log. */
export function secretsOf({ slack, prometheus, jaeger, redis, proxy }: Settings): readonly string[] {
  const { transport } = slack;
  return [
    slack.botToken.reveal(),
    transport.kind === 'socket' ? transport.appToken.reveal() : transport.signingSecret.reveal(),
    ...[prometheus, jaeger].flatMap(({ headers }) => Object.values(headers.reveal()).flatMap(partsOfHeader)),
    ...[redis?.url, proxy.http, proxy.https].flatMap((address) =>
      address === undefined ? [] : partsOfAddress(address.reveal()),
    ),
  ].filter((text) => text.length >= SHORTEST_MASKED);
}

/** Where links in messages lead: addresses for people, not for the bot. */
export function linksOf({ jaeger, prometheus, kialiUrl, grafanaUrl, grafanaPlaces }: Settings) {
  return createLinks({
    jaeger: jaeger.publicUrl,
    prometheus: prometheus.publicUrl,
    kiali: kialiUrl,
    grafana: grafanaUrl,
    grafanaPlaces,
  });
}

/** How Slack reaches the bot. */
export function transportOf(transport: SlackTransport, host: { readonly host?: string }): Transport {
  return transport.kind === 'socket'
    ? { mode: 'socket', appToken: transport.appToken.reveal() }
    : { mode: 'http', signingSecret: transport.signingSecret.reveal(), port: transport.port, ...host };
}

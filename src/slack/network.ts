import { Agent, type Dispatcher, Pool, ProxyAgent, fetch as proxiedFetch } from 'undici';
import type { ProxyFor } from '../http/proxy.ts';

/** How Slack is reached. */
export interface SlackNetwork {
  readonly fetch: typeof fetch;
  /** For the WebSocket of Socket Mode; absent: a direct connection. */
  readonly dispatcher?: Dispatcher;
}

/** Reaches Slack directly. */
export const DIRECT: SlackNetwork = { fetch: (url, init) => fetch(url, init) };

/** Reaches each of Slack's hosts through its proxy: the Web API, response URLs, uploads and Socket Mode. */
export function createProxiedNetwork(proxyFor: ProxyFor): SlackNetwork {
  const dispatcher = new Agent({
    factory: (origin, options) => {
      const uri = proxyFor(String(origin));
      // Without a tunnel for `http://`, which many proxies refuse; `https://` always has one.
      return uri === undefined ? new Pool(origin, options) : new ProxyAgent({ uri, proxyTunnel: false });
    },
  });
  const request = (url: string | URL, init?: object) => proxiedFetch(url, { ...init, dispatcher });
  return { fetch: request as unknown as typeof fetch, dispatcher };
}

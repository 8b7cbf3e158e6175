import { BlockList, isIP } from 'node:net';
import type { ProxySettings } from '../settings/values.ts';

/** The proxy for a URL; undefined when it is requested directly. */
export type ProxyFor = (url: string) => string | undefined;

interface Target {
  readonly host: string;
  readonly port: string;
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', prefix = ''] = network.split('/', 2);
  const version = isIP(address);
  const bits = prefix === '' ? Number.NaN : Number(prefix);
  if (version === 0 || isIP(host) !== version || !(bits >= 0 && bits <= (version === 4 ? 32 : 128)))
    return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const networks = new BlockList();
  networks.addSubnet(address, bits, family);
  return networks.check(host, family);
}

/** `example.com` matches itself and its subdomains; `.example.com` and `*.example.com` only subdomains. */
function isInDomain(host: string, domain: string): boolean {
  const isSubdomainOnly = /^\*?\./.test(domain);
  const bare = domain.replace(/^\*?\./, '');
  return (host === bare && !isSubdomainOnly) || host.endsWith(`.${bare}`);
}

function isException({ host, port }: Target, entry: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(host, entry);
  const bare = entry.replace(/^\[(.*)\]/, '$1');
  if (isIP(bare) !== 0) return bare === host;
  const [, name = '', entryPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  return (entryPort === undefined || entryPort === port) && isInDomain(host, name);
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || isInNetwork(host, '127.0.0.0/8') || host === '::1';

/**
 * Chooses the proxy for each URL as Go's `httpproxy` package does, which Prometheus and Grafana use: `NO_PROXY` holds
 * hosts, domains, addresses and networks, with an optional port; `*` is everything. Loopback addresses never use a proxy.
 */
export function createProxyFor({ http, https, except = '' }: ProxySettings): ProxyFor {
  const entries = except
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '');
  return (url) => {
    const { protocol, hostname, port } = new URL(url);
    const isSecure = protocol === 'https:' || protocol === 'wss:';
    const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
    const target: Target = { host, port: port === '' ? (isSecure ? '443' : '80') : port };
    if (isLoopback(host) || entries.some((entry) => isException(target, entry))) return undefined;
    return (isSecure ? https : http)?.reveal();
  };
}

/** Where Redis is: one server, the Sentinels of a master, or some nodes of a Cluster. */
export interface RedisAddress {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** The name that the Sentinels use for the master. */
  readonly master?: string;
  readonly sentinelPassword?: string;
}

/** Scheme, kind, user and password, hosts, path, query. */
const ADDRESS =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?(.*))?$/;
const HOST = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i;

function hostsOf(list: string, defaultPort: number): RedisAddress['hosts'] | undefined {
  const hosts = list.split(',').map((entry) => {
    const [matched, ipv6, name, port] = HOST.exec(entry.trim()) ?? [];
    if (matched === undefined || Number(port ?? defaultPort) > 65_535) return undefined;
    return { host: ipv6 ?? name ?? '', port: Number(port ?? defaultPort) };
  });
  return hosts.every((host) => host !== undefined) ? hosts : undefined;
}

function decoded(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decodeURIComponent(text);
}

/** `user:password`, `user` or `:password`. */
function credentialsOf(text: string): Pick<RedisAddress, 'username' | 'password'> {
  const [, username, password] = /^([^:]*)(?::(.*))?$/.exec(text) ?? [];
  return { username: decoded(username), password: decoded(password) };
}

/** The master, for Sentinels, and the database; undefined for an invalid path. A Cluster has one database. */
function pathOf(
  kind: RedisAddress['kind'],
  path: string,
): Pick<RedisAddress, 'master' | 'database'> | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const master = kind === 'sentinel' ? decoded(parts.shift()) : undefined;
  const [database = '0', ...more] = parts;
  const isValid = more.length === 0 && (kind === 'cluster' ? /^0$/ : /^\d{1,5}$/).test(database);
  if (!isValid || (kind === 'sentinel' && master === undefined)) return undefined;
  return { master, database: Number(database) };
}

function kindOf(given: string | undefined, hosts: string): RedisAddress['kind'] {
  if (given === 'sentinel' || given === 'cluster') return given;
  // A list of hosts without Sentinels is a Cluster.
  return hosts.includes(',') ? 'cluster' : 'server';
}

function parse(address: string): RedisAddress | undefined {
  const [, scheme, given, credentials = '', list = '', path = '', query] = ADDRESS.exec(address) ?? [];
  const kind = kindOf(given, list);
  const hosts = hostsOf(list, kind === 'sentinel' ? 26_379 : 6_379);
  const target = pathOf(kind, path);
  if (hosts === undefined || target === undefined) return undefined;
  return {
    kind,
    hosts,
    isTls: scheme === 'rediss',
    ...credentialsOf(credentials),
    ...target,
    sentinelPassword: new URLSearchParams(query).get('sentinelPassword') ?? undefined,
  };
}

/**
 * Parses an address; undefined for an invalid one. Forms, with `rediss` for TLS:
 * `redis://[user:password@]host[:port][/db]`, `redis+cluster://[user:password@]host[:port],host,...`, and
 * `redis+sentinel://[user:password@]host[:port],host,.../master[/db][?sentinelPassword=...]`.
 */
export function parseRedisAddress(address: string): RedisAddress | undefined {
  try {
    return parse(address);
  } catch {
    // An invalid escape sequence.
    return undefined;
  }
}

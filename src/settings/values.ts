import { inspect } from 'node:util';
import { z } from 'zod';
import type { GrafanaPlaces } from '../lib/links.ts';
import { redactionProblem } from '../lib/redact.ts';
import { channelProblem } from '../lib/slack-channel.ts';

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

const MASK = '[secret]';

/** A value that must not be printed: every way of printing it gives a mask, `reveal()` gives the value. */
export interface Secret<T = string> {
  reveal(): T;
  toString(): string;
  toJSON(): string;
  [inspect.custom](): string;
}

/** Wraps a secret. The value is in a closure, where no walk over properties finds it. */
export function secret<T>(value: T): Secret<T> {
  return {
    reveal: () => value,
    toString: () => MASK,
    toJSON: () => MASK,
    [inspect.custom]: () => MASK,
  };
}

/** Environment variables as they are set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A text with the advice for a missing or invalid one; undefined for a valid one. */
const advised = (missing: string, adviceFor: (value: string) => string | undefined) =>
  z.string({ error: missing }).superRefine((value, context) => {
    const message = adviceFor(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message, input: value });
  });

/** A text with the advice for one that is missing or not valid. */
const valid = (advice: string, isValid: (value: string) => boolean) =>
  advised(advice, (value) => (isValid(value) ? undefined : advice));

/** A text that matches a pattern, with the advice for one that does not. */
export const matching = (pattern: RegExp, advice: string) => valid(advice, (value) => pattern.test(value));

/** A Slack token; `where` is the page on which Slack shows it. */
export function token(prefix: string, where: string) {
  const advice = `Use the token that starts with ${prefix}- (${where}).`;
  const whole = `Use the whole token (${where}): ${prefix}- is followed by 8 or more letters, digits and hyphens.`;
  return advised(advice, (value) => {
    if (!value.startsWith(`${prefix}-`)) return advice;
    return /^[\w-]{8,}$/.test(value.slice(prefix.length + 1)) ? undefined : whole;
  });
}

/** A Slack channel: its name with `#`, or its ID. */
const CHANNEL_ADVICE = 'Use a channel name like "#slo-alerts" or an ID like C0123456789.';
export const channel = advised(CHANNEL_ADVICE, (value) => {
  if (channelProblem(value) === undefined) return undefined;
  const [, id] = /\/archives\/([CG][A-Z0-9]{6,})/.exec(value) ?? [];
  return id === undefined ? CHANNEL_ADVICE : `Use the ID in this link: ${id}.`;
});

const urlOf = (value: string): URL | undefined => (URL.canParse(value) ? new URL(value) : undefined);

/** Ends of paths of the APIs and pages of Prometheus, Alertmanager and Jaeger, which are copied with their address. */
const ENDPOINT = /\/(?:api\/(?:v\d+(?:\/[\w-]+)*|traces|services)|graph|search)\/?$/;

/** What is wrong with an HTTP address: `credentials` names the variable where its user and password belong. */
function addressAdvice(value: string, example: string, credentials?: string): string | undefined {
  const url = urlOf(value);
  if (url === undefined || !/^https?:$/.test(url.protocol)) return `Use an address like ${example}.`;
  const instead =
    credentials === undefined ? 'Remove them.' : `Use \`Authorization: Basic …\` in ${credentials}.`;
  if (url.username !== '' || url.password !== '')
    return `Addresses are shown in links and logs, so they must not contain a user name or password. ${instead}`;
  if (url.search !== '' || url.hash !== '') return 'Remove the query string and the fragment.';
  const [endpoint] = ENDPOINT.exec(url.pathname) ?? [];
  return endpoint === undefined
    ? undefined
    : `Remove ${endpoint}: the paths of the API and pages are added to it.`;
}

/** An HTTP address like the example. */
export const address = (example: string, credentials?: string) =>
  advised(`Use an address like ${example}.`, (value) => addressAdvice(value, example, credentials));

/** The parts of a list that is separated by commas. */
export const listOf = (list: string): readonly string[] =>
  list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** One or more HTTP addresses, separated by commas. */
export const addresses = (example: string, credentials?: string) =>
  advised(`Use an address like ${example}.`, (value) => {
    const all = listOf(value);
    if (all.length === 0) return `Use an address like ${example}.`;
    return all
      .map((each) => addressAdvice(each, example, credentials))
      .find((advice) => advice !== undefined);
  });

/** An HTTP address with a path or query that is a secret. */
export const secretAddress = (example: string) =>
  valid(`Use an address like ${example}.`, (value) => {
    const url = urlOf(value);
    return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  });

export const redisAddress = valid(
  'Use redis://redis:6379/0, rediss:// for TLS, redis+sentinel://sentinel1,sentinel2/master, or redis+cluster://node1,node2.',
  (value) => parseRedisAddress(value) !== undefined,
);

export const port = (example: string) =>
  valid(
    `Use a port from 0 to 65535, like ${example}.`,
    (value) => /^\d{1,5}$/.test(value) && Number(value) <= 65_535,
  );

/** A whole number of a unit. */
export const wholeNumber = (
  unit: string,
  { least, most }: { readonly least: number; readonly most: number },
) =>
  valid(
    `Use a whole number of ${unit} from ${least} to ${most}.`,
    (value) => /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most,
  );

/** The result of reading a list of headers. The problem never repeats a value, which may be a password. */
export type HeadersResult =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string };

/** The characters of a header's name: RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** A value that could start another header, or that the HTTP client refuses. */
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;
/** Set by the HTTP client; overriding them would break requests. */
const RESERVED = /^(?:connection|content-length|content-type|host|transfer-encoding)$/i;

interface Header {
  readonly name: string;
  readonly value: string;
}

function headerProblem({ name, value }: Header, index: number): string | undefined {
  const which = `header ${index + 1}`;
  if (name === '') return `${which} has no \`Name:\` before its value`;
  if (!HEADER_NAME.test(name)) return `${which} has an invalid name`;
  if (RESERVED.test(name)) return `${which} (${name}) is set by the HTTP client`;
  if (value === '') return `${which} (${name}) has no value`;
  return FORBIDDEN.test(value) ? `${which} (${name}) has a value with invalid characters` : undefined;
}

/**
 * Reads headers: one `Name: value` per line, or separated by `;;` where a variable cannot hold lines. A single `;` is part
 * of the value, as cookies and media types need it.
 */
export function parseHeaders(list: string): HeadersResult {
  const lines = list.split(/\r?\n|;;/).filter((line) => line.trim() !== '');
  const headers = lines.map((line): Header => {
    const at = Math.max(0, line.indexOf(':'));
    return { name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() };
  });
  const problems = headers.flatMap((header, index) => headerProblem(header, index) ?? []);
  return problems.length > 0
    ? { ok: false, problem: problems.join('; ') }
    : { ok: true, headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])) };
}

/** A list of headers. */
export const headerList = advised('', (value) => {
  const read = parseHeaders(value);
  return read.ok
    ? undefined
    : `Use one \`Name: value\` per line, or separate them with ;; (${read.problem}).`;
});

/** Entries, one per line or separated by `;;`. */
export const entriesOf = (list: string): readonly string[] =>
  list
    .split(/\r?\n|;;/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Patterns of texts to remove. */
export const redactionPatterns = advised('', (value) => {
  const problems = entriesOf(value).flatMap((pattern) => {
    const problem = redactionProblem(pattern);
    return problem === undefined ? [] : [`${JSON.stringify(pattern)}: ${problem}`];
  });
  return problems.length === 0
    ? undefined
    : `Use one RE2 regular expression per line, or separate them with ;; (${problems.join('; ')}).`;
});

const GRAFANA_TRACES = /^(jaeger|tempo):([\w-]{1,40})$/;
const GRAFANA_DASHBOARD = /^[\w-]{1,40}(?:\/[\w-]+)?(?:\?[^\s#?]*)?$/;

/** UIDs as Grafana generates and accepts them. */
export const grafanaMetrics = matching(
  /^[\w-]{1,40}$/,
  "Use the data source's UID, the last part of its page's address.",
);
export const grafanaTraces = matching(
  GRAFANA_TRACES,
  "Use the data source's type and UID, like jaeger:P1234 or tempo:P1234.",
);
export const grafanaDashboard = matching(
  GRAFANA_DASHBOARD,
  "Use the dashboard's UID, followed by its variables where they differ: abc123?var-app={service}.",
);

/** What links into Grafana need, from values that are valid. */
export function grafanaPlaces(
  texts: Readonly<Record<'metrics' | 'traces' | 'dashboard', string | undefined>>,
): GrafanaPlaces {
  const [, type, uid] = GRAFANA_TRACES.exec(texts.traces ?? '') ?? [];
  return {
    metrics: texts.metrics,
    traces: uid === undefined ? undefined : { type: type === 'tempo' ? 'tempo' : 'jaeger', uid },
    dashboard: texts.dashboard,
  };
}

/** Outgoing proxies. Their addresses may hold credentials. */
export interface ProxySettings {
  /** For `https://` addresses. */
  readonly https?: Secret;
  /** For `http://` addresses. */
  readonly http?: Secret;
  /** `NO_PROXY` as it is set. */
  readonly except?: string;
}

const PROXY_NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/** curl and Go also read these variables in lower case; upper case wins. */
export function withLowerCaseProxies(environment: Environment): Environment {
  const lower = PROXY_NAMES.map((name) => [name, environment[name.toLowerCase()]] as const);
  return { ...Object.fromEntries(lower.filter(([, value]) => value !== undefined)), ...environment };
}

/** `proxy:3128` means `http://proxy:3128`. */
const proxyUrl = (value: string): string => (value.includes('://') ? value : `http://${value}`);

const PROXY_ADVICE = 'Use the address of an HTTP proxy, like http://proxy:3128.';

/** The advice for an invalid proxy address; undefined for a valid one. */
export const proxyAdvice = (value: string): string | undefined =>
  /^https?:$/.test(urlOf(proxyUrl(value))?.protocol ?? '') ? undefined : PROXY_ADVICE;

/** The address of an HTTP proxy, with or without `http://`. */
export const proxyAddress = advised(PROXY_ADVICE, proxyAdvice);

/** The proxies, from values that are valid. */
export function proxySettings({ HTTPS_PROXY, HTTP_PROXY, NO_PROXY }: Environment): ProxySettings {
  return {
    https: HTTPS_PROXY === undefined ? undefined : secret(proxyUrl(HTTPS_PROXY)),
    http: HTTP_PROXY === undefined ? undefined : secret(proxyUrl(HTTP_PROXY)),
    except: NO_PROXY,
  };
}

import { z } from 'zod';
import type { GrafanaPlaces } from '../lib/links.ts';
import { channelProblem } from '../lib/slack-channel.ts';
import { type Environment, type ProxySettings, secret } from './settings.ts';

/** A text for which `advise` has no advice; `missing` is the advice when the variable is not set. */
const text = (missing: string, advise: (value: string) => string | undefined) =>
  z.string({ error: missing }).superRefine((value, context) => {
    const advice = advise(value);
    if (advice !== undefined) context.addIssue({ code: 'custom', message: advice, input: value });
  });

/** A text that matches a pattern, with the advice for one that does not. */
export const matching = (pattern: RegExp, advice: string) =>
  text(advice, (value) => (pattern.test(value) ? undefined : advice));

/** A Slack token; `where` is the page on which Slack shows it. */
export function token(prefix: string, where: string) {
  const advice = `Use the token that starts with ${prefix}- (${where}).`;
  const whole = `Use the whole token (${where}): ${prefix}- is followed by 8 or more letters, digits and hyphens.`;
  return text(advice, (value) => {
    if (!value.startsWith(`${prefix}-`)) return advice;
    return /^[\w-]{8,}$/.test(value.slice(prefix.length + 1)) ? undefined : whole;
  });
}

/** A Slack channel: its name with `#`, or its ID. */
export function channel() {
  const advice = 'Use a channel name like "#slo-alerts" or an ID like C0123456789.';
  return text(advice, (value) => (channelProblem(value) === undefined ? undefined : advice));
}

/** An HTTP address like the example; `headers` names the variable where its credentials belong. */
export const address = (example: string, headers?: string) =>
  text(`Use an address like ${example}.`, (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return `Use an address like ${example}.`;
    if (url.username !== '' || url.password !== '') {
      const instead =
        headers === undefined ? 'Remove them.' : `Use \`Authorization: Basic …\` in ${headers}.`;
      return `Addresses are shown in links and logs, so they must not contain a user name or password. ${instead}`;
    }
    return url.search === '' && url.hash === '' ? undefined : 'Remove the query string and the fragment.';
  });

/** An address of Redis. */
export const redisAddress = () =>
  text('', (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const isRedis = url !== undefined && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
    return isRedis
      ? undefined
      : 'Use an address like redis://redis:6379/0 or rediss://:password@redis:6380/0.';
  });

export const port = (example: string) =>
  text('', (value) =>
    /^\d{1,5}$/.test(value) && Number(value) <= 65_535
      ? undefined
      : `Use a port from 0 to 65535, like ${example}.`,
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
const RESERVED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
]);

function headerProblem(line: string, index: number): string | undefined {
  const at = line.indexOf(':');
  const name = line.slice(0, Math.max(0, at)).trim();
  const which = `header ${index + 1}`;
  if (at <= 0) return `${which} has no \`Name:\` before its value`;
  if (!HEADER_NAME.test(name)) return `${which} has an invalid name`;
  if (RESERVED.has(name.toLowerCase())) return `${which} (${name}) is set by the HTTP client`;
  if (line.slice(at + 1).trim() === '') return `${which} (${name}) has no value`;
  return FORBIDDEN.test(line.slice(at + 1))
    ? `${which} (${name}) has a value with invalid characters`
    : undefined;
}

/**
 * Reads headers: one `Name: value` per line, or separated by `;;` where a variable cannot hold lines. A single `;` is part
 * of the value, as cookies and media types need it.
 */
export function parseHeaders(list: string): HeadersResult {
  const lines = list
    .split(/\r?\n|;;/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const problems = lines.flatMap((line, index) => headerProblem(line, index) ?? []);
  if (problems.length > 0) return { ok: false, problem: problems.join('; ') };
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
  });
  return { ok: true, headers: Object.fromEntries(headers) };
}

/** A list of headers. */
export const headers = () =>
  text('', (value) => {
    const read = parseHeaders(value);
    return read.ok
      ? undefined
      : `Use one \`Name: value\` per line, or separate them with ;; (${read.problem}).`;
  });

const TRACES = /^(jaeger|tempo):([\w-]{1,40})$/;

/** The UID of a data source, as Grafana generates and accepts them. */
export const grafanaMetrics = () =>
  matching(/^[\w-]{1,40}$/, "Use the data source's UID, the last part of its page's address.");
export const grafanaTraces = () =>
  matching(TRACES, "Use the data source's type and UID, like jaeger:P1234 or tempo:P1234.");
export const grafanaDashboard = () =>
  matching(
    /^[\w-]{1,40}(?:\/[\w-]+)?(?:\?[^\s#?]*)?$/,
    "Use the dashboard's UID, followed by its variables where they differ: abc123?var-app={service}.",
  );

/** What links into Grafana need, from values that are valid. */
export function grafanaPlaces(
  texts: Readonly<Record<'metrics' | 'traces' | 'dashboard', string | undefined>>,
): GrafanaPlaces {
  const [, type, uid] = TRACES.exec(texts.traces ?? '') ?? [];
  return {
    metrics: texts.metrics,
    traces: uid === undefined ? undefined : { type: type === 'tempo' ? 'tempo' : 'jaeger', uid },
    dashboard: texts.dashboard,
  };
}

const PROXY_NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/** curl and Go also read these variables in lower case; upper case wins. */
export function withLowerCaseProxies(environment: Environment): Environment {
  const lower = PROXY_NAMES.map((name) => [name, environment[name.toLowerCase()]] as const);
  return { ...Object.fromEntries(lower.filter(([, value]) => value !== undefined)), ...environment };
}

/** `proxy:3128` means `http://proxy:3128`. */
const addressOf = (value: string): string => (value.includes('://') ? value : `http://${value}`);

/** The advice for an invalid proxy address; undefined for a valid one. */
export function proxyAdvice(value: string): string | undefined {
  const proxy = addressOf(value);
  return URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol)
    ? undefined
    : 'Use the address of an HTTP proxy, like http://proxy:3128.';
}

/** The address of an HTTP proxy, with or without `http://`. */
export const proxyAddress = () => text('', proxyAdvice);

/** The proxies, from values that are valid. */
export function proxySettings({ HTTPS_PROXY, HTTP_PROXY, NO_PROXY }: Environment): ProxySettings {
  return {
    https: HTTPS_PROXY === undefined ? undefined : secret(addressOf(HTTPS_PROXY)),
    http: HTTP_PROXY === undefined ? undefined : secret(addressOf(HTTP_PROXY)),
    except: NO_PROXY,
  };
}

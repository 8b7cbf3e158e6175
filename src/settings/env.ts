import { readFileSync } from 'node:fs';
import type { GrafanaPlaces } from '../lib/links.ts';
import { nearestName } from '../lib/nearest.ts';
import {
  type Environment,
  entriesOf,
  grafanaPlaces,
  listOf,
  type ProxySettings,
  parseHeaders,
  proxySettings,
  type Secret,
  secret,
  withLowerCaseProxies,
} from './values.ts';
import {
  defaultOf,
  type EnvironmentTexts,
  environmentSchema,
  VARIABLES,
  type Variable,
  variableOf,
} from './variables.ts';

/** The exit code for an invalid configuration: EX_CONFIG of BSD's sysexits.h. */
export const EXIT_CONFIG = 78;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How requests from Slack reach the bot. */
export type SlackTransport =
  | { readonly kind: 'socket'; readonly appToken: Secret }
  | { readonly kind: 'http'; readonly signingSecret: Secret; readonly port: number };

/** Prometheus or Jaeger. */
export interface Upstream {
  readonly url: string;
  /** The address for browsers. */
  readonly publicUrl: string;
  readonly headers: Secret<Readonly<Record<string, string>>>;
}

/** All settings. Safe to log: secrets print as `[secret]`. */
export interface Settings {
  readonly slack: {
    readonly botToken: Secret;
    readonly transport: SlackTransport;
    /** Ends in a slash. */
    readonly apiUrl: string;
    /** The channel for rules that name none. */
    readonly channel: string;
    /** Whether answers about a trace include an image of it. */
    readonly showsPictures: boolean;
    /** Whether the end of an acknowledged page mentions who acknowledged it. */
    readonly mentionsAcknowledger: boolean;
  };
  readonly prometheus: Upstream & { readonly maxSeries: number };
  readonly jaeger: Upstream;
  /** The largest trace that is read by its id. */
  readonly maxTraceMib: number;
  readonly kialiUrl?: string;
  readonly grafanaUrl?: string;
  /** Data sources and dashboard for links into that Grafana. */
  readonly grafanaPlaces: GrafanaPlaces;
  /** Absent: the embedded store in `dataDir`. */
  readonly redis?: {
    readonly url: Secret;
    /** Prefix of every key: different for each installation on the same Redis. */
    readonly prefix: string;
  };
  readonly dataDir: string;
  readonly proxy: ProxySettings;
  /** Files and directories, as written. */
  readonly rulesFiles: readonly string[];
  /** Requested every minute while all is well. */
  readonly heartbeatUrl?: Secret;
  readonly logLevel: LogLevel;
  readonly redaction: {
    /** RE2 patterns of texts to remove. */
    readonly patterns: readonly string[];
    /** Names of the span attributes that may be shown; undefined: all. */
    readonly allowedAttributes?: readonly string[];
  };
  /** Where the bot's own traces are sent; absent: there are none. */
  readonly tracing?: {
    readonly endpoint: string;
    readonly headers: Secret<Readonly<Record<string, string>>>;
  };
  readonly opsPort: number;
  /** The address the operations port listens on; undefined: all interfaces. */
  readonly opsHost?: string;
  /** Absent: nothing on the operations port asks for a token. */
  readonly opsToken?: Secret;
  /** Absent: no alerts are taken from Alertmanager. */
  readonly alertmanager?: {
    readonly token: Secret;
    /** The Alertmanagers of one cluster. Absent: silences are not shown. */
    readonly api?: { readonly urls: readonly [string, ...string[]] } & Pick<Upstream, 'headers'>;
  };
}

/** A problem with a variable. No part of it holds a secret. */
export interface SettingProblem {
  readonly variable: string;
  /** What is wrong: `not set`, `invalid value "x"`. */
  readonly problem: string;
  /** What to do: a full sentence. */
  readonly advice: string;
}

/** The settings, or all problems that prevent reading them. */
export type SettingsResult = { readonly warnings: readonly SettingProblem[] } & (
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly SettingProblem[] }
);

/** The process's environment: nothing else in the program reads it. */
export const processEnvironment = (): Environment => normalized(process.env);

/** The prefixes of Slack's tokens and of addresses: they say what kind of value was pasted, and nothing more. */
const KINDS = /^(?:xox[a-z]|xapp|xwfp|https?|rediss?)(?=-|:)/;

/** What may be printed of a secret: its kind and its length. */
export function describeSecret(value: string): string {
  const kind = KINDS.exec(value)?.[0];
  return `hidden, ${value.length} characters${kind === undefined ? '' : `, starts with ${kind}`}`;
}

function invalid(name: string, value: string | undefined): string {
  if (value === undefined) return 'not set';
  const isSecret = variableOf(name)?.isSecret === true || /:\/\/[^/]*@/.test(value);
  return `invalid value ${isSecret ? `(${describeSecret(value)})` : JSON.stringify(value)}`;
}

/** A blank variable is not set, as compose files and shells write it; blanks around values are copying errors. */
function normalized(environment: Environment): Environment {
  const set = Object.entries(environment)
    .map(([name, value]) => [name, value?.trim()] as const)
    .filter(([, value]) => value !== undefined && value !== '');
  return withLowerCaseProxies(Object.fromEntries(set));
}

/** Appended to the name of a secret variable: the path of a file that holds its value, as Docker and Kubernetes mount it. */
const FILE = '_FILE';
const SECRETS: readonly string[] = VARIABLES.filter((entry: Variable) => entry.isSecret).map(
  ({ name }) => name,
);

type ReadTextFile = (path: string) => string;
const readText: ReadTextFile = (path) => readFileSync(path, 'utf8');

/** The environment with the secrets that are in files, and the files that cannot be read. */
export function withSecretFiles(
  environment: Environment,
  readFile: ReadTextFile = readText,
): { readonly environment: Environment; readonly problems: readonly SettingProblem[] } {
  const problems: SettingProblem[] = [];
  const read = SECRETS.flatMap((name) => {
    const variable = `${name}${FILE}`;
    const path = environment[variable];
    if (path === undefined) return [];
    if (environment[name] !== undefined) {
      problems.push({ variable, problem: `${name} is set too`, advice: 'Unset one of them.' });
      return [];
    }
    try {
      return [[name, readFile(path)] as const];
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      problems.push({
        variable,
        problem: `cannot read ${JSON.stringify(path)} (${reason})`,
        advice: 'Use the path of a file that holds the secret and that this user may read.',
      });
      return [];
    }
  });
  return { environment: normalized({ ...environment, ...Object.fromEntries(read) }), problems };
}

/** Slack reaches the bot by Socket Mode or over HTTP: one of the two must be set. */
function transportProblems(environment: Environment): readonly SettingProblem[] {
  if (environment['SLACK_APP_TOKEN'] !== undefined || environment['SLACK_SIGNING_SECRET'] !== undefined)
    return [];
  const advice =
    'Set SLACK_APP_TOKEN to use Socket Mode, or SLACK_SIGNING_SECRET to receive requests over HTTP.';
  return [{ variable: 'SLACK_APP_TOKEN', problem: 'not set, and neither is SLACK_SIGNING_SECRET', advice }];
}

/** Two servers on one port: the second one would fail to start. */
function portProblems(environment: Environment): readonly SettingProblem[] {
  const opsPort = environment['OPS_PORT'] ?? defaultOf('OPS_PORT');
  const slackPort = environment['SLACK_PORT'] ?? defaultOf('SLACK_PORT');
  const isHttp = environment['SLACK_APP_TOKEN'] === undefined;
  if (!isHttp || opsPort === '0' || opsPort !== slackPort) return [];
  return [
    { variable: 'OPS_PORT', problem: `${opsPort} is also the SLACK_PORT`, advice: 'Use another port.' },
  ];
}

function transportWarnings(environment: Environment): readonly SettingProblem[] {
  if (environment['SLACK_APP_TOKEN'] === undefined || environment['SLACK_SIGNING_SECRET'] === undefined)
    return [];
  const advice = 'Socket Mode is used. Unset SLACK_APP_TOKEN to receive requests over HTTP.';
  return [{ variable: 'SLACK_SIGNING_SECRET', problem: 'not used with SLACK_APP_TOKEN', advice }];
}

function alertmanagerWarnings(environment: Environment): readonly SettingProblem[] {
  if (environment['ALERTMANAGER_URL'] === undefined || environment['ALERTMANAGER_TOKEN'] !== undefined)
    return [];
  const advice = 'Set ALERTMANAGER_TOKEN to take alerts from Alertmanager.';
  return [{ variable: 'ALERTMANAGER_URL', problem: 'not used without ALERTMANAGER_TOKEN', advice }];
}

/** Names close to ours. Only close ones: Kubernetes puts REDIS_PORT and the like into every container. */
function misspelled(environment: Environment): readonly SettingProblem[] {
  const known = [...VARIABLES.map(({ name }) => name), ...SECRETS.map((name) => `${name}${FILE}`)];
  return Object.keys(environment).flatMap((name) => {
    const near = known.some((other) => other === name) ? undefined : nearestName(name, known, 2);
    if (near === undefined || environment[near] !== undefined) return [];
    return [{ variable: name, problem: 'unknown variable', advice: `Did you mean ${near}?` }];
  });
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const isLogLevel = (value: string): value is LogLevel => LEVELS.some((level) => level === value);

function transportOf(texts: EnvironmentTexts): SlackTransport {
  if (texts.SLACK_APP_TOKEN !== undefined) return { kind: 'socket', appToken: secret(texts.SLACK_APP_TOKEN) };
  const slackPort = Number(texts.SLACK_PORT ?? defaultOf('SLACK_PORT'));
  return { kind: 'http', signingSecret: secret(texts.SLACK_SIGNING_SECRET ?? ''), port: slackPort };
}

function upstreamOf(url: string, publicUrl: string | undefined, headerText: string | undefined): Upstream {
  const read = parseHeaders(headerText ?? '');
  return { url, publicUrl: publicUrl ?? url, headers: secret(read.ok ? read.headers : {}) };
}

function slackOf(texts: EnvironmentTexts): Settings['slack'] {
  return {
    botToken: secret(texts.SLACK_BOT_TOKEN),
    transport: transportOf(texts),
    apiUrl: (texts.SLACK_API_URL ?? defaultOf('SLACK_API_URL')).replace(/\/*$/, '/'),
    channel: texts.SLACK_CHANNEL,
    showsPictures: (texts.SLACK_PICTURES ?? defaultOf('SLACK_PICTURES')) === 'on',
    mentionsAcknowledger:
      (texts.SLACK_MENTION_ACKNOWLEDGER ?? defaultOf('SLACK_MENTION_ACKNOWLEDGER')) === 'on',
  };
}

function redisOf({ REDIS_URL, REDIS_PREFIX }: EnvironmentTexts): Settings['redis'] {
  if (REDIS_URL === undefined) return undefined;
  return { url: secret(REDIS_URL), prefix: REDIS_PREFIX ?? defaultOf('REDIS_PREFIX') };
}

function tracingOf({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_HEADERS: headers,
}: EnvironmentTexts): Settings['tracing'] {
  if (endpoint === undefined) return undefined;
  const read = parseHeaders(headers ?? '');
  return { endpoint, headers: secret(read.ok ? read.headers : {}) };
}

const secretOf = (text: string | undefined): Secret | undefined =>
  text === undefined ? undefined : secret(text);

function alertmanagerOf({
  ALERTMANAGER_TOKEN: token,
  ALERTMANAGER_URL: url,
  ALERTMANAGER_HEADERS: headers,
}: EnvironmentTexts): Settings['alertmanager'] {
  if (token === undefined) return undefined;
  const [first, ...others] = listOf(url ?? '');
  const read = parseHeaders(headers ?? '');
  return {
    token: secret(token),
    api:
      first === undefined
        ? undefined
        : { urls: [first, ...others], headers: secret(read.ok ? read.headers : {}) },
  };
}

function settingsOf(texts: EnvironmentTexts): Settings {
  const level = texts.LOG_LEVEL ?? defaultOf('LOG_LEVEL');
  return {
    slack: slackOf(texts),
    prometheus: {
      ...upstreamOf(texts.PROMETHEUS_URL, texts.PROMETHEUS_PUBLIC_URL, texts.PROMETHEUS_HEADERS),
      maxSeries: Number(texts.PROMETHEUS_MAX_SERIES ?? defaultOf('PROMETHEUS_MAX_SERIES')),
    },
    jaeger: upstreamOf(texts.JAEGER_URL, texts.JAEGER_PUBLIC_URL, texts.JAEGER_HEADERS),
    maxTraceMib: Number(texts.JAEGER_MAX_TRACE_MIB ?? defaultOf('JAEGER_MAX_TRACE_MIB')),
    kialiUrl: texts.KIALI_URL,
    grafanaUrl: texts.GRAFANA_URL,
    grafanaPlaces: grafanaPlaces({
      metrics: texts.GRAFANA_METRICS,
      traces: texts.GRAFANA_TRACES,
      dashboard: texts.GRAFANA_DASHBOARD,
    }),
    redis: redisOf(texts),
    dataDir: texts.DATA_DIR ?? defaultOf('DATA_DIR'),
    rulesFiles: listOf(texts.RULES_FILE ?? defaultOf('RULES_FILE')),
    proxy: proxySettings(texts),
    heartbeatUrl: secretOf(texts.HEARTBEAT_URL),
    logLevel: isLogLevel(level) ? level : 'info',
    redaction: {
      patterns: entriesOf(texts.REDACT_PATTERNS ?? ''),
      allowedAttributes: texts.TRACE_ATTRIBUTES === undefined ? undefined : listOf(texts.TRACE_ATTRIBUTES),
    },
    tracing: tracingOf(texts),
    opsHost: texts.OPS_HOST,
    opsToken: secretOf(texts.OPS_TOKEN),
    alertmanager: alertmanagerOf(texts),
    opsPort: Number(texts.OPS_PORT ?? defaultOf('OPS_PORT')),
  };
}

/** Reads the settings from an environment; all problems are reported together. */
export function readSettings(environment: Environment, readFile: ReadTextFile = readText): SettingsResult {
  const { environment: given, problems: fileProblems } = withSecretFiles(normalized(environment), readFile);
  const parsed = environmentSchema.safeParse(given);
  const issues = parsed.success ? [] : parsed.error.issues;
  const unread = new Set(fileProblems.map(({ variable }) => variable));
  const problems = [
    ...fileProblems,
    // A secret whose file cannot be read is not reported as missing too.
    ...issues
      .filter(({ path }) => !unread.has(`${String(path[0])}${FILE}`))
      .map((issue) => {
        const variable = String(issue.path[0] ?? '');
        return { variable, problem: invalid(variable, given[variable]), advice: issue.message };
      }),
    ...transportProblems(given),
    ...portProblems(given),
  ];
  const warnings = [...transportWarnings(given), ...alertmanagerWarnings(given), ...misspelled(given)];
  if (!parsed.success || problems.length > 0) return { ok: false, problems, warnings };
  return { ok: true, settings: settingsOf(parsed.data), warnings };
}

/** Problems as text, one line each: `LOG_LEVEL: invalid value "x". Use debug, info, warn or error.` */
export const problemsText = (problems: readonly SettingProblem[]): string =>
  problems.map(({ variable, problem, advice }) => `${variable}: ${problem}. ${advice}`).join('\n');

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
  const [, sentinelPassword = ''] = /[?&]sentinelPassword=([^&#]*)/.exec(address) ?? [];
  const passwords = [password, sentinelPassword];
  try {
    return [address, ...passwords, ...passwords.map(decodeURIComponent)];
  } catch {
    return [address, ...passwords];
  }
}

/** Every text that must not reach the log. */
export function secretsOf({
  slack,
  prometheus,
  jaeger,
  redis,
  proxy,
  heartbeatUrl,
  opsToken,
  alertmanager,
  tracing,
}: Settings): readonly string[] {
  const { transport } = slack;
  return [
    slack.botToken.reveal(),
    transport.kind === 'socket' ? transport.appToken.reveal() : transport.signingSecret.reveal(),
    ...[prometheus, jaeger, alertmanager?.api, tracing].flatMap((upstream) =>
      Object.values(upstream?.headers.reveal() ?? {}).flatMap(partsOfHeader),
    ),
    ...[opsToken, alertmanager?.token].flatMap((token) => token?.reveal() ?? []),
    ...[redis?.url, proxy.http, proxy.https, heartbeatUrl].flatMap((address) =>
      address === undefined ? [] : partsOfAddress(address.reveal()),
    ),
  ].filter((text) => text.length >= SHORTEST_MASKED);
}

import { z } from 'zod';
import type { GrafanaPlaces } from '../lib/links.ts';
import { nearestName } from '../lib/nearest.ts';
import { channelProblem } from '../lib/slack-channel.ts';
import { doubleTransport, portMistakes, transportMistakes } from './combinations.ts';
import type { Environment, Mistake } from './environment.ts';
import { dashboardAdvice, grafanaPlaces, metricsAdvice, tracesAdvice } from './grafana.ts';
import { parseHeaders } from './headers.ts';
import { redisAdvice } from './redis-address.ts';
import { describeSecret, type Secret, secret } from './secret.ts';
import { defaultOf, VARIABLES, variableOf } from './variables.ts';

/** How the process ends when its configuration is wrong: EX_CONFIG of BSD's sysexits.h. */
export const EXIT_CONFIG = 78;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How Slack reaches the bot. */
export type SlackTransport =
  | { readonly kind: 'socket'; readonly appToken: Secret }
  | { readonly kind: 'http'; readonly signingSecret: Secret; readonly port: number };

/** A system that is asked over HTTP. */
export interface Upstream {
  readonly url: string;
  /** The address a browser reaches it by. */
  readonly publicUrl: string;
  readonly headers: Secret<Readonly<Record<string, string>>>;
}

/** Everything the environment says. It can be logged as it is: secrets show as `[secret]`. */
export interface Settings {
  readonly slack: {
    readonly botToken: Secret;
    readonly transport: SlackTransport;
    /** Ends in a slash. */
    readonly apiUrl: string;
    /** The channel for rules that name none. */
    readonly channel: string;
    /** Whether answers about a trace come with its picture. */
    readonly showsPictures: boolean;
  };
  readonly prometheus: Upstream;
  readonly jaeger: Upstream;
  readonly kialiUrl?: string;
  readonly grafanaUrl?: string;
  /** What links into that Grafana need to know of it. */
  readonly grafanaPlaces: GrafanaPlaces;
  /** Absent: the embedded store in `dataDir`. */
  readonly redis?: {
    readonly url: Secret;
    /** Begins every key: different for each installation on the same Redis. */
    readonly prefix: string;
  };
  readonly dataDir: string;
  /** Files and folders, as written. */
  readonly rulesFiles: readonly string[];
  readonly logLevel: LogLevel;
  readonly opsPort: number;
}

/** What the environment says, or everything that is wrong with it. Notes are worth a warning and no more. */
export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings; readonly notes: readonly Mistake[] }
  | { readonly ok: false; readonly mistakes: readonly Mistake[]; readonly notes: readonly Mistake[] };

/** The process's environment: nothing else in the program reads it. */
export const processEnvironment = (): Environment => process.env;

const unset = (advice: string) => z.string({ error: advice });

/** A text that passes when `advise` has nothing to say about it. */
const text = (missing: string, advise: (value: string) => string | undefined) =>
  unset(missing).superRefine((value, context) => {
    const advice = advise(value);
    if (advice !== undefined) context.addIssue({ code: 'custom', message: advice, input: value });
  });

const token = (prefix: string, where: string) => {
  const advice = `Write the token that begins with ${prefix}- (${where}).`;
  const whole = `Write the whole token (${where}): after ${prefix}- come 8 or more letters, digits and hyphens.`;
  return text(advice, (value) => {
    if (!value.startsWith(`${prefix}-`)) return advice;
    return /^[\w-]{8,}$/.test(value.slice(prefix.length + 1)) ? undefined : whole;
  });
};

interface AddressOptions {
  readonly example: string;
  readonly headers?: string;
}

function urlAdvice(value: string, { example, headers }: AddressOptions): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return `Write an address like ${example}.`;
  if (url.username !== '' || url.password !== '') {
    const instead =
      headers === undefined ? 'leave them out' : `write \`Authorization: Basic …\` into ${headers}`;
    return `Addresses end up in links and logs, so they hold no user name and no password: ${instead}.`;
  }
  return url.search === '' && url.hash === ''
    ? undefined
    : 'Write the address without `?` and `#` and what follows.';
}

/** An address like the example; `headers` names the variable where its credentials belong. */
const address = (missing: string, options: AddressOptions) =>
  text(missing, (value) => urlAdvice(value, options));

const headers = unset('').superRefine((value, context) => {
  const read = parseHeaders(value);
  if (read.ok) return;
  const message = `Write one \`Name: value\` per line, or put ;; between them: ${read.problem}.`;
  context.addIssue({ code: 'custom', message });
});

const port = (example: string) =>
  text('', (value) =>
    /^\d{1,5}$/.test(value) && Number(value) <= 65_535
      ? undefined
      : `Write a port from 0 to 65535, like ${example}.`,
  );

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const isLevel = (value: string): value is LogLevel => LEVELS.some((level) => level === value);

/** The environment's shape: one field per variable, in the texts' own form. */
const environmentSchema = z.object({
  SLACK_BOT_TOKEN: token('xoxb', 'Slack app page, "OAuth & Permissions"'),
  SLACK_APP_TOKEN: token('xapp', 'Slack app page, "Basic Information", "App-Level Tokens"').optional(),
  SLACK_SIGNING_SECRET: text('', (value) =>
    /^[\da-f]{32}$/i.test(value)
      ? undefined
      : 'Write the 32 hexadecimal digits of "Signing Secret" (Slack app page, "Basic Information").',
  ).optional(),
  SLACK_PORT: port('3000').optional(),
  SLACK_API_URL: address('', { example: 'https://slack.com/api/' }).optional(),
  SLACK_CHANNEL: text(
    'Write the channel for rules that name none: "#slo-alerts" or an id like C0123456789.',
    (value) =>
      channelProblem(value) === undefined
        ? undefined
        : 'Write a channel\'s name like "#slo-alerts" or an id like C0123456789.',
  ),
  SLACK_PICTURES: text('', (value) =>
    value === 'on' || value === 'off' ? undefined : 'Write on or off.',
  ).optional(),
  PROMETHEUS_URL: address('Write the address of the Prometheus to ask, like http://prometheus:9090.', {
    example: 'http://prometheus:9090',
    headers: 'PROMETHEUS_HEADERS',
  }),
  PROMETHEUS_PUBLIC_URL: address('', { example: 'https://prometheus.example.com' }).optional(),
  PROMETHEUS_HEADERS: headers.optional(),
  JAEGER_URL: address('Write the address of the Jaeger query service, like http://jaeger-query:16686.', {
    example: 'http://jaeger-query:16686',
    headers: 'JAEGER_HEADERS',
  }),
  JAEGER_PUBLIC_URL: address('', { example: 'https://jaeger.example.com' }).optional(),
  JAEGER_HEADERS: headers.optional(),
  KIALI_URL: address('', { example: 'https://kiali.example.com' }).optional(),
  GRAFANA_URL: address('', { example: 'https://grafana.example.com' }).optional(),
  GRAFANA_METRICS: text('', metricsAdvice).optional(),
  GRAFANA_TRACES: text('', tracesAdvice).optional(),
  GRAFANA_DASHBOARD: text('', dashboardAdvice).optional(),
  REDIS_URL: text('', redisAdvice).optional(),
  REDIS_PREFIX: text('', (value) =>
    /^[\w.-]{1,64}$/.test(value)
      ? undefined
      : 'Use 1 to 64 letters, digits, dots, hyphens and underscores, for example tailwatch-staging.',
  ).optional(),
  DATA_DIR: z.string().optional(),
  RULES_FILE: text('', (value) =>
    value.split(',').some((path) => path.trim() !== '')
      ? undefined
      : 'Write the path of a rule file or of a folder of them.',
  ).optional(),
  LOG_LEVEL: text('', (value) =>
    isLevel(value) ? undefined : `Write one of ${LEVELS.join(', ')}.`,
  ).optional(),
  OPS_PORT: port('9464').optional(),
});

type Texts = z.output<typeof environmentSchema>;

/** The names of the variables the schema reads. */
export const SCHEMA_NAMES: readonly string[] = Object.keys(environmentSchema.shape);

function describe(name: string, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  const isSecret = variableOf(name)?.isSecret === true || /:\/\/[^/]*@/.test(value);
  return isSecret ? describeSecret(value) : JSON.stringify(value);
}

/** Blank variables are unset ones, as compose files and shells write them; blanks around values come with copying. */
function trimmed(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment)
      .map(([name, value]) => [name, value?.trim()] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
}

/** Names that are nearly ours. Only near ones: Kubernetes puts REDIS_PORT and the like into every container. */
function misspelled(environment: Environment): readonly Mistake[] {
  const known = VARIABLES.map(({ name }) => name);
  return Object.keys(environment).flatMap((name) => {
    const near = known.some((other) => other === name) ? undefined : nearestName(name, known, 2);
    if (near === undefined || environment[near] !== undefined) return [];
    return [{ variable: name, found: 'a variable that nothing reads', advice: `Did you mean ${near}?` }];
  });
}

function transportOf(texts: Texts): SlackTransport {
  if (texts.SLACK_APP_TOKEN !== undefined) return { kind: 'socket', appToken: secret(texts.SLACK_APP_TOKEN) };
  const port = Number(texts.SLACK_PORT ?? defaultOf('SLACK_PORT'));
  return { kind: 'http', signingSecret: secret(texts.SLACK_SIGNING_SECRET ?? ''), port };
}

function upstreamOf(url: string, publicUrl: string | undefined, headerText: string | undefined): Upstream {
  const read = parseHeaders(headerText ?? '');
  return { url, publicUrl: publicUrl ?? url, headers: secret(read.ok ? read.headers : {}) };
}

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '');

function slackOf(texts: Texts): Settings['slack'] {
  return {
    botToken: secret(texts.SLACK_BOT_TOKEN),
    transport: transportOf(texts),
    apiUrl: (texts.SLACK_API_URL ?? defaultOf('SLACK_API_URL')).replace(/\/*$/, '/'),
    channel: texts.SLACK_CHANNEL,
    showsPictures: (texts.SLACK_PICTURES ?? defaultOf('SLACK_PICTURES')) === 'on',
  };
}

function redisOf({ REDIS_URL, REDIS_PREFIX }: Texts): Settings['redis'] {
  if (REDIS_URL === undefined) return undefined;
  return { url: secret(REDIS_URL), prefix: REDIS_PREFIX ?? defaultOf('REDIS_PREFIX') };
}

function settingsOf(texts: Texts): Settings {
  const level = texts.LOG_LEVEL ?? defaultOf('LOG_LEVEL');
  return {
    slack: slackOf(texts),
    prometheus: upstreamOf(texts.PROMETHEUS_URL, texts.PROMETHEUS_PUBLIC_URL, texts.PROMETHEUS_HEADERS),
    jaeger: upstreamOf(texts.JAEGER_URL, texts.JAEGER_PUBLIC_URL, texts.JAEGER_HEADERS),
    ...(texts.KIALI_URL === undefined ? {} : { kialiUrl: texts.KIALI_URL }),
    ...(texts.GRAFANA_URL === undefined ? {} : { grafanaUrl: texts.GRAFANA_URL }),
    grafanaPlaces: grafanaPlaces({
      metrics: texts.GRAFANA_METRICS,
      traces: texts.GRAFANA_TRACES,
      dashboard: texts.GRAFANA_DASHBOARD,
    }),
    redis: redisOf(texts),
    dataDir: texts.DATA_DIR ?? defaultOf('DATA_DIR'),
    rulesFiles: listOf(texts.RULES_FILE ?? defaultOf('RULES_FILE')),
    logLevel: isLevel(level) ? level : 'info',
    opsPort: Number(texts.OPS_PORT ?? defaultOf('OPS_PORT')),
  };
}

/** Reads the settings out of an environment, or names everything that is wrong with it at once. */
export function readSettings(environment: Environment): SettingsResult {
  const given = trimmed(environment);
  const parsed = environmentSchema.safeParse(given);
  const issues = parsed.success ? [] : parsed.error.issues;
  const mistakes = [
    ...issues.map((issue) => {
      const variable = String(issue.path[0] ?? '');
      return { variable, found: describe(variable, given[variable]), advice: issue.message };
    }),
    ...transportMistakes(given),
    ...portMistakes(given),
  ];
  const notes = [...doubleTransport(given), ...misspelled(given)];
  if (!parsed.success || mistakes.length > 0) return { ok: false, mistakes, notes };
  return { ok: true, settings: settingsOf(parsed.data), notes };
}

/** Writes mistakes (or notes) for a person, one paragraph each. */
export function formatMistakes(mistakes: readonly Mistake[]): string {
  return mistakes
    .map(({ variable, found, advice }) => `${variable}: found ${found}.\n  ${advice}`)
    .join('\n');
}

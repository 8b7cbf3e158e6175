import { z } from 'zod';
import {
  address,
  addresses,
  channel,
  grafanaDashboard,
  grafanaMetrics,
  grafanaTraces,
  headerList,
  matching,
  port,
  proxyAddress,
  redactionPatterns,
  redisAddress,
  secretAddress,
  token,
  wholeNumber,
} from './values.ts';

/** An environment variable: one row of the configuration table. */
export interface Variable {
  readonly name: string;
  /** The valid values. */
  readonly schema: z.ZodType<string | undefined>;
  /** The value when it is not set. */
  readonly default?: string;
  /** Description in Markdown, one to three sentences. */
  readonly description: string;
  /** An example for `.env.example`, where there is no default. */
  readonly example?: string;
  readonly isSecret?: boolean;
  readonly isRequired: boolean;
}

type Details = Pick<Variable, 'default' | 'description' | 'example' | 'isSecret'>;

const required = <N extends string>(name: N, schema: z.ZodType<string>, details: Details) => ({
  ...details,
  name,
  schema,
  isRequired: true,
});
const optional = <N extends string>(name: N, schema: z.ZodType<string>, details: Details) => ({
  ...details,
  name,
  schema: schema.optional(),
  isRequired: false,
});

const headersTo = (system: string): string =>
  `Headers for requests to ${system}: \`Name: value\`, one per line or separated by \`;;\`.`;
const publicAddress = (system: string): string =>
  `Address of ${system} for links in messages, if browsers need a different one.`;

/** Every variable, in the order of the documentation. */
export const VARIABLES = [
  required('SLACK_BOT_TOKEN', token('xoxb', 'Slack app page, "OAuth & Permissions"'), {
    description: 'Bot token (`xoxb-`) of the installed app. Required.',
    isSecret: true,
    example: 'xoxb-0000000000-replace-me',
  }),
  optional('SLACK_APP_TOKEN', token('xapp', 'Slack app page, "Basic Information", "App-Level Tokens"'), {
    description: 'App-level token (`xapp-`, scope `connections:write`). Set it to use Socket Mode.',
    isSecret: true,
    example: 'xapp-1-replace-me',
  }),
  optional(
    'SLACK_SIGNING_SECRET',
    matching(
      /^[\da-f]{32}$/i,
      'Use the 32 hexadecimal digits of "Signing Secret" (Slack app page, "Basic Information").',
    ),
    {
      description: 'Signing secret. Set it, and no app token, to receive requests over HTTP.',
      isSecret: true,
      example: '0123456789abcdef0123456789abcdef',
    },
  ),
  optional('SLACK_PORT', port('3000'), {
    description: "Port for Slack's requests to `/slack/events`. HTTP only.",
    default: '3000',
  }),
  optional('SLACK_API_URL', address('https://slack.com/api/'), {
    description: 'Web API. Change it for GovSlack or a test server.',
    default: 'https://slack.com/api/',
  }),
  required('SLACK_CHANNEL', channel, {
    description: 'Channel for rules that name none: `#name` or an ID. Required.',
    example: '#slo-alerts',
  }),
  optional('SLACK_PICTURES', matching(/^(?:on|off)$/, 'Use on or off.'), {
    description:
      '`on` or `off`: whether `/trace` has an image of the trace: below a shared answer, and by a button, as a direct message, for an answer that only you see. Rendering takes about 100 MB of memory.',
    default: 'on',
  }),
  optional('SLACK_MENTION_ACKNOWLEDGER', matching(/^(?:on|off)$/, 'Use on or off.'), {
    description:
      '`on` or `off`: whether the line about the end of an acknowledged page mentions who acknowledged it.',
    default: 'on',
  }),
  required('PROMETHEUS_URL', address('http://prometheus:9090', 'PROMETHEUS_HEADERS'), {
    description: 'Prometheus, which evaluates the rules. Required.',
    example: 'http://localhost:9090',
  }),
  optional('PROMETHEUS_PUBLIC_URL', address('https://prometheus.example.com'), {
    description: publicAddress('Prometheus'),
    default: 'PROMETHEUS_URL',
    example: 'https://prometheus.example.com',
  }),
  optional('PROMETHEUS_HEADERS', headerList, {
    description: headersTo('Prometheus'),
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  optional('PROMETHEUS_MAX_SERIES', matching(/^[1-9]\d{0,6}$/, 'Use a number from 1 to 9999999.'), {
    description:
      'Most series in one response. A rule whose expression returns more has an error in place of alerts.',
    default: '10000',
  }),
  required('JAEGER_URL', address('http://jaeger-query:16686', 'JAEGER_HEADERS'), {
    description: 'Jaeger query service. Required.',
    example: 'http://localhost:16686',
  }),
  optional('JAEGER_PUBLIC_URL', address('https://jaeger.example.com'), {
    description: publicAddress('Jaeger'),
    default: 'JAEGER_URL',
    example: 'https://jaeger.example.com',
  }),
  optional('JAEGER_HEADERS', headerList, {
    description: headersTo('Jaeger'),
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  optional('JAEGER_MAX_TRACE_MIB', wholeNumber('MiB', { least: 16, most: 1_024 }), {
    description:
      'Largest trace that is read by its id, in MiB of JSON. Reading one needs about ten times as much memory.',
    default: '64',
  }),
  optional('KIALI_URL', address('https://kiali.example.com'), {
    description: 'Kiali, for links.',
    example: 'http://localhost:20001',
  }),
  optional('GRAFANA_URL', address('https://grafana.example.com'), {
    description: 'Grafana, for links.',
    example: 'http://localhost:3001',
  }),
  optional('GRAFANA_METRICS', grafanaMetrics, {
    description: 'UID of the Prometheus data source in Grafana, if it is not the default data source.',
    example: 'prometheus-uid',
  }),
  optional('GRAFANA_TRACES', grafanaTraces, {
    description:
      'Tracing data source in Grafana: `jaeger:UID` or `tempo:UID`. Adds links to traces in Grafana.',
    example: 'jaeger:jaeger-uid',
  }),
  optional('GRAFANA_DASHBOARD', grafanaDashboard, {
    description:
      'UID of the service dashboard that links open in place of Explore. Variables follow after `?`, with `{service}` and `{namespace}` as placeholders; the default is `?var-service={service}`.',
    example: 'service-uid?var-service={service}.{namespace}.svc.cluster.local',
  }),
  optional('REDIS_URL', redisAddress, {
    description:
      'Redis, required for several replicas: one server (`rediss://` for TLS), `redis+sentinel://host1,host2/master` or `redis+cluster://host1,host2`. Without it the state is in `DATA_DIR`.',
    isSecret: true,
    example: 'redis://localhost:6379/0',
  }),
  optional(
    'REDIS_PREFIX',
    matching(
      /^[\w.-]{1,64}$/,
      'Use 1 to 64 letters, digits, dots, hyphens and underscores, for example tailwatch-staging.',
    ),
    {
      description:
        'Prefix of every key in Redis. Set a different one for each installation that uses the same Redis.',
      default: 'tailwatch',
    },
  ),
  optional('DATA_DIR', z.string(), {
    description: 'Directory of the embedded store.',
    default: './data',
  }),
  optional(
    'RULES_FILE',
    matching(/[^,\s]/, 'Use the path of a rule file or of a directory with rule files.'),
    {
      description: 'Rule files, or directories of `.yaml` and `.yml` files, separated by commas.',
      default: './rules.yaml',
    },
  ),
  optional('REDACT_PATTERNS', redactionPatterns, {
    description:
      'Further texts to remove from traces and logs: RE2 regular expressions, one per line or separated by `;;`. Credentials, e-mail addresses and card numbers are always removed.',
    example: 'customer-[0-9]+',
  }),
  optional('TRACE_ATTRIBUTES', z.string(), {
    description:
      'Names of the span attributes that may be shown, separated by commas, with `*` for any characters. The others are removed, except for those that the analysis reads. Without it all are shown.',
    example: 'http.*,db.statement',
  }),
  optional('HTTPS_PROXY', proxyAddress, {
    description: 'HTTP proxy for `https://` addresses: Slack, and Prometheus and Jaeger when they have one.',
    isSecret: true,
    example: 'http://proxy:3128',
  }),
  optional('HTTP_PROXY', proxyAddress, {
    description: 'HTTP proxy for `http://` addresses.',
    isSecret: true,
    example: 'http://proxy:3128',
  }),
  optional('NO_PROXY', z.string(), {
    description: 'Hosts, domains and networks that are reached without a proxy, separated by commas.',
    example: '.svc,.cluster.local,10.0.0.0/8',
  }),
  optional('HEARTBEAT_URL', secretAddress('https://hc-ping.com/your-check'), {
    description:
      "Address that is requested every minute while rules are evaluated and Slack accepts messages: a dead man's switch.",
    isSecret: true,
    example: 'https://hc-ping.com/your-check',
  }),
  optional('LOG_LEVEL', matching(/^(?:debug|info|warn|error)$/, 'Use debug, info, warn or error.'), {
    description: '`debug`, `info`, `warn` or `error`.',
    default: 'info',
  }),
  optional(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    address('http://otel-collector:4318', 'OTEL_EXPORTER_OTLP_HEADERS'),
    {
      description:
        "OTLP/HTTP endpoint for traces of the bot's own work: evaluations, commands, requests. Without it there are none.",
      example: 'http://localhost:4318',
    },
  ),
  optional('OTEL_EXPORTER_OTLP_HEADERS', headerList, {
    description: headersTo('that endpoint'),
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  optional('OPS_PORT', port('9464'), {
    description: 'Port of `/healthz`, `/readyz`, `/metrics`, `/api`, `/webhooks` and `/-/reload`.',
    default: '9464',
  }),
  optional('OPS_HOST', matching(/^[\w.:%-]+$/, 'Use an IP address of this machine, like 127.0.0.1.'), {
    description: 'Address that the operations port listens on. Without it all interfaces.',
    example: '127.0.0.1',
  }),
  optional('OPS_TOKEN', matching(/^[\x21-\x7e]{16,}$/, 'Use 16 or more characters without blanks.'), {
    description:
      'Bearer token for `/api` and `/-/reload` on the operations port. Without it they are open; health and metrics always are.',
    isSecret: true,
    example: 'replace-me-with-a-random-token',
  }),
  optional(
    'ALERTMANAGER_TOKEN',
    matching(/^[\x21-\x7e]{16,}$/, 'Use 16 or more characters without blanks.'),
    {
      description:
        'Bearer token for `POST /webhooks/alertmanager` on the operations port, which takes alerts from Alertmanager. Without it there is no such endpoint.',
      isSecret: true,
      example: 'replace-me-with-another-random-token',
    },
  ),
  optional('ALERTMANAGER_URL', addresses('http://alertmanager:9093', 'ALERTMANAGER_HEADERS'), {
    description:
      'Alertmanager, to show its silences: its notifications do not carry them. The replicas of a cluster are separated by commas; those that respond are read. Used with `ALERTMANAGER_TOKEN`.',
    example: 'http://localhost:9093',
  }),
  optional('ALERTMANAGER_HEADERS', headerList, {
    description: headersTo('Alertmanager'),
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
] as const satisfies readonly Variable[];

/** The valid values of all variables. */
export type EnvironmentTexts = {
  readonly [V in (typeof VARIABLES)[number] as V['name']]: z.output<V['schema']>;
};

export const environmentSchema = z.object(
  Object.fromEntries(VARIABLES.map(({ name, schema }) => [name, schema])),
) as unknown as z.ZodType<EnvironmentTexts>;

/** A variable by its name. */
export const variableOf = (name: string): Variable | undefined =>
  VARIABLES.find((entry) => entry.name === name);

/** The default of a variable; empty when it has none. */
export const defaultOf = (name: string): string => variableOf(name)?.default ?? '';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The configuration table of the README, in Markdown. */
export function settingsTable(): string {
  const rows = VARIABLES.map((entry: Variable) => {
    const fallback = entry.default === undefined ? '' : `\`${entry.default}\``;
    return `| \`${entry.name}\` | ${cell(fallback)} | ${cell(entry.description)} |`;
  });
  return ['| Variable | Default | Description |', '| --- | --- | --- |', ...rows].join('\n');
}

/** A value in an env file: in quotes where a `#` or a blank would end it. */
const assigned = (value: string): string => (/[#\s]/.test(value) ? `"${value}"` : value);

/**
 * The text of `.env.example`: every variable with its description. Required ones are assigned, the others are commented
 * out with their default, or an example where there is none.
 */
export function environmentExample(): string {
  const parts = VARIABLES.map((entry: Variable) => {
    const value = assigned(entry.example ?? entry.default ?? '');
    const note = entry.default === undefined ? '' : ` Default: ${entry.default}.`;
    return `# ${entry.description.replaceAll('`', '')}${note}\n${entry.isRequired ? '' : '# '}${entry.name}=${value}`;
  });
  return `# Copy to .env. Read by \`npm run dev\`. A secret can be read from a file: set its variable with _FILE appended.\n\n${parts.join('\n\n')}\n`;
}

/** An environment variable: one row of the configuration table. */
export interface Variable {
  readonly name: string;
  /** The value when it is not set. */
  readonly default?: string;
  /** Description in Markdown, one to three sentences. */
  readonly description: string;
  /** An example for `.env.example`, where there is no default. */
  readonly example?: string;
  readonly isSecret: boolean;
  readonly isRequired: boolean;
}

const variable = (
  name: string,
  description: string,
  details: Partial<Omit<Variable, 'name' | 'description'>> = {},
): Variable => ({
  name,
  description,
  isSecret: false,
  isRequired: false,
  ...details,
});

const headersTo = (system: string): string =>
  `Headers for requests to ${system}: \`Name: value\`, one per line or separated by \`;;\`.`;
const publicAddress = (system: string): string =>
  `Address of ${system} for links in messages, if browsers need a different one.`;

/** Every variable, in the order of the documentation. */
export const VARIABLES = [
  variable('SLACK_BOT_TOKEN', 'Bot token (`xoxb-`) of the installed app. Required.', {
    isSecret: true,
    isRequired: true,
    example: 'xoxb-0000000000-replace-me',
  }),
  variable(
    'SLACK_APP_TOKEN',
    'App-level token (`xapp-`, scope `connections:write`). Set it to use Socket Mode.',
    { isSecret: true, example: 'xapp-1-replace-me' },
  ),
  variable(
    'SLACK_SIGNING_SECRET',
    'Signing secret. Set it, and no app token, to receive requests over HTTP.',
    { isSecret: true, example: '0123456789abcdef0123456789abcdef' },
  ),
  variable('SLACK_PORT', "Port for Slack's requests to `/slack/events`. HTTP only.", { default: '3000' }),
  variable('SLACK_API_URL', 'Web API. Change it for GovSlack or a test server.', {
    default: 'https://slack.com/api/',
  }),
  variable('SLACK_CHANNEL', 'Channel for rules that name none: `#name` or an ID. Required.', {
    isRequired: true,
    example: '#slo-alerts',
  }),
  variable(
    'SLACK_PICTURES',
    '`on` or `off`: whether `/trace` sends an image of the trace. If the answer is visible only to you, the image is sent to you directly. Rendering takes about 100 MB of memory.',
    { default: 'on' },
  ),
  variable('PROMETHEUS_URL', 'Prometheus, which evaluates the rules. Required.', {
    isRequired: true,
    example: 'http://localhost:9090',
  }),
  variable('PROMETHEUS_PUBLIC_URL', publicAddress('Prometheus'), {
    default: 'PROMETHEUS_URL',
    example: 'https://prometheus.example.com',
  }),
  variable('PROMETHEUS_HEADERS', headersTo('Prometheus'), {
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  variable('JAEGER_URL', 'Jaeger query service. Required.', {
    isRequired: true,
    example: 'http://localhost:16686',
  }),
  variable('JAEGER_PUBLIC_URL', publicAddress('Jaeger'), {
    default: 'JAEGER_URL',
    example: 'https://jaeger.example.com',
  }),
  variable('JAEGER_HEADERS', headersTo('Jaeger'), {
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  variable('KIALI_URL', 'Kiali, for links.', { example: 'http://localhost:20001' }),
  variable('GRAFANA_URL', 'Grafana, for links.', { example: 'http://localhost:3001' }),
  variable(
    'GRAFANA_METRICS',
    'UID of the Prometheus data source in Grafana, if it is not the default data source.',
    { example: 'prometheus-uid' },
  ),
  variable(
    'GRAFANA_TRACES',
    'Tracing data source in Grafana: `jaeger:UID` or `tempo:UID`. Adds links to traces in Grafana.',
    { example: 'jaeger:jaeger-uid' },
  ),
  variable(
    'GRAFANA_DASHBOARD',
    'UID of the service dashboard that links open in place of Explore. Variables follow after `?`, with `{service}` and `{namespace}` as placeholders; the default is `?var-service={service}`.',
    { example: 'service-uid?var-service={service}.{namespace}.svc.cluster.local' },
  ),
  variable('REDIS_URL', 'Redis, required for several replicas. Without it the state is in `DATA_DIR`.', {
    isSecret: true,
    example: 'redis://localhost:6379/0',
  }),
  variable(
    'REDIS_PREFIX',
    'Prefix of every key in Redis. Set a different one for each installation that uses the same Redis.',
    { default: 'tailwatch' },
  ),
  variable('DATA_DIR', 'Directory of the embedded store.', { default: './data' }),
  variable('RULES_FILE', 'Rule files, or directories of `.yaml` and `.yml` files, separated by commas.', {
    default: './rules.yaml',
  }),
  variable(
    'HTTPS_PROXY',
    'HTTP proxy for `https://` addresses: Slack, and Prometheus and Jaeger when they have one.',
    { isSecret: true, example: 'http://proxy:3128' },
  ),
  variable('HTTP_PROXY', 'HTTP proxy for `http://` addresses.', {
    isSecret: true,
    example: 'http://proxy:3128',
  }),
  variable('NO_PROXY', 'Hosts, domains and networks that are reached without a proxy, separated by commas.', {
    example: '.svc,.cluster.local,10.0.0.0/8',
  }),
  variable('LOG_LEVEL', '`debug`, `info`, `warn` or `error`.', { default: 'info' }),
  variable('OPS_PORT', 'Port of `/healthz`, `/readyz`, `/metrics` and `/-/reload`.', {
    default: '9464',
  }),
] as const satisfies readonly Variable[];

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
  return `# Copy to .env. Read by \`npm run dev\`.\n\n${parts.join('\n\n')}\n`;
}

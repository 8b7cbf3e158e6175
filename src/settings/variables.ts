/** An environment variable the bot reads: one row of the configuration table. */
export interface Variable {
  readonly name: string;
  /** What is used when it is not set, as a text; undefined when there is no default. */
  readonly default?: string;
  /** What it is for, in Markdown, one sentence or two. */
  readonly what: string;
  /** An example for `.env.example`, where there is no default. */
  readonly example?: string;
  readonly isSecret: boolean;
  readonly isRequired: boolean;
}

interface Details {
  readonly default?: string;
  readonly example?: string;
  readonly isSecret?: boolean;
  readonly isRequired?: boolean;
}

const variable = (name: string, what: string, details: Details = {}): Variable => ({
  name,
  what,
  isSecret: false,
  isRequired: false,
  ...details,
});

const HEADERS = 'Headers to send to it: `Name: value`, one per line or parted by `;;`.';

/** Every variable, in the order in which they are explained. */
export const VARIABLES = [
  variable('SLACK_BOT_TOKEN', 'The bot token (`xoxb-`) of the installed app. Required.', {
    isSecret: true,
    isRequired: true,
    example: 'xoxb-0000000000-replace-me',
  }),
  variable(
    'SLACK_APP_TOKEN',
    'The app-level token (`xapp-`, scope `connections:write`): set it for Socket Mode.',
    {
      isSecret: true,
      example: 'xapp-1-replace-me',
    },
  ),
  variable('SLACK_SIGNING_SECRET', 'The signing secret: set it, and no app token, to receive over HTTP.', {
    isSecret: true,
    example: '0123456789abcdef0123456789abcdef',
  }),
  variable('SLACK_PORT', "Where Slack's requests are received, at `/slack/events`; HTTP only.", {
    default: '3000',
  }),
  variable('SLACK_API_URL', 'The Web API: change it for GovSlack or a stand-in.', {
    default: 'https://slack.com/api/',
  }),
  variable('SLACK_CHANNEL', 'The channel for rules that name none: `#name` or an id. Required.', {
    isRequired: true,
    example: '#slo-alerts',
  }),
  variable(
    'SLACK_PICTURES',
    '`on` or `off`: whether `/trace` draws the trace. A private answer sends its picture to the person directly; drawing takes about 100 MB.',
    { default: 'on' },
  ),
  variable('PROMETHEUS_URL', 'Where rules are evaluated. Required.', {
    isRequired: true,
    example: 'http://localhost:9090',
  }),
  variable('PROMETHEUS_PUBLIC_URL', 'Its address for links in messages, when a browser needs another one.', {
    default: 'PROMETHEUS_URL',
    example: 'https://prometheus.example.com',
  }),
  variable('PROMETHEUS_HEADERS', HEADERS, {
    isSecret: true,
    example: 'Authorization: Bearer replace-me',
  }),
  variable('JAEGER_URL', 'The Jaeger query service. Required.', {
    isRequired: true,
    example: 'http://localhost:16686',
  }),
  variable('JAEGER_PUBLIC_URL', 'Its address for links in messages, when a browser needs another one.', {
    default: 'JAEGER_URL',
    example: 'https://jaeger.example.com',
  }),
  variable('JAEGER_HEADERS', HEADERS, { isSecret: true, example: 'Authorization: Bearer replace-me' }),
  variable('KIALI_URL', 'Kiali, for links only.', { example: 'http://localhost:20001' }),
  variable('GRAFANA_URL', 'Grafana, for links only.', { example: 'http://localhost:3001' }),
  variable(
    'GRAFANA_METRICS',
    'The uid of its Prometheus data source, when that is not its default data source.',
    { example: 'prometheus-uid' },
  ),
  variable(
    'GRAFANA_TRACES',
    'Its data source of traces, `jaeger:` or `tempo:` and the uid: traces get a link into Grafana too.',
    { example: 'jaeger:jaeger-uid' },
  ),
  variable(
    'GRAFANA_DASHBOARD',
    'Its dashboard of a service, by uid: links open it in place of Explore. The variables behind `?` hold `{service}` and `{namespace}`; without any it is `?var-service={service}`.',
    { example: 'service-uid?var-service={service}.{namespace}.svc.cluster.local' },
  ),
  variable(
    'REDIS_URL',
    'Redis, when several replicas share the work. Without it the state is in `DATA_DIR`.',
    {
      isSecret: true,
      example: 'redis://localhost:6379/0',
    },
  ),
  variable(
    'REDIS_PREFIX',
    'Begins every key in Redis. Set a different one for each installation that uses the same Redis.',
    { default: 'tailwatch' },
  ),
  variable('DATA_DIR', 'The folder of the embedded store.', { default: './data' }),
  variable('RULES_FILE', 'Rule files, or folders of `.yaml` and `.yml` files, parted by commas.', {
    default: './rules.yaml',
  }),
  variable('LOG_LEVEL', 'One of `debug`, `info`, `warn`, `error`.', { default: 'info' }),
  variable('OPS_PORT', 'Where `/healthz`, `/readyz`, `/metrics` and `/-/reload` are served.', {
    default: '9464',
  }),
] as const satisfies readonly Variable[];

/** A variable by its name. */
export const variableOf = (name: string): Variable | undefined =>
  VARIABLES.find((entry) => entry.name === name);

/** What a variable stands at when it is not set; empty without a default. */
export const defaultOf = (name: string): string => variableOf(name)?.default ?? '';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The rows of the configuration table in Markdown, header included: what the README shows. */
export function settingsTable(): string {
  const rows = VARIABLES.map((entry: Variable) => {
    const given = entry.default === undefined ? '' : `\`${entry.default}\``;
    return `| \`${entry.name}\` | ${cell(given)} | ${cell(entry.what)} |`;
  });
  return ['| Variable | Default | What |', '| --- | --- | --- |', ...rows].join('\n');
}

/** A value as an env file holds it: in quotes where a `#` or a blank would end it. */
const assigned = (value: string): string => (/[#\s]/.test(value) ? `"${value}"` : value);

/**
 * The text of `.env.example`: every variable with its explanation; those that must be set are assigned, the others are
 * commented out and show their default, or an example where there is none.
 */
export function environmentExample(): string {
  const parts = VARIABLES.map((entry: Variable) => {
    const value = assigned(entry.example ?? entry.default ?? '');
    const notified = entry.default === undefined ? '' : ` Default: ${entry.default}.`;
    return `# ${entry.what.replaceAll('`', '')}${notified}\n${entry.isRequired ? '' : '# '}${entry.name}=${value}`;
  });
  return `# Copy to .env. Read by \`npm run dev\`.\n\n${parts.join('\n\n')}\n`;
}

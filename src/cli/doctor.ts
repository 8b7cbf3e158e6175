import { createAlertmanagerAlerts } from '../alertmanager/alertmanager-alerts.ts';
import type { LoadedRules } from '../evaluation/rule-set-holder.ts';
import { createHttpClient } from '../http/http-client.ts';
import { createProxyFor } from '../http/proxy.ts';
import { diagnoseJaeger } from '../jaeger/doctor.ts';
import { BUDGET_PERIOD } from '../latency/error-budget.ts';
import { systemClock } from '../lib/clock.ts';
import { type Diagnosis, diagnosed, faulty, healthy, warning } from '../lib/diagnosis.ts';
import { count } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { createTelemetry } from '../ops/metrics.ts';
import { diagnosePrometheus, type PrometheusDoctorOptions } from '../prometheus/doctor.ts';
import { createPrometheusMetrics } from '../prometheus/prometheus-metrics.ts';
import { createRuleCheck } from '../rules/check-rules.ts';
import { namedChannels } from '../rules/file/rule-file.ts';
import { promqlSelector } from '../rules/promql.ts';
import { FINDINGS, type RuleUse } from '../rules/rule-use.ts';
import type { RuleInFile } from '../rules/verify-rules.ts';
import { type Settings, type SettingsResult, secretsOf, type Upstream } from '../settings/env.ts';
import { diagnoseSlack } from '../slack/doctor.ts';
import { createProxiedNetwork } from '../slack/network.ts';
import { diagnoseFolder } from '../store/level/doctor.ts';
import { diagnoseRedis } from '../store/redis/doctor.ts';

/** Options of `tailwatch doctor` as they were typed. */
export interface DoctorOptions {
  readonly format?: 'text' | 'json';
}

export interface DoctorReport {
  readonly text: string;
  /** 1 when there is an error. */
  readonly exitCode: 0 | 1;
}

/**
 * Runs `tailwatch doctor`: checks the settings and everything that they name, beside a running bot too. It takes less than
 * 30 seconds, posts nothing, and prints no secret.
 */
export async function doctorCommand(
  read: SettingsResult,
  loadRules: (files: readonly string[], options: { readonly allowsEmpty: boolean }) => Promise<LoadedRules>,
  { format = 'text' }: DoctorOptions,
): Promise<DoctorReport> {
  const warnings = read.warnings.map(({ variable, problem, advice }) =>
    warning('settings', [`${variable}: ${problem}.`, advice]),
  );
  if (!read.ok) {
    const problems = read.problems.map(({ variable, problem, advice }) =>
      faulty('settings', [`${variable}: ${problem}.`, advice]),
    );
    return reportOf([...problems, ...warnings], format);
  }
  const { settings } = read;
  const found = await diagnoses(
    settings,
    await loadRules(settings.rulesFiles, { allowsEmpty: settings.alertmanager !== undefined }),
  );
  return reportOf(
    [healthy('settings', 'All settings are valid.'), ...warnings, ...found].map(masked(settings)),
    format,
  );
}

/** No finding holds a secret; should an outside system repeat one, it is masked. */
const masked =
  (settings: Settings) =>
  ({ message, advice, ...rest }: Diagnosis): Diagnosis => {
    const secrets = secretsOf(settings);
    const mask = (text: string): string =>
      secrets.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
    return { ...rest, message: mask(message), advice: advice === undefined ? undefined : mask(advice) };
  };

function reportOf(found: readonly Diagnosis[], format: DoctorOptions['format']): DoctorReport {
  const countOf = (status: Diagnosis['status']): number =>
    found.filter((each) => each.status === status).length;
  const [errors, warnings, ok] = [countOf('error'), countOf('warning'), countOf('ok')];
  const exitCode = errors > 0 ? 1 : 0;
  if (format === 'json')
    return {
      exitCode,
      text: JSON.stringify({ counts: { ok, warnings, errors }, checks: found }, undefined, 2),
    };
  const lines = found.map(
    ({ status, name, message, advice }) =>
      `${status.padEnd(7)}  ${name}: ${message}${advice === undefined ? '' : ` ${advice}`}`,
  );
  return {
    exitCode,
    text: [...lines, '', `${ok} ok, ${count(warnings, 'warning')}, ${count(errors, 'error')}.`].join('\n'),
  };
}

/** For one request to Prometheus or Jaeger; a check of several requests has a longer one. */
const REQUEST_DEADLINE: Milliseconds = ms(8 * SECOND);

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function diagnoses(settings: Settings, loaded: LoadedRules): Promise<readonly Diagnosis[]> {
  const proxyFor = createProxyFor(settings.proxy);
  const client = (system: 'prometheus' | 'jaeger', { url, headers }: Upstream) =>
    createHttpClient({ system, baseUrl: url, headers: headers.reveal(), proxyFor });
  const [prometheus, jaeger] = [client('prometheus', settings.prometheus), client('jaeger', settings.jaeger)];
  const metrics = createPrometheusMetrics({ http: prometheus, deadline: REQUEST_DEADLINE, logger: SILENT });
  const base = { clock: systemClock, logger: SILENT, deadline: REQUEST_DEADLINE };
  const uses = loaded.ok ? (loaded.uses ?? []) : [];
  try {
    const all = await Promise.all([
      slackDiagnoses(settings, loaded),

      metricsDiagnoses({ ...base, http: prometheus, budgetPeriod: BUDGET_PERIOD }, uses, metrics),
      diagnoseJaeger({
        ...base,
        http: jaeger,
        naming: loaded.ok ? loaded.naming : undefined,
        services: () =>
          servicesOf(
            uses.map(({ use }) => use),
            metrics,
          ),
      }),
      storeDiagnoses(settings),
      alertmanagerDiagnoses(settings),
    ]);
    return [...(loaded.ok ? [] : [rulesFaulty(loaded.text)]), ...all.flat()];
  } finally {
    prometheus.close();
    jaeger.close();
  }
}

/** The rules are checked where Prometheus responds: one line says that it does not. */
async function metricsDiagnoses(
  options: PrometheusDoctorOptions,
  rules: readonly RuleInFile[],
  metrics: Parameters<typeof createRuleCheck>[0]['metrics'],
): Promise<readonly Diagnosis[]> {
  const found = await diagnosePrometheus(options);
  const isReached = found.some(({ name, status }) => name === 'prometheus' && status !== 'error');
  return isReached ? [...found, ...(await ruleDiagnoses(rules, metrics))] : found;
}

const rulesFaulty = (text: string): Diagnosis =>
  faulty('rules', [
    `The rule files (RULES_FILE) have errors:\n${text}\n`,
    'Fix them; `tailwatch check` shows the same.',
  ]);

async function slackDiagnoses(settings: Settings, loaded: LoadedRules): Promise<readonly Diagnosis[]> {
  const { slack, proxy } = settings;
  const { transport, channel } = slack;
  const hasProxy = proxy.http !== undefined || proxy.https !== undefined;
  return await diagnoseSlack({
    botToken: slack.botToken.reveal(),
    apiUrl: slack.apiUrl,
    network: hasProxy ? createProxiedNetwork(createProxyFor(proxy)) : undefined,
    clock: systemClock,
    logger: SILENT,
    recorder: createTelemetry().recorder,
    transport:
      transport.kind === 'socket'
        ? { appToken: transport.appToken.reveal() }
        : { signingSecret: transport.signingSecret.reveal() },
    channels: loaded.ok ? namedChannels(loaded, channel) : [channel],
  });
}

async function storeDiagnoses({ redis, dataDir }: Settings): Promise<readonly Diagnosis[]> {
  const name = redis === undefined ? 'store' : 'redis';
  return await diagnosed({ name, system: 'store', clock: systemClock }, () =>
    redis === undefined ? diagnoseFolder(dataDir) : diagnoseRedis(redis.url.reveal()),
  );
}

/** Alertmanager is read for its silences only: the webhook cannot be checked from here. */
async function alertmanagerDiagnoses({ alertmanager, proxy }: Settings): Promise<readonly Diagnosis[]> {
  const api = alertmanager?.api;
  if (api === undefined) return [];
  const system = 'alertmanager';
  const proxyFor = createProxyFor(proxy);
  const diagnose = async (baseUrl: string): Promise<readonly Diagnosis[]> => {
    const name = api.urls.length === 1 ? system : `${system} ${new URL(baseUrl).host}`;
    const http = createHttpClient({ system, baseUrl, headers: api.headers.reveal(), proxyFor });
    const list = createAlertmanagerAlerts({ http, deadline: REQUEST_DEADLINE, now: () => systemClock.now() });
    try {
      return await diagnosed({ name, system, clock: systemClock }, async () => [
        healthy(name, `It responds and has ${count((await list()).length, 'alert')}.`),
      ]);
    } finally {
      http.close();
    }
  };
  return (await Promise.all(api.urls.map(diagnose))).flat();
}

/** What `tailwatch check --against` finds, a line for each finding that is no note. */
async function ruleDiagnoses(
  rules: readonly RuleInFile[],
  metrics: Parameters<typeof createRuleCheck>[0]['metrics'],
): Promise<readonly Diagnosis[]> {
  const check = createRuleCheck({ metrics, clock: systemClock });
  return await diagnosed({ name: 'rules', system: 'prometheus', clock: systemClock }, async (signal) => {
    const findings = await check(
      rules.map(({ use }) => use),
      signal,
    );
    const lines = rules.flatMap(({ use, at }, i) =>
      (findings[i] ?? []).flatMap(({ code, message }) => {
        const found = [`${at}: \`${use.name}\`: ${message} [${code}]`, 'See docs/rules.md.'] as const;
        if (FINDINGS[code] === 'note') return [];
        return [FINDINGS[code] === 'error' ? faulty('rule', found) : warning('rule', found)];
      }),
    );
    if (lines.length > 0) return lines;
    if (rules.length === 0)
      return [warning('rules', ['The rule files have no rules.', 'Write one: docs/rules.md.'])];
    return [
      healthy('rules', `Prometheus has the metrics and bucket bounds of ${count(rules.length, 'rule')}.`),
    ];
  });
}

/** The services that the rules watch: those that their histograms have, and those that their expressions name. */
async function servicesOf(uses: readonly RuleUse[], metrics: MetricsSource): Promise<readonly string[]> {
  const named = uses.flatMap(({ services }) => services.map(({ value }) => value));
  const queries = uses.flatMap(({ family }) => {
    if (family?.serviceLabel === undefined) return [];
    const metric = family.histogram === 'native' ? family.metric : `${family.metric}_bucket`;
    return [{ label: family.serviceLabel, match: promqlSelector(metric, [family.selector]) }];
  });
  const distinct = [...new Map(queries.map((query) => [JSON.stringify(query), query])).values()];
  // Without Prometheus, which has a line of its own, the names in the files are compared.
  const found = await Promise.all(distinct.map((query) => metrics.labelValues(query).catch(() => [])));
  return [...new Set([...named, ...found.flat()])].filter((name) => name !== '' && name !== 'unknown').sort();
}

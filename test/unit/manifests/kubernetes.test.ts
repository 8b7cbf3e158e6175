import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createTelemetry } from '../../../src/ops/metrics.ts';
import { parseRuleText } from '../../../src/rules/file/rule-file.ts';
import { readSettings } from '../../../src/settings/env.ts';
import { defaultOf, VARIABLES } from '../../../src/settings/variables.ts';
import { type Manifest, manifestFiles, schemaProblems } from '../../support/manifest-schemas.ts';

const FOLDER = join(import.meta.dirname, '../../../manifests/kubernetes');
const read = (path: string): string => readFileSync(join(FOLDER, path), 'utf8');
const files = await manifestFiles('manifests/kubernetes');
const one = (path: string): Manifest => files.get(path)?.[0] as Manifest;
/** Patches lack what the schemas require of an object, and rules are no object of Kubernetes. */
const isPatch = (path: string): boolean => /^overlays\/.*\/deployment\.yaml$/.test(path);
const isObject = (path: string): boolean =>
  !path.endsWith('kustomization.yaml') && path !== 'base/rules.yaml' && !isPatch(path);
const objects = [...files].filter(([path]) => isObject(path)).flatMap(([, manifests]) => manifests);

const deployment = one('base/deployment.yaml');
const pod = deployment['spec'].template.spec;
const [container] = pod.containers;
/** As kustomize reads an env file: `#` starts a comment at the start of a line only, and quotes are part of a value. */
const settings: Record<string, string> = Object.fromEntries(
  read('base/settings.env')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);
const secrets: Record<string, string> = one('secret.example.yaml')['stringData'];

describe('the Kubernetes manifests', () => {
  it('are valid by the schemas of their kinds', async () => {
    expect(await schemaProblems(objects)).toEqual([]);
  });

  it('are each part of a kustomization, except for the example of the secret', () => {
    const kustomizations = [...files].filter(([path]) => path.endsWith('kustomization.yaml'));
    const listed = new Set(
      kustomizations.flatMap(([path, [kustomization]]) => {
        const { resources = [], patches = [], configMapGenerator = [] } = kustomization as Manifest;
        const names: readonly string[] = [
          ...resources,
          ...patches.map((patch: { path: string }) => patch.path),
          ...configMapGenerator.flatMap((generated: { files?: readonly string[] }) => generated.files ?? []),
        ];
        return names.map((name) => join(path, '..', name));
      }),
    );
    const unlisted = [...files.keys()].filter(
      (path) => !path.endsWith('kustomization.yaml') && !listed.has(path),
    );
    expect(unlisted).toEqual(['secret.example.yaml']);
  });

  it('set variables that the bot reads, secret ones in the secret only', () => {
    const names = (isSecret: boolean) =>
      new Set<string>(
        VARIABLES.filter((entry) => ('isSecret' in entry && entry.isSecret) === isSecret).map(
          ({ name }) => name,
        ),
      );
    expect(Object.keys(settings).filter((name) => !names(false).has(name))).toEqual([]);
    expect(Object.keys(secrets).filter((name) => !names(true).has(name))).toEqual([]);
  });

  it('make up a complete configuration', () => {
    const result = readSettings({ ...settings, ...secrets });
    expect(result).toMatchObject({
      ok: true,
      warnings: [],
      settings: { slack: { transport: { kind: 'socket' } }, dataDir: '/data' },
    });
  });

  it('hold a rule file that the bot accepts, with both kinds of rules', () => {
    const result = parseRuleText('rules.yaml', read('base/rules.yaml'));
    expect(result.ok ? [] : result.errors).toEqual([]);
    expect(result.groups.map(({ name }) => name)).toEqual(['service-latency', 'checkout']);
  });

  it('hold the same rules as the chart', () => {
    expect(read('../helm/tailwatch/files/rules.yaml')).toBe(read('base/rules.yaml'));
  });

  it('mount the rules where RULES_FILE looks for them', () => {
    const mount = container.volumeMounts.find(({ name }: { name: string }) => name === 'rules');
    expect(`${mount.mountPath}/rules.yaml`).toBe(settings['RULES_FILE']);
  });

  it('name ports that agree with the defaults and with each other', () => {
    const ports = Object.fromEntries(
      container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
    );
    const service = one('base/service.yaml');
    const policy = one('base/networkpolicy.yaml');
    expect(ports).toEqual({ slack: Number(defaultOf('SLACK_PORT')), ops: Number(defaultOf('OPS_PORT')) });
    expect(settings['OPS_PORT']).toBe(defaultOf('OPS_PORT'));
    expect(service['spec'].ports.map(({ targetPort }: { targetPort: string }) => targetPort)).toEqual(
      Object.keys(ports),
    );
    expect(
      policy['spec'].ingress.flatMap(({ ports: allowed }: { ports: readonly { port: string }[] }) =>
        allowed.map(({ port }) => port),
      ),
    ).toEqual(Object.keys(ports));
  });

  it('probe health and readiness on the operations port', () => {
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    expect(probes.map(({ httpGet }) => httpGet)).toEqual([
      { path: '/healthz', port: 'ops' },
      { path: '/healthz', port: 'ops' },
      { path: '/readyz', port: 'ops' },
    ]);
  });

  it.each([
    ['the bot', deployment],
    ['Redis', one('overlays/replicated/redis.yaml')],
  ])('give %s no rights it does not need', (_name, workload) => {
    const { securityContext, automountServiceAccountToken, containers } = workload['spec'].template.spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(automountServiceAccountToken).toBe(false);
    expect(containers.map((each: Manifest) => each['securityContext'])).toEqual([
      {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    ]);
  });

  it('keep the state in one place: a volume of one process, or Redis', () => {
    const single = one('overlays/single/deployment.yaml')['spec'];
    const replicated = one('overlays/replicated/deployment.yaml')['spec'];
    expect(single).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(single.template.spec.containers[0].volumeMounts).toEqual([
      { name: 'data', mountPath: settings['DATA_DIR'] },
    ]);
    expect(replicated.replicas).toBeGreaterThan(1);
    const { env } = replicated.template.spec.containers[0];
    const result = readSettings({ ...settings, ...secrets, [env[0].name]: env[0].value });
    expect(result).toMatchObject({ ok: true, settings: { redis: { prefix: 'tailwatch' } } });
  });
});

describe('the alerts on the bot', () => {
  const { groups } = one('components/monitoring/prometheusrule.yaml')['spec'];
  const rules: readonly { alert: string; expr: string }[] = groups.flatMap(
    (group: { rules: readonly unknown[] }) => group.rules,
  );

  it('cover evaluation, messages, sources, and the clock', () => {
    expect(rules.map(({ alert }) => alert)).toEqual([
      'TailwatchNotEvaluating',
      'TailwatchAbsent',
      'TailwatchMessagesDelayed',
      'TailwatchSourceDown',
      'TailwatchClockOffset',
      'TailwatchReloadFailed',
    ]);
  });

  it('read metrics that the bot has', async () => {
    const { body } = await createTelemetry().metrics();
    const series = rules.flatMap(({ expr }) => expr.match(/tailwatch_\w+/g) ?? []);
    expect(series.filter((name) => !new RegExp(`^${name}[{ ]`, 'm').test(body))).toEqual([]);
  });

  it('are the same in the chart', () => {
    expect(parse(readFileSync(join(FOLDER, '../helm/tailwatch/files/alerts.yaml'), 'utf8'))).toEqual({
      groups,
    });
  });
});

describe('the check by schemas finds a planted mistake:', () => {
  const changed = (change: (copy: Manifest) => void): Manifest => {
    const copy = structuredClone(deployment);
    change(copy);
    return copy;
  };

  it.each([
    ['a value of another type', (copy: Manifest) => (copy['spec'].replicas = '2'), 'replicas'],
    [
      'a misspelled field',
      (copy: Manifest) =>
        (copy['spec'].template.spec.containers[0].securityContext.readOnlyRootFileSystem = true),
      'readOnlyRootFileSystem',
    ],
  ])('%s', async (_name, change, named) => {
    expect((await schemaProblems([changed(change)])).join('\n')).toContain(named);
  });
});

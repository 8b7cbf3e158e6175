import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { readSettings } from '../../src/settings/env.ts';
import { VARIABLES } from '../../src/settings/variables.ts';
import {
  BOT_EVENTS,
  BOT_SCOPES,
  HTTP_PATH,
  METHOD_SCOPES,
  USES_INTERACTIVITY,
} from '../../src/slack/scopes.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const yaml = (path: string) => parse(read(path));

/** Kept outside the repository: it is Slack's, and 29 kB. */
const SCHEMA =
  process.env['SLACK_MANIFEST_SCHEMA'] ?? join(root, '../shared/data/slack-app-manifest.schema.2.0.0.json');

const sources = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));

/** Names like `chat.postMessage` in quotes: what the Web API's methods look like. */
const METHOD =
  /['"`]((?:admin|apps|auth|bookmarks|bots|calls|canvases|chat|conversations|dialog|dnd|emoji|files|functions|lists|migration|oauth|openid|pins|reactions|reminders|search|stars|team|usergroups|users|views|workflows)\.[A-Za-z]+(?:\.[A-Za-z]+)*)['"`]/g;

describe('the Slack manifests', () => {
  const kinds = [
    { file: 'manifests/slack/app-socket.yaml', isSocket: true },
    { file: 'manifests/slack/app-http.yaml', isSocket: false },
  ];

  describe.each(kinds)('$file', ({ file, isSocket }) => {
    const manifest = yaml(file);

    it('asks for exactly the scopes the code uses', () => {
      expect(manifest.oauth_config.scopes).toEqual({ bot: BOT_SCOPES });
    });

    it('declares exactly the commands the code answers', () => {
      const declared = manifest.features.slash_commands.map(
        (entry: { command: string; description: string; usage_hint: string }) => ({
          command: entry.command,
          description: entry.description,
          usageHint: entry.usage_hint,
        }),
      );
      expect(declared).toEqual(SLASH_COMMANDS);
    });

    it('subscribes to exactly the events the code handles', () => {
      expect(manifest.settings.event_subscriptions?.bot_events ?? []).toEqual(BOT_EVENTS);
    });

    it('switches interactivity as the code needs it, and Socket Mode as its name says', () => {
      expect(manifest.settings.interactivity.is_enabled).toBe(USES_INTERACTIVITY);
      expect(manifest.settings.socket_mode_enabled).toBe(isSocket);
    });

    it('names addresses for HTTP only, all of them on the path the bot listens on', () => {
      const addresses: readonly unknown[] = [
        ...manifest.features.slash_commands.map(({ url }: { url?: string }) => url),
        manifest.settings.interactivity.request_url,
        manifest.settings.interactivity.message_menu_options_url,
      ];
      const paths = addresses.map((address) =>
        typeof address === 'string' ? new URL(address).pathname : address,
      );
      expect(new Set(paths)).toEqual(new Set([isSocket ? undefined : HTTP_PATH]));
    });

    it.skipIf(!existsSync(SCHEMA))(`is valid by Slack's schema (skipped without ${SCHEMA})`, () => {
      const ajv = new Ajv({ strict: false, allErrors: true });
      addFormats.default(ajv);
      const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')));
      validate(manifest);
      expect(validate.errors ?? []).toEqual([]);
    });
  });

  it('rest on a list that names every Web API method in the source, and no other', () => {
    const used = new Set(
      sources('src/slack')
        .filter((source) => !source.includes('export const METHOD_SCOPES'))
        .flatMap((source) => [...source.matchAll(METHOD)].map(([, method]) => method)),
    );
    expect(used).toEqual(new Set(Object.keys(METHOD_SCOPES)));
  });
});

describe('the Kubernetes manifests', () => {
  const folder = 'manifests/kubernetes';
  const deployment = yaml(`${folder}/deployment.yaml`);
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;
  const settings: Record<string, string> = yaml(`${folder}/settings.yaml`).data;
  const secrets: Record<string, string> = yaml(`${folder}/secret.example.yaml`).stringData;
  const claim = yaml(`${folder}/persistentvolumeclaim.yaml`);
  const service = yaml(`${folder}/service.yaml`);

  it('lists every manifest but the example of the secret', () => {
    const files = readdirSync(join(root, folder)).filter((file) => file !== 'kustomization.yaml');
    const listed = yaml(`${folder}/kustomization.yaml`).resources;
    expect(new Set(listed)).toEqual(new Set(files.filter((file) => file !== 'secret.example.yaml')));
  });

  it('sets variables that the bot reads, secret ones in the secret only', () => {
    const secretNames = new Set<string>(VARIABLES.filter(({ isSecret }) => isSecret).map(({ name }) => name));
    const names = new Set<string>(VARIABLES.map(({ name }) => name));
    expect(Object.keys(settings).filter((name) => !names.has(name))).toEqual([]);
    expect(Object.keys(settings).filter((name) => secretNames.has(name))).toEqual([]);
    expect(Object.keys(secrets).filter((name) => !secretNames.has(name))).toEqual([]);
  });

  it('makes up a complete configuration', () => {
    const result = readSettings({ ...settings, ...secrets });
    expect(result).toMatchObject({
      ok: true,
      warnings: [],
      settings: { slack: { transport: { kind: 'socket' } }, dataDir: '/data' },
    });
  });

  it('runs one process at a time on the folder of the store', () => {
    expect(deployment.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(pod.volumes).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: claim.metadata.name },
    });
    expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: settings['DATA_DIR'] });
  });

  it('mounts the rules where RULES_FILE looks for them', () => {
    const rules = yaml(`${folder}/rules.yaml`);
    const [file] = Object.keys(rules.data);
    const mount = container.volumeMounts.find(({ name }: { name: string }) => name === 'rules');
    expect(pod.volumes).toContainEqual({ name: 'rules', configMap: { name: rules.metadata.name } });
    expect(`${mount.mountPath}/${file}`).toBe(settings['RULES_FILE']);
  });

  it('holds a rule file that the bot takes, with both kinds of rules', () => {
    const text: string = yaml(`${folder}/rules.yaml`).data['rules.yaml'];
    const result = parseRuleText('rules.yaml', text);
    expect(result.ok ? [] : result.errors).toEqual([]);
    expect(result.groups.map(({ name }) => name)).toEqual(['service-latency', 'checkout']);
  });

  it('names ports that agree with the defaults and with each other', () => {
    const ports = Object.fromEntries(
      container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [
        name,
        containerPort,
      ]),
    );
    const defaultOf = (variable: string) => VARIABLES.find(({ name }) => name === variable);
    expect(ports).toEqual({
      slack: Number(defaultOf('SLACK_PORT')?.default),
      ops: Number(settings['OPS_PORT']),
    });
    expect(settings['OPS_PORT']).toBe(defaultOf('OPS_PORT')?.default);
    expect(service.spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort)).toEqual(
      Object.keys(ports),
    );
    expect(deployment.spec.template.metadata.annotations['prometheus.io/port']).toBe(settings['OPS_PORT']);
  });

  it('probes health and readiness on the ops port', () => {
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    expect(probes.map(({ httpGet }) => httpGet)).toEqual([
      { path: '/healthz', port: 'ops' },
      { path: '/healthz', port: 'ops' },
      { path: '/readyz', port: 'ops' },
    ]);
  });

  it('gives the process no rights it does not need', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  it('selects the pods it labels', () => {
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
  });
});

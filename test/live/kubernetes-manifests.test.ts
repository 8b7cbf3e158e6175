import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentedCommands } from '../support/documented-commands.ts';
import { HELM, KUSTOMIZE, requireOrSkip } from '../support/live.ts';
import { type Manifest, manifestsIn, schemaProblems } from '../support/manifest-schemas.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHART = join(ROOT, 'manifests/helm/tailwatch');
const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const built = (overlay: string): readonly Manifest[] =>
  manifestsIn(run(KUSTOMIZE, 'build', join(ROOT, 'manifests/kubernetes/overlays', overlay)));
const rendered = (...options: readonly string[]): readonly Manifest[] =>
  manifestsIn(run(HELM, 'template', 'tailwatch', CHART, '--kube-version', '1.33.0', ...options));

/** What only a chart has: labels of the release, a checksum in place of kustomize's hash in names. */
const OF_A_CHART = /^(?:app\.kubernetes\.io\/(?:instance|managed-by)|helm\.sh\/chart|checksum\/.*)$/;

interface Named {
  readonly name: string;
}

/** Objects by kind and name, in a form in which a chart's and a kustomization's are the same. */
function comparable(manifests: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(manifests, (key, value: unknown) => {
    if (OF_A_CHART.test(key) || key === 'imagePullPolicy') return undefined;
    if (key === 'volumes' || key === 'volumeMounts')
      return (value as Named[]).toSorted((a, b) => a.name.localeCompare(b.name));
    return typeof value === 'string' ? value.replace(/^(tailwatch-settings)-\w{10}$/, '$1') : value;
  });
  return Object.fromEntries(
    (JSON.parse(text) as Manifest[]).map(({ kind, metadata: { labels: _labels, ...metadata }, ...rest }) => [
      `${kind} ${metadata['name']}`,
      { ...rest, metadata },
    ]),
  );
}

const OVERLAYS = [
  { overlay: 'single', options: [] },
  { overlay: 'replicated', options: ['--set', 'replicas=2,redis.enabled=true'] },
];

requireOrSkip('kustomize')('the overlays, built by kustomize', () => {
  it.each(OVERLAYS)('$overlay is valid', async ({ overlay }) => {
    expect(await schemaProblems(built(overlay))).toEqual([]);
  });

  it('store the state in one place', () => {
    const claims = (overlay: string) =>
      built(overlay).flatMap(({ kind, metadata }) => (kind === 'PersistentVolumeClaim' ? metadata.name : []));
    expect([claims('single'), claims('replicated')]).toEqual([['tailwatch-data'], []]);
  });
});

requireOrSkip('helm')('the chart', () => {
  it('passes helm lint', () => {
    expect(run(HELM, 'lint', CHART, '--strict', '--kube-version', '1.33.0')).toContain('0 chart(s) failed');
  });

  it.each([
    [[]],
    [['--set', 'replicas=2,redis.enabled=true']],
    [['--set', 'replicas=3,redis.external=true,networkPolicy.enabled=false,monitoring.enabled=false']],
    [
      [
        '--set',
        'persistence.storageClass=fast,persistence.size=5Gi,image.tag=1.2.3,imagePullSecrets[0].name=x',
      ],
    ],
  ])('renders valid objects with %j', async (options) => {
    expect(await schemaProblems(rendered(...options))).toEqual([]);
  });

  it.each([
    ['several replicas without Redis', 'replicas=2', 'needs Redis'],
    ['an unknown value', 'replica=2', 'replica'],
  ])('refuses %s', (_name, value, reason) => {
    expect(() => rendered('--set', value)).toThrow(reason);
  });

  it('takes the rules of a file', () => {
    const rules = rendered('--set-file', `rules=${join(ROOT, 'LICENSE')}`).find(
      ({ metadata }) => metadata.name === 'tailwatch-rules',
    );
    expect(rules?.['data']['rules.yaml']).toContain('Apache License');
  });
});

requireOrSkip('kustomize', 'helm')('the chart and the kustomization', () => {
  it.each(OVERLAYS)('are the same: $overlay', ({ overlay, options }) => {
    expect(comparable(rendered(...options))).toEqual(comparable(built(overlay)));
  });
});

requireOrSkip('kustomize', 'helm')('the commands of the documentation', () => {
  const commands = documentedCommands().filter(({ command }) =>
    /^(?:kubectl apply|helm install) /.test(command),
  );

  it('are found', () => {
    expect(commands.length).toBeGreaterThan(2);
  });

  // There is no cluster: what would be applied is built from the same arguments.
  it.each(commands)('$command', async ({ command }) => {
    const args = command
      .split(' ')
      .slice(2)
      .map((arg) => arg.replace('rules=rules.yaml', `rules=${join(ROOT, 'LICENSE')}`));
    const text = command.startsWith('helm')
      ? run(
          HELM,
          'template',
          ...args.map((arg) => (arg.startsWith('manifests/') ? join(ROOT, arg) : arg)),
          '--kube-version',
          '1.33.0',
        )
      : run(KUSTOMIZE, 'build', join(ROOT, args.at(-1) ?? ''));
    expect(await schemaProblems(manifestsIn(text))).toEqual([]);
  });
});

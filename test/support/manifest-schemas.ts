import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvoyFilter } from '@kubernetes-models/istio/networking.istio.io/v1alpha3/EnvoyFilter';
import { Telemetry } from '@kubernetes-models/istio/telemetry.istio.io/v1alpha1/Telemetry';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { parseAllDocuments } from 'yaml';

/** Parsed YAML, of which a test reads what it expects to be there. */
type Parsed = ReturnType<typeof JSON.parse>;

/** A Kubernetes object as it is written in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: Parsed };
  readonly [key: string]: Parsed;
}

const ROOT = join(import.meta.dirname, '../..');

type Model = new (data: Parsed) => { validate(): void };

/** The models by apiVersion and kind, each with the path that its types are imported from. */
const MODELS: Readonly<Record<string, readonly [path: string, model: Model]>> = {
  'apps/v1 Deployment': ['kubernetes-models/apps/v1', Deployment],
  'apps/v1 StatefulSet': ['kubernetes-models/apps/v1', StatefulSet],
  'networking.k8s.io/v1 NetworkPolicy': ['kubernetes-models/networking.k8s.io/v1', NetworkPolicy],
  'policy/v1 PodDisruptionBudget': ['kubernetes-models/policy/v1', PodDisruptionBudget],
  'v1 ConfigMap': ['kubernetes-models/v1', ConfigMap],
  'v1 PersistentVolumeClaim': ['kubernetes-models/v1', PersistentVolumeClaim],
  'v1 Secret': ['kubernetes-models/v1', Secret],
  'v1 Service': ['kubernetes-models/v1', Service],
  'v1 ServiceAccount': ['kubernetes-models/v1', ServiceAccount],
  'monitoring.coreos.com/v1 PrometheusRule': [
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
    PrometheusRule,
  ],
  'monitoring.coreos.com/v1 ServiceMonitor': [
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
    ServiceMonitor,
  ],
  'networking.istio.io/v1alpha3 EnvoyFilter': [
    '@kubernetes-models/istio/networking.istio.io/v1alpha3',
    EnvoyFilter,
  ],
  'telemetry.istio.io/v1alpha1 Telemetry': [
    '@kubernetes-models/istio/telemetry.istio.io/v1alpha1',
    Telemetry,
  ],
};

/** Versions that the packages have no model of, and the version with the same fields that is checked in their place. */
const SAME_FIELDS: Readonly<Record<string, string>> = {
  // Source: Istio's telemetry/v1/telemetry_alias.gen.go, whose types are those of v1alpha1.
  'telemetry.istio.io/v1': 'telemetry.istio.io/v1alpha1',
};

const asModeled = (manifest: Manifest): Manifest => ({
  ...manifest,
  apiVersion: SAME_FIELDS[manifest.apiVersion] ?? manifest.apiVersion,
});

const modelOf = ({ apiVersion, kind }: Manifest) => MODELS[`${apiVersion} ${kind}`];
const nameOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

/** The documents of a YAML text. Throws on YAML that is invalid. */
export const manifestsIn = (text: string): readonly Manifest[] =>
  parseAllDocuments(text, { logLevel: 'error' }).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });

/** The manifests of a folder by file, kustomizations left out. */
export async function manifestFiles(folder: string): Promise<ReadonlyMap<string, readonly Manifest[]>> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const yaml = names.filter((name) => name.endsWith('.yaml')).sort();
  const files = await Promise.all(
    yaml.map(async (name) => [name, manifestsIn(await readFile(join(ROOT, folder, name), 'utf8'))] as const),
  );
  return new Map(files);
}

/** Values that the schemas refuse: types, required fields, patterns. */
function invalidValues(manifest: Manifest): readonly string[] {
  const [, model] = modelOf(manifest) ?? [];
  if (model === undefined)
    return [`${nameOf(manifest)}: no model for ${manifest.apiVersion} ${manifest.kind}`];
  try {
    new model(manifest).validate();
    return [];
  } catch (error) {
    return [`${nameOf(manifest)}: ${(error as Error).message}`];
  }
}

/**
 * Fields that the API server would drop or refuse, most often misspelled ones. The schemas allow them, the types of the
 * same packages do not: the objects are compiled as literals.
 */
async function unknownFields(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const known = manifests.filter((manifest) => modelOf(manifest) !== undefined);
  const lines = known.map((manifest, i) => {
    const path = join(ROOT, 'node_modules', modelOf(manifest)?.[0] ?? '', manifest.kind);
    const literal = JSON.stringify(manifest);
    return `export const m${i}: import(${JSON.stringify(path)}).I${manifest.kind} = ${literal};`;
  });
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-manifests-'));
  const options =
    '--noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --ignoreConfig';
  try {
    await writeFile(join(folder, 'manifests.ts'), lines.join('\n'));
    const output = await new Promise<string>((resolve) =>
      execFile(
        join(ROOT, 'node_modules/.bin/tsc'),
        [...options.split(' '), join(folder, 'manifests.ts')],
        { cwd: folder },
        (_error, stdout, stderr) => resolve(stdout + stderr),
      ),
    );
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [, number, message] = /manifests\.ts\((\d+),\d+\): (.*)/.exec(line) ?? [];
        const manifest = known[Number(number) - 1];
        return manifest === undefined ? line : `${nameOf(manifest)}: ${message}`;
      });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Everything in Kubernetes objects that the schemas of their kinds do not allow. */
export async function schemaProblems(written: readonly Manifest[]): Promise<readonly string[]> {
  const manifests = written.map(asModeled);
  return [...manifests.flatMap(invalidValues), ...(await unknownFields(manifests))];
}

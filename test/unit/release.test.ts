import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { documentedCommands, runnerOf } from '../support/documented-commands.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const packageJson = JSON.parse(read('package.json')) as {
  version: string;
  scripts: Readonly<Record<string, string>>;
  engines: { node: string };
};

describe('CONTRIBUTING.md', () => {
  const page = read('CONTRIBUTING.md');

  it('names files that are there', () => {
    const paths = [...page.matchAll(/`((?:src|test|docs|manifests)\/[\w/.-]+|\.oxlintrc\.json)`/g)].map(
      ([, path = '']) => path,
    );
    expect(paths.length).toBeGreaterThan(25);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('has five lines for each extension', () => {
    const sections = page.split('\n## ').slice(1);
    const lines = sections.map((section) => section.split('\n').filter((line) => /^\d\. /.test(line)).length);
    expect(lines).toEqual([5, 5, 5, 5, 5]);
  });
});

describe('the commands in the documentation', () => {
  const commands = documentedCommands();

  it('are found', () => {
    expect(commands.length).toBeGreaterThan(20);
  });

  it.each(commands)('$page: $command is run by a test or by CI, or there is a reason', ({ command }) => {
    const runner = runnerOf(command);
    expect(runner).toBeDefined();
    if (typeof runner === 'object' && 'file' in runner) expect(read(runner.file)).toContain(runner.holds);
    const [, script] = /^(?:\w+=\S+ )*npm run ([\w:-]+)/.exec(command) ?? [];
    if (script !== undefined) expect(Object.keys(packageJson.scripts)).toContain(script);
    const [, path] = /\s(manifests\/\S+)/.exec(command) ?? [];
    if (path !== undefined) expect(existsSync(join(ROOT, path))).toBe(true);
  });
});

describe('the workflows', () => {
  const files = readdirSync(join(ROOT, '.github/workflows'));
  const workflows = files.map((file) => ({ file, workflow: parse(read(`.github/workflows/${file}`)) }));

  it('pin every action by its hash, with its version', () => {
    const uses = files.flatMap((file) => [...read(`.github/workflows/${file}`).matchAll(/uses: (.*)/g)]);
    expect(uses.length).toBeGreaterThan(2);
    expect(
      uses
        .map(([, use]) => use ?? '')
        .filter((use) => !/^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(use)),
    ).toEqual([]);
  });

  it('grant no more than reading by default', () => {
    expect(workflows.map(({ workflow }) => workflow.permissions)).toEqual(
      files.map(() => ({ contents: 'read' })),
    );
  });

  it('run what .ci/run runs, on every Node.js that is supported', () => {
    const ci = workflows.find(({ file }) => file === 'ci.yaml')?.workflow.jobs.ci;
    expect(ci.steps.at(-1).run).toBe('.ci/run');
    expect(ci.strategy.matrix.node).toEqual([20, 22, 24]);
    expect(packageJson.engines.node).toMatch(new RegExp(`^>=${ci.strategy.matrix.node[0]}\\.`));
  });
});

it('the chart, the kustomization and the package have one version', () => {
  const chart = parse(read('manifests/helm/tailwatch/Chart.yaml'));
  const { images } = parse(read('manifests/kubernetes/base/kustomization.yaml'));
  expect([chart.version, chart.appVersion, images[0].newTag]).toEqual(
    Array.from({ length: 3 }, () => packageJson.version),
  );
});

it('the changelog has a section for the version of the package, below what is unreleased', () => {
  const sections = [...read('CHANGELOG.md').matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
  expect(sections.slice(0, 2)).toEqual(['Unreleased', packageJson.version]);
});

it('a bill of materials in CycloneDX is made without an installation', () => {
  const [program = '', ...args] = packageJson.scripts['sbom']?.split(' ') ?? [];
  const output = execFileSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { bomFormat, components } = JSON.parse(output) as {
    bomFormat: string;
    components: readonly { name: string; version: string }[];
  };
  const names = components.map(({ name }) => name);
  expect(bomFormat).toBe('CycloneDX');
  expect(names).toContain('@slack/bolt');
  expect(names).not.toContain('vitest');
});

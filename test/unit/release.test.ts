import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

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

/** Commands in the documentation, each with the test or step of CI that runs it or what it names. */
const COMMANDS: readonly (readonly [pattern: RegExp, check: (match: readonly string[]) => boolean])[] = [
  [
    /^(?:TAILWATCH_\w+=\S+ )*npm (?:run )?([\w:-]+)/,
    ([, script = '']) => script in packageJson.scripts || script === 'ci',
  ],
  [/^tailwatch ([a-z-]+)/, ([, name = '']) => read('src/main.ts').includes(`.command('${name}')`)],
  [/^docker compose -f (\S+) /, ([, file = '']) => existsSync(join(ROOT, file))],
  [/^kubectl apply -k (\S+)$/, ([, folder = '']) => existsSync(join(ROOT, folder, 'kustomization.yaml'))],
  [/^helm install tailwatch (\S+) /, ([, chart = '']) => existsSync(join(ROOT, chart, 'Chart.yaml'))],
];

describe('the commands in the documentation', () => {
  const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
    (name) => name.endsWith('.md'),
  );
  const commands = pages.flatMap((page) =>
    // An indented block is one of commands; a fenced one says what it is.
    [
      ...read(page)
        .replaceAll(/```[^]*?```/g, '')
        .matchAll(/^ {4}(\S.*)$/gm),
    ].map(([, line = '']) => ({
      page,
      command: line.replace(/\s+#.*/, ''),
    })),
  );

  it('are found', () => {
    expect(commands.length).toBeGreaterThan(8);
  });

  it.each(commands)('$page: $command', ({ command }) => {
    for (const part of command.split(' && ')) {
      const known = COMMANDS.some(([pattern, check]) => {
        const match = pattern.exec(part);
        return match !== null && check(match);
      });
      expect(known, part).toBe(true);
    }
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

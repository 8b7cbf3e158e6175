import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/security.md');

interface LockedPackage {
  readonly dev?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
}

const packages = Object.entries(
  (JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, LockedPackage>> }).packages,
).filter(([path]) => path !== '');
const production = packages.filter(([, { dev }]) => dev !== true);

describe('docs/security.md', () => {
  const rows = [...page.matchAll(/^\|(?:[^|\n]*\|){3} `(test\/[\w/.-]+)`: (.+) \|$/gm)].map(
    ([, file = '', title = '']) => ({ file, title }),
  );

  it('has a test for every entry point', () => {
    const table = /## Entry points\n([^]*?)\n## /.exec(page)?.[1] ?? '';
    expect(rows).toHaveLength(table.split('\n').filter((line) => line.startsWith('|')).length - 2);
    expect(rows.length).toBeGreaterThan(15);
  });

  it('covers every route of the operations port', () => {
    const routes = [...read('src/ops/ops-server.ts').matchAll(/^ {2}'(?:GET|POST) (\/\S+)':/gm)].map(
      ([, path = '']) => path,
    );
    const named = [...page.matchAll(/`(?:POST )?(\/[\w/-]+)`/g)].map(([, path = '']) => path);
    expect(routes.length).toBeGreaterThan(5);
    expect(
      routes.filter((path) => !named.some((each) => path === each || path.startsWith(`${each}/`))),
    ).toEqual([]);
  });

  it.each(rows)('names a test that exists: $file: $title', ({ file, title }) => {
    expect(existsSync(join(ROOT, file)), file).toBe(true);
    expect(read(file).replaceAll("\\'", "'")).toMatch(
      new RegExp(
        `(?:it|test)(?:\\.each\\([^]*?\\))?\\(\\s*['"\`]${title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}['"\`]`,
      ),
    );
  });

  it('lists the licenses of the production dependencies: put the expected text between the markers', () => {
    const counts = new Map<string, number>();
    for (const [, { license = 'unknown' }] of production) counts.set(license, (counts.get(license) ?? 0) + 1);
    const lines = [...counts]
      .sort(([a, many], [b, few]) => few - many || a.localeCompare(b))
      .map(([license, count]) => `| ${license} | ${count} |`);
    const table = /<!-- licenses -->\n([^]*?)\n<!-- \/licenses -->/.exec(page)?.[1];
    expect(table).toBe(['| License | Packages |', '|---|---|', ...lines].join('\n'));
  });
});

describe('the production dependencies', () => {
  it('have licenses that allow use and distribution', () => {
    const accepted =
      /^(?:MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|MPL-2\.0|Python-2\.0|MIT AND OFL-1\.1)$/;
    // The DejaVu fonts have the license of Bitstream Vera in their README.
    const odd = production.filter(
      ([path, { license = '' }]) => !accepted.test(license) && path !== 'node_modules/dejavu-fonts-ttf',
    );
    expect(odd).toEqual([]);
  });

  it('need no install script, except where a prebuilt binary comes with the package', () => {
    const scripted = production.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/classic-level']);
  });
});

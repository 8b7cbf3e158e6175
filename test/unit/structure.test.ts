import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Source texts by path, relative to the repository. */
type Tree = ReadonlyMap<string, string>;

const ROOT = join(import.meta.dirname, '../..');

const treeOf = (folder: string): Tree =>
  new Map(
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => `${folder}/${name}`)
      .map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]),
  );

const importsOf = (path: string, text: string): readonly string[] =>
  [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, to]) =>
    normalize(join(dirname(path), to ?? '')),
  );

/** Pairs of folders that import each other, type imports included. */
function mutualFolders(tree: Tree): readonly string[] {
  const edges = new Set(
    [...tree].flatMap(([path, text]) =>
      importsOf(path, text)
        .map((to) => [dirname(path), dirname(to)] as const)
        .filter(([from, to]) => from !== to)
        .map((pair) => pair.join(' ')),
    ),
  );
  return [...edges].filter((edge) => {
    const [from = '', to = ''] = edge.split(' ');
    return from < to && edges.has(`${to} ${from}`);
  });
}

/** Names of exported types that more than one file declares, with those files. */
function sharedTypeNames(tree: Tree): readonly string[] {
  const files = new Map<string, string[]>();
  for (const [path, text] of tree)
    for (const [, name = ''] of text.matchAll(/^export (?:interface|type|class) (\w+)/gm))
      files.set(name, [...(files.get(name) ?? []), path]);
  return [...files]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${name}: ${paths.join(', ')}`);
}

/** Outside systems may read the machine's clock; everything else takes a clock or an instant. */
const SYSTEMS = /^src\/(?:alertmanager|cli|http|links|ops|prometheus|jaeger|slack|store|waterfall)\//;

/** Places that create the current date outside of the clock. */
const clockReads = (tree: Tree): readonly string[] =>
  [...tree]
    .filter(
      ([path, text]) => !SYSTEMS.test(path) && path !== 'src/lib/clock.ts' && /\bnew Date\(\s*\)/.test(text),
    )
    .map(([path]) => path);

const src = treeOf('src');

describe('the structure of src', () => {
  it('has no two folders that import each other', () => {
    expect(mutualFolders(src)).toEqual([]);
  });

  it('has one file for each exported type name', () => {
    expect(sharedTypeNames(src)).toEqual([]);
  });

  it('reads the current time only in the clock', () => {
    expect(clockReads(src)).toEqual([]);
  });
});

describe('the checks find a planted violation:', () => {
  it('two folders that import each other', () => {
    const planted: Tree = new Map([
      ['src/a/one.ts', "import { two } from '../b/two.ts';"],
      ['src/b/two.ts', "import type { One } from '../a/one.ts';"],
    ]);
    expect(mutualFolders(planted)).toEqual(['src/a src/b']);
  });

  it('two exported types of one name', () => {
    const planted: Tree = new Map([
      ['src/a/one.ts', 'export interface Found {}'],
      ['src/b/two.ts', 'export type Found = string;'],
    ]);
    expect(sharedTypeNames(planted)).toEqual(['Found: src/a/one.ts, src/b/two.ts']);
  });

  it('a read of the current time', () => {
    expect(clockReads(new Map([['src/a/one.ts', 'const now = new Date();']]))).toEqual(['src/a/one.ts']);
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { loadRules, rulePaths } from '../../../src/cli/rule-files.ts';

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function folder(...names: readonly string[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-rules-'));
  folders.push(dir);
  await Promise.all(names.map((name) => writeFile(join(dir, name), '')));
  return dir;
}

test('a folder stands for its YAML files, in order of name', async () => {
  const dir = await folder('b.yml', 'a.yaml', 'README.md');
  expect(await rulePaths([dir])).toEqual([join(dir, 'a.yaml'), join(dir, 'b.yml')]);
});

test('entries that begin with a dot are left out, as Kubernetes makes them', async () => {
  const dir = await folder('rules.yaml', '.hidden.yaml');
  await mkdir(join(dir, '..data'));
  expect(await rulePaths([dir])).toEqual([join(dir, 'rules.yaml')]);
});

test('a file stands for itself, whatever its name', async () => {
  const dir = await folder('rules.txt');
  expect(await rulePaths([join(dir, 'rules.txt')])).toEqual([join(dir, 'rules.txt')]);
});

test('a path that does not exist is kept, so that reading it says so', async () => {
  expect(await rulePaths(['/no/such/file.yaml'])).toEqual(['/no/such/file.yaml']);
});

test('a file without rules is an error, and so is one that does not exist', async () => {
  const dir = await folder('rules.yaml');
  expect(await loadRules([dir])).toMatchObject({
    ok: false,
    text: expect.stringContaining('rules.yaml:1:1: no rules in this file'),
  });
  // With the alerts of an Alertmanager there may be none.
  expect(await loadRules([dir], { allowsEmpty: true })).toMatchObject({ ok: true, groups: [] });
  expect(await loadRules(['/no/such/file.yaml'])).toEqual({
    ok: false,
    text: '/no/such/file.yaml:1:1: cannot read this file: it does not exist',
  });
});

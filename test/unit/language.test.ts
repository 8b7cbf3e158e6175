import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Words that only this project would use, where Prometheus, Alertmanager, OpenTelemetry or Slack have a term. As whole
 * words, and as parts of identifiers.
 */
const AVOIDED = [
  'episode',
  'hush',
  'hushed',
  'mend',
  'mended',
  'keeper',
  'heed',
  'heeds',
  'told',
  'telling',
  'storm',
  'damped',
  'vanished',
  'standing',
  'asked',
  'asking',
  'dialect',
  'manner',
  'verdict',
  'judged',
  'proven',
  'drag',
  'slip',
  'neighbour',
  'neighbours',
  'surroundings',
  'crumbs',
  'meant',
  'mistake',
  'mistakes',
] as const;

/** Phrases of the same kind. */
const AVOIDED_PHRASES = [
  'parted by',
  'good side',
  'laid to',
  'held against',
  'held back',
  'hold back',
  'kept apart',
  'small print',
  'stands still',
  'look whether',
  'looks whether',
] as const;

/** `alertStorm`, `storm_limit` and `StormView` hold the word as well as `storm` does. */
const wordsOf = (line: string): readonly string[] =>
  line
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/);

function avoidedIn(line: string): readonly string[] {
  const words = new Set(wordsOf(line));
  const text = line.toLowerCase();
  return [
    ...AVOIDED.filter((word) => words.has(word)),
    ...AVOIDED_PHRASES.filter((phrase) => text.includes(phrase)),
  ];
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:tsx?|md)$/.test(name))
    .map((name) => `${folder}/${name}`);

const findingsIn = (path: string, text: string): readonly string[] =>
  text.split('\n').flatMap((line, i) => avoidedIn(line).map((word) => `${path}:${i + 1}: ${word}`));

describe('the vocabulary is the one of the field', () => {
  it.each(['src', 'demo', 'docs'])('in %s', (folder) => {
    const found = filesIn(folder).flatMap((path) => [
      ...findingsIn(path, readFileSync(join(ROOT, path), 'utf8')),
      ...avoidedIn(path).map((word) => `${path}: the name holds ${word}`),
    ]);
    expect(found).toEqual([]);
  });

  it.each(['README.md', 'CHANGELOG.md'])('in %s', (path) => {
    expect(findingsIn(path, readFileSync(join(ROOT, path), 'utf8'))).toEqual([]);
  });

  it.each([
    ['a word in a comment', '// what people are told of it', 'told'],
    ['a part of an identifier', 'const stormLimit = 10;', 'storm'],
    ['a part of a type name', 'interface KeeperCommand {}', 'keeper'],
    ['a phrase', 'one per line or parted by `;;`', 'parted by'],
  ])('finds %s', (_, line, word) => {
    expect(avoidedIn(line)).toEqual([word]);
  });

  it('leaves other words alone', () => {
    expect(avoidedIn('const brainstorming = withholding + outstanding;')).toEqual([]);
  });
});

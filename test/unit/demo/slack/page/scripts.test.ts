import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { assetFor, SCRIPTS } from '../../../../../demo/slack/page/assets.ts';

const IMPORT = /^import (?:\{([^}]*)\}|\* as \w+) from '\.\/([\w.]+)';$/gm;

const exportsOf = (source: string): readonly string[] =>
  [...source.matchAll(/^export (?:async )?(?:const|function) (\w+)/gm)].map((match) => match[1] ?? '');

describe('the browser scripts', () => {
  it.each(Object.entries(SCRIPTS))('%s is a script without mistakes of grammar', (name, source) => {
    const body = source.replace(IMPORT, '').replace(/^export /gm, '');
    expect(() => new Script(`(async () => {${body}})`, { filename: name })).not.toThrow();
    expect(body).not.toMatch(/^(?:import|export) /m);
  });

  it.each(Object.entries(SCRIPTS))(
    '%s imports only what is there, and nothing that it does not use',
    (_, source) => {
      for (const [whole, names = '', from = ''] of source.matchAll(IMPORT)) {
        const wanted = names
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '');
        expect(exportsOf(SCRIPTS[from] ?? '')).toEqual(expect.arrayContaining(wanted));
        const rest = source.replace(whole, '');
        expect(wanted.filter((name) => !new RegExp(`\\b${name}\\b`).test(rest))).toEqual([]);
      }
    },
  );

  it('are served with the style sheets', () => {
    expect(assetFor('/assets/main.js')?.type).toBe('text/javascript');
    expect(assetFor('/assets/page.css')?.body).toContain('.message');
    expect(assetFor('/assets/library.css')?.body).not.toContain('#slack_blocks_to_jsx');
  });
});

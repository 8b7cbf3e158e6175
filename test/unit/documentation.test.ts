import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { SlashCommand } from '../../src/commands/command.ts';
import { parseCommand } from '../../src/commands/commands.ts';
import { COMMAND_FORMS } from '../../src/commands/table.ts';
import { createTelemetry } from '../../src/ops/metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { FINDINGS } from '../../src/rules/rule-use.ts';
import { readSettings } from '../../src/settings/env.ts';
import { environmentExample, settingsTable, VARIABLES } from '../../src/settings/variables.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const pagesIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
const readme = read('README.md');
const rules = read('docs/rules.md');
const operations = read('docs/operations.md');

describe('the configuration is described the same way everywhere', () => {
  it('a required variable that is not set is an error', () => {
    const result = readSettings({});
    const missing = new Set(result.ok ? [] : result.problems.map(({ variable }) => variable));
    // Socket Mode or HTTP must be set: the problem is reported for the first one.
    missing.delete('SLACK_APP_TOKEN');
    expect([...missing]).toEqual(VARIABLES.filter(({ isRequired }) => isRequired).map(({ name }) => name));
  });

  it('.env.example is generated from src/settings/variables.ts: replace it with the expected text', () => {
    expect(read('.env.example')).toBe(environmentExample());
  });

  it('.env.example is complete except for the choice between Socket Mode and HTTP', () => {
    const example = parseEnv(read('.env.example'));
    const socket = readSettings({ ...example, SLACK_APP_TOKEN: 'xapp-1-replace-me' });
    expect(socket).toMatchObject({ ok: true, warnings: [] });
  });

  it('the examples that are commented out are accepted too', () => {
    const all = parseEnv(read('.env.example').replaceAll(/^# ([A-Z_]+=)/gm, '$1'));
    const result = readSettings(all);
    expect(result.ok ? [] : result.problems).toEqual([]);
    expect(new Set(Object.keys(all))).toEqual(new Set(VARIABLES.map(({ name }) => name)));
  });

  it("the README's configuration table is generated from src/settings/variables.ts: put the expected text between the markers", () => {
    const table = /<!-- settings -->\n([^]*?)\n?<!-- \/settings -->/.exec(readme)?.[1]?.trim();
    expect(table).toBe(settingsTable());
  });
});

describe('the commands', () => {
  it("the README's table is made from src/commands/table.ts: put the expected text between the markers", () => {
    const rows = COMMAND_FORMS.map(({ slash, usage, summary }) => `| \`${slash} ${usage}\` | ${summary} |`);
    const table = /<!-- commands -->\n([^]*?)\n?<!-- \/commands -->/.exec(readme)?.[1]?.trim();
    expect(table).toBe(['| Command | Answer |', '| --- | --- |', ...rows].join('\n'));
  });

  it('the demo offers those of the table, and has no list of its own', () => {
    const files = readdirSync(join(ROOT, 'demo'), { recursive: true, encoding: 'utf8' });
    const texts = files.filter((name) => /\.tsx?$/.test(name)).map((name) => read(`demo/${name}`));
    expect(read('demo/run-demo.ts')).toContain('commands: SLASH_COMMANDS,');
    expect(texts.filter((text) => /usageHint: ['"`]/.test(text))).toEqual([]);
  });

  it('every command in the documentation is valid', () => {
    const pages = ['README.md', ...pagesIn('docs')].map(read).join('\n');
    const named = pages.matchAll(/`(\/trace|\/latency|\/slo) ([^`<[…]*)`/g);
    const invalid = [...named].filter(([, slash, text = '']) => {
      const parsed = parseCommand(slash as SlashCommand, text.replaceAll(/\s+/g, ' '));
      return !parsed.ok && !parsed.problem.startsWith('Specify');
    });
    expect(invalid.map(([line]) => line)).toEqual([]);
  });
});

describe.each([
  ['README.md', readme],
  ['docs/rules.md', rules],
])('the rules in %s', (name, page) => {
  const examples = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text ?? '');

  it('are there', () => {
    expect(examples).not.toEqual([]);
  });

  it.each(examples)('are accepted: %#', (text) => {
    const result = parseRuleText(name, text);
    expect(result.ok ? [] : result.errors).toEqual([]);
  });
});

describe('the manual', () => {
  it('names every finding of a check with its severity, and no other', () => {
    const rows = rules.matchAll(/^\| `([a-z-]+)` \| (error|warning|note) \|/gm);
    expect(Object.fromEntries([...rows].map(([, code, severity]) => [code, severity]))).toEqual(FINDINGS);
  });

  it('names no metric that does not exist', async () => {
    const { body } = await createTelemetry().metrics();
    const named = new Set(operations.match(/tailwatch_\w*[a-z]/g));
    expect([...named].filter((name) => !body.includes(`# TYPE ${name} `))).toEqual([]);
    expect(named.size).toBeGreaterThan(3);
  });
});

/** Lines that can be wrapped: not those of tables, pictures and code. */
const isText = (line: string): boolean => !/^(?:\||!\[| {4})/.test(line);

it.each(['README.md', 'CHANGELOG.md', ...['docs', 'docs/adr'].flatMap(pagesIn)])(
  '%s has lines below 120 characters',
  (page) => {
    expect(
      read(page)
        .split('\n')
        .filter((line) => isText(line) && line.length >= 120),
    ).toEqual([]);
  },
);

/** Where links of a page lead that are neither addresses nor places on the page itself. */
const pathsIn = (page: string): readonly string[] =>
  [...page.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, path]) => path ?? '');

describe('links between pages lead to files that are there', () => {
  const pages = ['README.md', ...['docs', 'docs/adr'].flatMap(pagesIn)];

  it.each(pages)('from %s', (page) => {
    const missing = pathsIn(read(page)).filter((path) => !existsSync(join(ROOT, dirname(page), path)));
    expect(missing).toEqual([]);
  });
});

it('the table of where to change what names files that are there', () => {
  const paths = [...read('docs/how-it-works.md').matchAll(/`(src\/[\w/.-]+)`/g)].map(
    ([, path]) => path ?? '',
  );
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readSettings, SCHEMA_NAMES } from '../../src/config/env.ts';
import { parseRuleText } from '../../src/config/rule-file.ts';
import { environmentExample, settingsTable, VARIABLES } from '../../src/config/variables.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
const readme = read('README.md');

describe('the configuration is told the same way everywhere', () => {
  it('every variable of the schema is explained in src/config/variables.ts, and no other', () => {
    expect(VARIABLES.map(({ name }) => name)).toEqual(SCHEMA_NAMES);
  });

  it('a variable that is called required is one whose absence is a mistake', () => {
    const result = readSettings({});
    const missing = new Set(result.ok ? [] : result.mistakes.map(({ variable }) => variable));
    // One of the two ways Slack reaches the bot must be set: it is reported under the first.
    missing.delete('SLACK_APP_TOKEN');
    expect([...missing]).toEqual(VARIABLES.filter(({ isRequired }) => isRequired).map(({ name }) => name));
  });

  it('.env.example is what src/config/variables.ts says: replace it by the expected text', () => {
    expect(read('.env.example')).toBe(environmentExample());
  });

  it('.env.example is complete but for the choice between Socket Mode and HTTP', () => {
    const example = parseEnv(read('.env.example'));
    const socket = readSettings({ ...example, SLACK_APP_TOKEN: 'xapp-1-replace-me' });
    expect(socket).toMatchObject({ ok: true, notes: [] });
  });

  it('the examples that are commented out are accepted too', () => {
    const all = parseEnv(read('.env.example').replaceAll(/^# ([A-Z_]+=)/gm, '$1'));
    const result = readSettings(all);
    expect(result.ok ? [] : result.mistakes).toEqual([]);
    expect(new Set(Object.keys(all))).toEqual(new Set(VARIABLES.map(({ name }) => name)));
  });

  it("the README's configuration table is what src/config/variables.ts says: put the expected text between the markers", () => {
    const table = /<!-- settings -->\n([^]*?)\n?<!-- \/settings -->/.exec(readme)?.[1]?.trim();
    expect(table).toBe(settingsTable());
  });
});

describe('the rules in the README', () => {
  const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text ?? '');

  it('are there', () => {
    expect(examples).not.toEqual([]);
  });

  it.each(examples)('are accepted: %#', (text) => {
    const result = parseRuleText('README.md', text);
    expect(result.ok ? [] : result.errors).toEqual([]);
  });
});

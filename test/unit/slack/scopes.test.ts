import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { SLASH_COMMANDS } from '../../../src/commands/table.ts';
import { BOT_SCOPES, METHOD_SCOPES } from '../../../src/slack/scopes.ts';

const folder = new URL('../../../src/slack/', import.meta.url);

/** The program's Slack side as one text, the declaration itself left out. */
async function source(): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).filter(
    (name) => name.endsWith('.ts') && name !== 'scopes.ts',
  );
  return (await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')))).join('\n');
}

it('every declared method is called somewhere', async () => {
  const text = await source();
  expect(Object.keys(METHOD_SCOPES).filter((method) => !text.includes(`'${method}'`))).toEqual([]);
});

it('the scopes are those of the methods, of slash commands and of metadata', () => {
  expect(BOT_SCOPES).toEqual([
    'channels:history',
    'channels:join',
    'channels:read',
    'chat:write',
    'chat:write.public',
    'commands',
    'files:write',
    'groups:history',
    'groups:read',
    'metadata.message:read',
    'usergroups:read',
    'users:read',
  ]);
});

it("the commands' texts keep to Slack's limits", () => {
  for (const { command, description, usageHint } of SLASH_COMMANDS) {
    expect(command).toMatch(/^\/[a-z]{1,31}$/u);
    expect(description.length).toBeLessThanOrEqual(140);
    expect(usageHint.length).toBeLessThanOrEqual(1_000);
  }
});

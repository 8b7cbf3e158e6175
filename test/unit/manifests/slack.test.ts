import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SLASH_COMMANDS } from '../../../src/commands/table.ts';
import {
  BOT_EVENTS,
  BOT_SCOPES,
  HTTP_PATH,
  METHOD_SCOPES,
  USES_INTERACTIVITY,
} from '../../../src/slack/scopes.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const yaml = (path: string) => parse(read(path));

/** Kept outside the repository: it is Slack's, and 29 kB. */
const SCHEMA =
  process.env['SLACK_MANIFEST_SCHEMA'] ?? join(root, '../shared/data/slack-app-manifest.schema.2.0.0.json');

const sources = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));

/** Names like `chat.postMessage` in quotes: what the Web API's methods look like. */
const METHOD =
  /['"`]((?:admin|apps|auth|bookmarks|bots|calls|canvases|chat|conversations|dialog|dnd|emoji|files|functions|lists|migration|oauth|openid|pins|reactions|reminders|search|stars|team|usergroups|users|views|workflows)\.[A-Za-z]+(?:\.[A-Za-z]+)*)['"`]/g;

describe('the Slack manifests', () => {
  const kinds = [
    { file: 'manifests/slack/app-socket.yaml', isSocket: true },
    { file: 'manifests/slack/app-http.yaml', isSocket: false },
  ];

  describe.each(kinds)('$file', ({ file, isSocket }) => {
    const manifest = yaml(file);

    it('asks for exactly the scopes the code uses', () => {
      expect(manifest.oauth_config.scopes).toEqual({ bot: BOT_SCOPES });
    });

    it('declares exactly the commands the code answers', () => {
      const declared = manifest.features.slash_commands.map(
        (entry: { command: string; description: string; usage_hint: string }) => ({
          command: entry.command,
          description: entry.description,
          usageHint: entry.usage_hint,
        }),
      );
      expect(declared).toEqual(SLASH_COMMANDS);
    });

    it('subscribes to exactly the events the code handles', () => {
      expect(manifest.settings.event_subscriptions?.bot_events ?? []).toEqual(BOT_EVENTS);
    });

    it('switches interactivity as the code needs it, and Socket Mode as its name says', () => {
      expect(manifest.settings.interactivity.is_enabled).toBe(USES_INTERACTIVITY);
      expect(manifest.settings.socket_mode_enabled).toBe(isSocket);
    });

    it('names addresses for HTTP only, all of them on the path the bot listens on', () => {
      const addresses: readonly unknown[] = [
        ...manifest.features.slash_commands.map(({ url }: { url?: string }) => url),
        manifest.settings.interactivity.request_url,
        manifest.settings.event_subscriptions.request_url,
        manifest.settings.interactivity.message_menu_options_url,
      ];
      const paths = addresses.map((address) =>
        typeof address === 'string' ? new URL(address).pathname : address,
      );
      expect(new Set(paths)).toEqual(new Set([isSocket ? undefined : HTTP_PATH]));
    });

    it.skipIf(!existsSync(SCHEMA))(`is valid by Slack's schema (skipped without ${SCHEMA})`, () => {
      const ajv = new Ajv({ strict: false, allErrors: true });
      addFormats.default(ajv);
      const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')));
      validate(manifest);
      expect(validate.errors ?? []).toEqual([]);
    });
  });

  it('rest on a list that names every Web API method in the source, and no other', () => {
    const used = new Set(
      sources('src/slack')
        .filter((source) => !source.includes('export const METHOD_SCOPES'))
        .flatMap((source) => [...source.matchAll(METHOD)].map(([, method]) => method)),
    );
    expect(used).toEqual(new Set(Object.keys(METHOD_SCOPES)));
  });
});

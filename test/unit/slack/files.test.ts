import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/slack/faults.ts';
import type { Message } from '../../../demo/slack/model.ts';
import { ALL_SCOPES, DEFAULT_TOKENS, type SlackWorkspaceOptions } from '../../../demo/slack/state.ts';
import { createCalls } from '../../../src/slack/calls.ts';
import { sendFiles } from '../../../src/slack/files.ts';
import { createResponder } from '../../../src/slack/responder.ts';
import { ALICE, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from './slack-server.ts';

const BOB = 'U0BOB000000';
const DIRECT = 'D0ALICE0000';
const FILES = ['slow', 'normal'].map((side) => ({
  name: `ab12-${side}.json`,
  title: `checkout <&> ${side}`,
  content: JSON.stringify({ data: [side, 'Zürich'] }),
}));

let stand: TestSlack;
afterEach(() => stand.close());

interface Sent {
  readonly workspace?: Partial<SlackWorkspaceOptions>;
  readonly fault?: Fault;
}

/** Answers Alice's command in a channel with two files. */
async function sent({ workspace, fault }: Sent = {}): Promise<void> {
  stand = await startSlack(workspace);
  const { apiUrl, clock, log: logger, recorder, server, url } = stand;
  if (fault !== undefined) server.faults.add(fault);
  const calls = createCalls({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder });
  const place = { channelId: INCIDENTS, userId: ALICE };
  const responseUrl = url + stand.workspace.state.responseUrls.issue('commands', place);
  const responder = createResponder({ calls, clock, logger }, { ...place, responseUrl, at: clock.now() });
  const answer = { kind: 'files', text: 'The kept traces of <checkout>.', files: FILES } as const;
  await inVirtualTime(clock, sendFiles({ calls, logger }, answer, responder));
}

const seen = (channel: string, reader = ALICE): readonly Message[] =>
  stand.workspace.messages(channel, reader);

/** The contents of the files in a conversation, as a reader downloads them. */
async function contentsIn(channel: string, reader: string): Promise<readonly string[]> {
  const files = seen(channel, reader).flatMap(({ blocks }) =>
    blocks.flatMap(({ slack_file: file }) => file ?? []),
  );
  return await Promise.all(
    files.map(async (file) => {
      const path = stand.workspace.picture(file, reader);
      return path === undefined ? 'not theirs' : await (await fetch(stand.url + path)).text();
    }),
  );
}

it('files are sent to the person directly, whole and with their titles, and to nobody else', async () => {
  await sent();
  expect(await contentsIn(DIRECT, ALICE)).toEqual(FILES.map(({ content }) => content));
  expect(seen(DIRECT)[0]?.text).toBe('The kept traces of &lt;checkout&gt;.');
  const completed = stand.server.calls().find(({ method }) => method === 'files.completeUploadExternal');
  expect(JSON.stringify(completed?.args)).toContain('checkout <&> slow');
  expect(seen(INCIDENTS)).toEqual([]);
  expect(seen(DIRECT, BOB)).toEqual([]);
});

describe('one line to the person when', () => {
  it.each<[string, Sent, string]>([
    [
      'the scope is missing',
      { workspace: { scopes: ALL_SCOPES.filter((scope) => scope !== 'files:write') } },
      'No files: the Slack app lacks the scope files:write. Add the scope and reinstall the app.',
    ],
    [
      'Slack takes no more files',
      { fault: { method: 'files.getUploadURLExternal', do: { kind: 'rate-limit', retryAfterSeconds: 7 } } },
      "No files: Slack's rate limit is reached. Try again in 7 s.",
    ],
    [
      'the bytes do not arrive',
      { fault: { method: 'upload', do: { kind: 'reset-before-accept' } } },
      'No files: the upload to Slack failed.',
    ],
    [
      'people cannot be written to',
      { workspace: { takesDirectMessages: false } },
      'No files: the app does not accept direct messages. Turn on the Messages tab of the Slack app.',
    ],
    [
      'Slack refuses the files',
      {
        fault: {
          method: 'files.completeUploadExternal',
          do: { kind: 'error', error: 'storage_limit_reached' },
        },
      },
      'No files: Slack refused the file (storage_limit_reached).',
    ],
  ])('%s', async (_, of, says) => {
    await sent(of);
    expect(seen(INCIDENTS).map(({ text, ephemeralFor }) => [text, ephemeralFor])).toEqual([[says, ALICE]]);
    expect(seen(INCIDENTS, BOB)).toEqual([]);
    expect(stand.log.messages('warn')).toContain('slack: files not sent');
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/slack/faults.ts';
import type { Message } from '../../../demo/slack/model.ts';
import { ALL_SCOPES, DEFAULT_TOKENS, type SlackWorkspaceOptions } from '../../../demo/slack/state.ts';
import { ms } from '../../../src/lib/units.ts';
import { createCalls } from '../../../src/slack/calls.ts';
import { createResponder } from '../../../src/slack/responder.ts';
import { showPicture } from '../../../src/slack/trace-picture.ts';
import { PictureError, type TracePicture } from '../../../src/traces/pictures.ts';
import { aWaterfall } from '../waterfall/a-waterfall.ts';
import { ALICE, GENERAL, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from './slack-server.ts';

const BOB = 'U0BOB000000';
const DIRECT = 'D0ALICE0000';
const PNG = Buffer.from('a picture, for all that Slack knows');
const PICTURE: TracePicture = { waterfall: aWaterfall(), altText: 'Waterfall of gateway: 34 ms.' };

let stand: TestSlack;
afterEach(() => stand.close());

interface Asked {
  readonly workspace?: Partial<SlackWorkspaceOptions>;
  readonly channel?: string;
  readonly inChannel?: boolean;
  readonly fault?: Fault;
  readonly draw?: () => Promise<Uint8Array>;
}

/** Shows the picture below an answer to Alice. */
async function shown({ workspace, channel = INCIDENTS, inChannel = false, fault, draw }: Asked = {}) {
  stand = await startSlack(workspace);
  const { apiUrl, clock, log: logger, recorder, server, url } = stand;
  if (fault !== undefined) server.faults.add(fault);
  const calls = createCalls({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder });
  const { state } = stand.workspace;
  const place = { channelId: channel, userId: ALICE };
  const responder = createResponder(
    { calls, clock, logger },
    { ...place, responseUrl: url + state.responseUrls.issue('commands', place), at: clock.now() },
  );
  const painter = { draw: draw ?? (async () => PNG) };
  await inVirtualTime(
    clock,
    showPicture({ calls, painter, clock, logger }, PICTURE, { responder, inChannel }),
  );
}

const seen = (channel: string, reader = ALICE): readonly Message[] =>
  stand.workspace.messages(channel, reader);

/** What the reader's browser gets for the pictures of a message: their bytes, or nothing. */
async function picturesIn(message: Message | undefined, reader = ALICE): Promise<readonly string[]> {
  const files = (message?.blocks ?? []).flatMap(({ slack_file: file }) => (file === undefined ? [] : [file]));
  return await Promise.all(
    files.map(async (file) => {
      const path = stand.workspace.picture(file as { id?: unknown }, reader);
      return path === undefined ? 'not theirs' : await (await fetch(stand.url + path)).text();
    }),
  );
}

describe('a private answer', () => {
  it('has its picture below it, which the reader has been sent directly', async () => {
    await shown();
    const [answer] = seen(INCIDENTS);
    expect(answer?.ephemeralFor).toBe(ALICE);
    expect(await picturesIn(answer)).toEqual([PNG.toString()]);
    expect(JSON.stringify(answer?.blocks)).toContain('sent to you as a direct message');
    const [direct] = seen(DIRECT);
    expect(await picturesIn(direct)).toEqual([PNG.toString()]);
    expect(JSON.stringify(direct?.blocks)).toContain(`requested in <#${INCIDENTS}>`);
  });

  it('gives nobody else the picture', async () => {
    await shown();
    const [answer] = seen(INCIDENTS);
    expect(await picturesIn(answer, BOB)).toEqual(['not theirs']);
    expect(seen(INCIDENTS, BOB)).toEqual([]);
  });

  it('says the same in words, in the message and in the file', async () => {
    await shown();
    expect(seen(INCIDENTS)[0]?.blocks[0]).toMatchObject({ type: 'image', alt_text: PICTURE.altText });
    const calls = stand.server.calls();
    expect(calls.find(({ method }) => method === 'files.getUploadURLExternal')?.args).toMatchObject({
      alt_txt: PICTURE.altText,
      length: String(PNG.length),
    });
  });

  it('has its picture once in the conversation with the bot', async () => {
    await shown({ channel: DIRECT });
    expect(await Promise.all(seen(DIRECT).map((message) => picturesIn(message)))).toEqual([[PNG.toString()]]);
  });
});

describe('an answer shared with the channel', () => {
  it('has its picture in a message of its own, for everybody', async () => {
    await shown({ inChannel: true });
    expect(await picturesIn(seen(INCIDENTS, BOB)[0], BOB)).toEqual([PNG.toString()]);
    expect(seen(DIRECT)).toEqual([]);
  });

  it('has its picture in a public channel that the bot has not joined', async () => {
    await shown({ inChannel: true, channel: GENERAL });
    expect(await picturesIn(seen(GENERAL, BOB)[0], BOB)).toEqual([PNG.toString()]);
  });
});

it('waits until Slack has finished working on the file', async () => {
  await shown({ workspace: { fileProcessing: ms(2_500) } });
  expect(await picturesIn(seen(INCIDENTS)[0])).toEqual([PNG.toString()]);
  const posts = stand.server.calls().filter(({ method }) => method === 'chat.postMessage');
  expect(posts.map(({ outcome }) => outcome)).toEqual([
    'invalid_blocks',
    'invalid_blocks',
    'invalid_blocks',
    'ok',
  ]);
});

const secret: Channel = {
  id: 'C0SECRET000',
  name: 'secret',
  isArchived: false,
  botIsMember: false,
  isPrivate: true,
};
type Channel = NonNullable<SlackWorkspaceOptions['channels']>[number];

const FAILURES: Readonly<Record<string, Asked & { readonly says: string }>> = {
  'the scope is missing': {
    workspace: { scopes: ALL_SCOPES.filter((scope) => scope !== 'files:write') },
    says: 'No picture: the Slack app lacks the scope files:write. Add the scope and reinstall the app.',
  },
  'Slack takes no more files': {
    fault: { method: 'files.getUploadURLExternal', do: { kind: 'rate-limit', retryAfterSeconds: 7 } },
    says: "No picture: Slack's rate limit is reached. Try again in 7 s.",
  },
  'the bytes do not arrive': {
    fault: { method: 'upload', do: { kind: 'reset-before-accept' } },
    says: 'No picture: the upload to Slack failed.',
  },
  'Slack answers the upload with an error of its own': {
    fault: { method: 'upload', do: { kind: 'http', status: 500 } },
    says: 'No picture: the upload to Slack failed.',
  },
  'Slack does not complete the upload': {
    fault: { method: 'files.completeUploadExternal', do: { kind: 'http', status: 503 } },
    says: 'No picture: Slack did not respond to the upload.',
  },
  'Slack refuses the file': {
    fault: { method: 'files.completeUploadExternal', do: { kind: 'error', error: 'storage_limit_reached' } },
    says: 'No picture: Slack refused the file (storage_limit_reached).',
  },
  'Slack works on the file for ever': {
    workspace: { fileProcessing: ms(3_600_000) },
    says: 'No picture: Slack did not finish processing the file.',
  },
  'people cannot be written to': {
    workspace: { takesDirectMessages: false },
    says: 'No picture: the app does not accept direct messages. Turn on the Messages tab of the Slack app.',
  },
  'the bot is not in the channel': {
    workspace: { channels: [secret] },
    channel: 'C0SECRET000',
    inChannel: true,
    says: 'No picture: the bot is not in this channel. Invite it, or run the command in a channel it is in.',
  },
  'drawing takes too long': {
    draw: () => Promise.reject(new PictureError('late', 'it was not drawn within 2 s')),
    says: 'No picture: it was not drawn within 2 s.',
  },
  'the painter breaks': {
    draw: () => Promise.reject(new TypeError('cannot read the brush')),
    says: "No picture: internal error, see the bot's log.",
  },
};

describe('one line to the person, and nothing else, when', () => {
  it.each(Object.entries(FAILURES))('%s', async (_, { says, ...asked }) => {
    await shown(asked);
    const messages = seen(asked.channel ?? INCIDENTS);
    expect(messages.map(({ text }) => text)).toEqual([says]);
    expect(messages[0]?.ephemeralFor).toBe(ALICE);
    expect(seen(asked.channel ?? INCIDENTS, BOB)).toEqual([]);
    expect(stand.log.messages('warn')).toContain('slack: picture not shown');
  });
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Calls, createCalls, reasonOf } from '../../../src/slack/calls.ts';
import { findByKey } from '../../../src/slack/history.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { type BotMethod, METHOD_SCOPES } from '../../../src/slack/scopes.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { START } from '../../support/virtual-clock.ts';
import { aRef } from './slack-server.ts';
import { aView } from './views.ts';

/** Bodies that are not Slack's, and bodies with the right shape on the outside only. */
const NOT_SLACK = [
  '',
  'null',
  'true',
  '7',
  '"text"',
  '[]',
  '[{"ok":true}]',
  '{}',
  '{"ok":false}',
  '{"ok":false,"error":null}',
  '{"ok":false,"error":7}',
  '{"ok":false,"error":{"code":"x"}}',
  '{"ok":false,"error":["a"]}',
  '{"ok":"yes"}',
  '{"ok":1}',
  '{"ok":null,"error":"channel_not_found"}',
  '{"ok":true',
  '<html><body>Sign in</body></html>',
  '{"ok":false,"error":"<b>proxy</b>"}',
];
const HOLLOW = [
  '{"ok":true}',
  '{"ok":true,"response_metadata":null}',
  '{"ok":true,"response_metadata":{"messages":7,"warnings":7,"next_cursor":7}}',
  '{"ok":true,"ts":7,"channel":[],"channels":7,"messages":{},"permalink":{},"upload_url":7}',
  '{"ok":true,"channels":[null,7,{"name":1,"id":2}],"messages":[null,7,{"metadata":null},{"metadata":{"event_type":"tailwatch_alert"}}]}',
];
const STATUSES = [
  [200, {}],
  [200, { 'content-type': 'application/gzip' }],
  [204, {}],
  [404, {}],
  [429, {}],
  [429, { 'retry-after': 'soon' }],
  [429, { 'retry-after': '-3' }],
  [500, {}],
] as const satisfies readonly (readonly [number, Record<string, string>])[];

let server: Server;
let answer: { status: number; headers: Record<string, string>; body: string };
const log = createSpyLogger();
/** Time passes by itself: a pace or a pause is over at once. */
let now = START as number;
const clock = {
  now: () => now as typeof START,
  sleep: async (duration: number) => {
    now += duration;
  },
};
const options = () => ({
  botToken: 'xoxb-test',
  apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
  clock,
  logger: log,
  recorder: createSpyRecorder(),
});

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(answer.status, answer.headers);
      response.end(answer.status === 204 ? undefined : answer.body);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
afterAll(() => {
  server.close();
});

const METHODS = Object.keys(METHOD_SCOPES) as BotMethod[];

test.each(METHODS)('%s answered with a malformed body is a failure with a reason', async (method) => {
  const calls: Calls = createCalls(options());
  for (const body of NOT_SLACK) {
    for (const [status, headers] of STATUSES) {
      answer = { status, headers, body };
      now += 3_600_000;
      const outcome = await calls.call(method, { channel: 'C0INCIDENTS' });
      const at = `${status} ${JSON.stringify(headers)} ${body}`;
      expect(outcome.kind, at).not.toBe('done');
      if (outcome.kind === 'done') continue;
      expect(reasonOf(outcome), at).toEqual(expect.any(String));
      // What may have been carried out is looked for: only a rate limit and a refusal are known not to be.
      if (status === 200) expect(outcome.kind, at).toBe('unknown');
      if (outcome.kind === 'not-sent') expect(outcome.retryAfter, at).toBeGreaterThanOrEqual(0);
    }
  }
});

test('messages survive every malformed answer without a rejection', async () => {
  for (const body of [...NOT_SLACK, ...HOLLOW]) {
    answer = { status: 200, headers: {}, body };
    now += 3_600_000;
    const notifier = createSlackNotifier(options());
    const view = aView();
    const outcomes = [
      await notifier.post({ channel: '#incidents', view, key: 'k' }),
      await notifier.update({ shown: aRef({ messageTs: '1.2' }), view }),
      await notifier.find({ channel: '#incidents', key: 'k', since: START }),
      await findByKey(createCalls(options()), { channelId: 'C0INCIDENTS', key: 'k', since: START }),
    ];
    // Only an answer with a list shows that a message is absent: posting it again would post it twice.
    const isList = body.includes('"messages":[');
    const kinds = outcomes.map(({ kind }) => kind);
    const searched = isList ? 'absent' : 'unknown';
    expect(kinds, body).toEqual(['unknown', 'unknown', searched, searched]);
  }
});

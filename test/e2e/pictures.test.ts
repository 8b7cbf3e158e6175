import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { type Stage, startStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ transport: 'socket' });
  await stage.live(2);
});
afterAll(async () => {
  await stage.close();
});

/** A traced request that went through payments, complete in Jaeger. */
function tracedPayment() {
  const request = stage.world.mesh.record
    .requests({ start: before(stage.clock.now(), ms(3 * MINUTE)), end: stage.clock.now() })
    .find(({ traced, visits }) => traced && visits.some(({ service }) => service === 'payments.shop'));
  if (request === undefined) throw new Error('no request went through payments');
  return request;
}

/** Asks a second later, when Slack takes another message: the clock then stands, so that no picture is too late. */
async function ask(text: string): Promise<Message> {
  await stage.clock.advance(1_000);
  return await stage.ask(text);
}

/** Real time after which a picture is not coming any more: its thread has to be started on a machine with much to do. */
const GIVE_UP_MS = 50_000;

/** Presses the button of a private answer that shows its picture. */
async function pressPicture(answer: Message): Promise<void> {
  const row = answer.blocks.find(({ type }) => type === 'actions');
  const outcome = await stage.world.workspace.press({
    channelId: stage.channelId,
    messageTs: answer.ts,
    userId: stage.world.readerId,
    blockId: String(row?.['block_id']),
    actionId: 'show_picture',
  });
  expect(outcome).toEqual({ ok: true });
}

/** What comes below an answer: a picture, or why there is none. */
async function below(answer: Message): Promise<Message> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    const next = stage.messages().find(({ ts }) => Number(ts) > Number(answer.ts));
    if (next !== undefined) return next;
    await wait(5);
  }
  throw new Error(`nothing came below the answer\n${stage.log.join('')}`);
}

/** The picture's bytes as the reader's browser gets them. */
async function pictureIn({ blocks }: Message): Promise<Buffer> {
  const file = blocks[0]?.['slack_file'] as { id?: unknown } | undefined;
  const path = stage.world.workspace.picture(file ?? {}, stage.world.readerId);
  if (path === undefined) throw new Error('the reader has no such picture');
  const response = await fetch(new URL(path, stage.world.pageUrl));
  return Buffer.from(await response.arrayBuffer());
}

const widthOf = (png: Buffer): number => (png.subarray(1, 4).toString() === 'PNG' ? png.readUInt32BE(16) : 0);

test('a trace id is answered in text at once, and its button shows the waterfall below it', async () => {
  const answer = await ask(`/trace ${tracedPayment().traceIds[0]}`);
  expect(answer.blocks.map(({ type }) => type)).not.toContain('image');
  await pressPicture(answer);
  const picture = await below(answer);
  expect(picture.ephemeralFor).toBe(stage.world.readerId);
  expect(widthOf(await pictureIn(picture))).toBe(1_200);
  expect(picture.blocks[0]?.['alt_text']).toMatch(
    /^Waterfall of istio-ingressgateway.* spans in .* services.*Critical path: /,
  );
});

test('a request id is answered with the waterfall of its trace', async () => {
  const answer = await ask(`/trace ${tracedPayment().requestId}`);
  await pressPicture(answer);
  const picture = await below(answer);
  expect(widthOf(await pictureIn(picture))).toBe(1_200);
});

test('a shared answer has its picture for everybody', async () => {
  const picture = await below(await ask(`/trace ${tracedPayment().traceIds[0]} share`));
  expect(picture.ephemeralFor).toBeUndefined();
  expect(widthOf(await pictureIn(picture))).toBe(1_200);
});

test('a picture that Slack does not take costs a line, and the answer stands', async () => {
  stage.world.slack.faults.add({
    method: 'files.getUploadURLExternal',
    do: { kind: 'error', error: 'missing_scope' },
  });
  const answer = await ask(`/trace ${tracedPayment().traceIds[0]}`);
  expect(answer.text).toContain('istio-ingressgateway');
  await pressPicture(answer);
  expect((await below(answer)).text).toBe(
    'No picture: the Slack app lacks the scope files:write. Add the scope and reinstall the app.',
  );
});

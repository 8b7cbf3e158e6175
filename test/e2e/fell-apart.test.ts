import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedRequest } from '../../demo/mesh/record.ts';
import type { Message } from '../../demo/slack/model.ts';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { played, type Stage, startStage } from '../support/stage.ts';

/** The application of checkout hands on x-request-id, and loses the trace headers of every second request. */
const LOST = { kind: 'dropped-headers', service: 'checkout', share: 0.5 } as const;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ transport: 'socket', script: played({ from: 1, to: 60, fault: LOST }) });
  await stage.live(45);
});
afterAll(async () => {
  await stage.close();
});

const shown = (message: Message): string => `${message.text}\n${JSON.stringify(message.blocks)}`;

/** A traced request of several traces, or of one, whose spans have all arrived. */
function aRequest(isWhole: boolean): RecordedRequest {
  const end = before(stage.clock.now(), ms(20_000));
  const request = stage.world.mesh.record
    .requests({ start: before(end, ms(MINUTE)), end })
    .find(
      ({ traced, traceIds, route }) => traced && route === 'checkout' && (traceIds.length === 1) === isWhole,
    );
  if (request === undefined) throw new Error('no such request went through checkout');
  return request;
}

test.each([0, -1])('a part of a request that fell apart knows of the others (%d)', async (place) => {
  const { traceIds, requestId } = aRequest(false);
  const answer = shown(await stage.ask(`/trace ${traceIds.at(place)}`));
  expect(answer).toContain(
    `${traceIds.length} traces carry the request id of this one, ${requestId}. An application forwards x-request-id but not the trace headers (traceparent or b3): checkout.shop when calling `,
  );
});

test('its button leads to all of them', async () => {
  const { traceIds, requestId } = aRequest(false);
  const part = await stage.ask(`/trace ${traceIds.at(-1)}`);
  const before = new Set(stage.messages().map(({ ts }) => ts));
  const row = part.blocks.find((block) => JSON.stringify(block).includes('"run_command_request"'));
  const outcome = await stage.world.workspace.press({
    userId: stage.world.readerId,
    channelId: stage.channelId,
    messageTs: part.ts,
    blockId: String(row?.['block_id']),
    actionId: 'run_command_request',
  });
  expect(outcome).toEqual({ ok: true });
  const whole = (): Message | undefined =>
    stage.messages().find(({ ts, text }) => !before.has(ts) && text.startsWith(`Request ${requestId}`));
  await stage.until('the request is shown', () => whole() !== undefined, 30);
  const answer = shown(whole() as Message);
  expect(answer).toContain(`${traceIds.length} traces carry this request id`);
  for (const traceId of [traceIds[0], traceIds[1]]) expect(answer).toContain(`/trace/${traceId}|`);
});

test('a request that is whole has nothing to say of it', async () => {
  const answer = shown(await stage.ask(`/trace ${aRequest(true).traceIds[0]}`));
  expect(answer).not.toContain('run_command_request');
  expect(answer).not.toContain('carry the request id');
});

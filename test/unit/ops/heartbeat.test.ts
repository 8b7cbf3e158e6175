import { expect, test, vi } from 'vitest';
import { MINUTE, SECOND } from '../../../src/lib/units.ts';
import { createHeartbeat } from '../../../src/ops/heartbeat.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const URL = 'https://hc-ping.com/secret-check';

test('is sent every minute while all is well, stops with a problem, and resumes; no log shows its address', async () => {
  const clock = createVirtualClock();
  const log = createSpyLogger();
  let problem: string | undefined;
  let answer: () => Promise<Response> = async () => new Response('OK');
  const request = vi.fn((_url: string | URL | Request) => answer());
  const ended = new AbortController();
  createHeartbeat({
    url: URL,
    fetch: request,
    checks: [{ name: 'evaluation', problem: () => problem }],
    clock,
    logger: log,
    recorder: createSpyRecorder(),
  }).watch(ended.signal);
  await clock.advance(3 * MINUTE);
  expect(request.mock.calls.map(([url]) => url)).toEqual(Array(4).fill(URL));

  problem = 'last evaluation 90 s ago';
  await clock.advance(5 * MINUTE);
  expect(request).toHaveBeenCalledTimes(4);

  problem = undefined;
  answer = async () => new Response('no such check', { status: 404 });
  await clock.advance(2 * MINUTE);
  expect(request.mock.calls.length).toBeGreaterThan(5);
  answer = async () => {
    throw new TypeError(`fetch of ${URL} failed`, {
      cause: Object.assign(new Error(URL), { code: 'ENOTFOUND' }),
    });
  };
  await clock.advance(MINUTE);
  answer = async () => new Response('OK');
  await clock.advance(MINUTE + 10 * SECOND);
  ended.abort();

  expect(log.lines.map(({ message, fields }) => [message, fields['reason']])).toEqual([
    ['the heartbeat has stopped', 'last evaluation 90 s ago'],
    ['the heartbeat cannot be sent to HEARTBEAT_URL', 'HTTP 404'],
    ['the heartbeat is sent again', undefined],
  ]);
  expect(JSON.stringify(log.lines)).not.toContain('secret-check');
});

import { afterEach, describe, expect, test } from 'vitest';
import type { Script } from '../../demo/mesh/script.ts';
import type { Fault as PrometheusFault } from '../../demo/prometheus/http/faults.ts';
import type { Message } from '../../demo/slack/model.ts';
import { casesOf } from '../support/runs.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const shortly = played({ from: 5, to: 40, fault: SLOW_PAYMENTS });

async function breach(script: Script): Promise<{ stage: Stage; checkout: () => Message }> {
  const on = await startStage({ transport: 'socket', sampling: FEW_TRACES, script });
  stage = on;
  const find = () =>
    on.messages().find(({ text, threadTs }) => text.includes('checkout') && threadTs === undefined);
  await on.until('the breach is posted', () => find() !== undefined);
  return { stage: on, checkout: () => find() as Message };
}

const isOver = ({ text }: Message): boolean =>
  /recovered|resolved|no longer (?:breaching|returned)/i.test(text);
const thread = ({ world, channelId }: Stage, message: Message): readonly Message[] =>
  world.workspace.thread(channelId, message.ts, world.readerId).slice(1);

describe('nothing but recovery is notified as recovery', () => {
  test.each<[string, PrometheusFault]>(
    casesOf([
      ['answers 503', { status: 503 }],
      ['shows a login page', { html: true }],
      ['breaks its answers off', { truncateAt: 20 }],
    ]),
  )(
    'a Prometheus that %s freezes the alert, and the recovery is notified when it answers again',
    async (_, fault) => {
      const { stage: on, checkout } = await breach(shortly);
      on.world.prometheus.faults.set(fault);
      await on.live(150);
      expect(isOver(checkout())).toBe(false);
      on.world.prometheus.faults.set(undefined);
      await on.until('it is resolved', () => isOver(checkout()));
      expect(
        on.messages().filter(({ text, threadTs }) => text.includes('checkout') && threadTs === undefined),
      ).toHaveLength(1);
    },
  );

  test('a Prometheus that is away is notified once, for all alerts, and the message ends when it is back', async () => {
    const { stage: on } = await breach(shortly);
    const notes = () =>
      on.messages().filter(({ text }) => /Prometheus (?:does not respond|responds again)/.test(text));
    on.world.prometheus.faults.set({ status: 503 });
    await on.live(30);
    expect(notes()).toEqual([]);
    await on.until('it is notified', () => notes().length > 0, 90);
    await on.restart();
    await on.live(60);
    expect(notes().map(({ text, threadTs }) => [text, threadTs])).toEqual([
      ['🛠 Prometheus does not respond', undefined],
    ]);
    expect(JSON.stringify(notes()[0]?.blocks)).toContain('No breach or recovery is detected');
    const { ts } = notes()[0] as Message;
    on.world.prometheus.faults.set(undefined);
    await on.until('its end is notified', () =>
      notes().some(({ text }) => /responds again after/.test(text)),
    );
    expect(
      notes()
        .filter(({ threadTs }) => threadTs === undefined)
        .map((each) => each.ts),
    ).toEqual([ts]);
  });

  test('a service that is gone is without data, not recovered', async () => {
    const gone = { from: 45, to: 400, fault: { kind: 'service-gone', service: 'checkout' } as const };
    const { stage: on, checkout } = await breach(played({ from: 5, to: 44, fault: SLOW_PAYMENTS }, gone));
    await on.until(
      'its thread says that the data is gone',
      () =>
        /no data/i.test(
          thread(on, checkout())
            .map(({ text }) => text)
            .join(),
        ),
      200,
    );
    expect(
      thread(on, checkout())
        .map(({ text }) => text)
        .join(),
    ).toContain('The series of istio_request_duration_milliseconds_count are missing.');
    await on.live(120);
    expect(isOver(checkout())).toBe(false);
    expect(JSON.stringify(checkout().blocks)).toContain('The series of istio');
  });
});

describe('notified exactly once', () => {
  test.each(
    casesOf([
      ['the connection breaks after Slack took the message', { kind: 'reset-after-accept' } as const],
      ['Slack breaks with 500', { kind: 'http', status: 500 } as const],
      ['Slack asks for patience', { kind: 'rate-limit', retryAfterSeconds: 7 } as const],
    ]),
  )('when %s', async (_, what) => {
    const on = await startStage({ transport: 'socket', sampling: FEW_TRACES, script: shortly });
    stage = on;
    on.world.slack.faults.add({ method: 'chat.postMessage', times: 1, do: what });
    const posts = () => on.messages().filter(({ threadTs }) => threadTs === undefined);
    await on.until('every breach is over', () => posts().length >= 3 && posts().every(isOver));
    for (const service of ['checkout', 'frontend', 'payments']) {
      expect(
        posts().filter(({ text }) => text.includes(service)),
        service,
      ).toHaveLength(1);
    }
  });

  test('a message that somebody deleted comes back once and is seen to its end', async () => {
    const { stage: on, checkout } = await breach(shortly);
    const first = checkout().ts;
    on.world.workspace.deleteMessage(on.channelId, first);
    await on.until('it is resolved', () => {
      const now = on.messages().find(({ text, ts }) => text.includes('checkout') && ts !== first);
      return now !== undefined && isOver(now);
    });
    const left = on
      .messages()
      .filter(({ text, threadTs }) => /checkout/.test(text) && threadTs === undefined);
    expect(left).toHaveLength(1);
  });
});

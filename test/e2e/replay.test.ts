import { afterEach, expect, test, vi } from 'vitest';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { createReplay, type ReplayReport } from '../../src/evaluation/replay/replay.ts';
import { DEFAULT_CHANNEL } from '../../src/evaluation/replay/tally.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { after, ms, SECOND } from '../../src/lib/units.ts';
import { createLocalTime } from '../../src/policy/time-interval.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { isFullRun } from '../support/runs.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';
import { START } from '../support/virtual-clock.ts';

/** Minutes of virtual time, which take seconds on an idle machine. */
vi.setConfig({ testTimeout: 180_000 });

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** The number of messages of each channel, and of replies with updates and resolutions in all threads. */
type Posted = Readonly<Record<string, number>>;

/** What is traced decides which requests the mesh draws, and the counts below are of these. */
const AS_COUNTED = 0.05;

const notifiedOf = (channels: readonly string[], replies: number): Posted => {
  const notified: Record<string, number> = { replies };
  for (const channel of channels) notified[channel] = (notified[channel] ?? 0) + 1;
  return notified;
};

/** The channel that the demo's bot posts to. */
const SHOP = '#shop-oncall';
const at = (seconds: number): string => new Date(after(START, ms(seconds * SECOND))).toISOString();

const isPublic = ({ ephemeralFor }: Message): boolean => ephemeralFor === undefined;
const isTop = ({ threadTs }: Message): boolean => threadTs === undefined;

/** What the bot posted. A reply that lists alerts of an alert group belongs to its message. */
function postedOn({ world }: Stage): Posted {
  const channels: string[] = [];
  let replies = 0;
  for (const { id, name } of world.workspace.channels()) {
    const top = world.workspace.messages(id, world.readerId).filter((each) => isPublic(each) && isTop(each));
    for (const { ts } of top) {
      channels.push(`#${name}`);
      const thread = world.workspace.thread(id, ts, world.readerId).slice(1);
      replies += thread.filter(({ text }) => !/more services? breach/.test(text)).length;
    }
  }
  return notifiedOf(channels, replies);
}

/** Replays the same rules on the samples that the bot evaluated. */
async function replayed(on: Stage): Promise<ReplayReport> {
  const http = createHttpClient({ system: 'prometheus', baseUrl: on.world.prometheusUrl });
  try {
    const loaded = await on.loadRules();
    if (!loaded.ok) throw new Error(loaded.text);
    const { groups, policy } = loaded;
    const logger = createSpyLogger();
    const replay = createReplay({
      metrics: createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger }),
      clock: { sleep: async () => undefined },
      expand: expandTemplate,
      localTime: createLocalTime(),
      recorder: createSpyRecorder(),
      logger,
    });
    // The stage's first evaluation time is the first one after its start.
    const window = { start: after(START, SECOND), end: on.clock.now() };
    return await replay({ groups, window, timezone: 'UTC', ...(policy === undefined ? {} : { policy }) });
  } finally {
    http.close();
  }
}

function postedBy({ hours, rules }: ReplayReport): Posted {
  const channels = hours.flatMap(({ channel, messages }) =>
    Array.from({ length: messages }, () => (channel === DEFAULT_CHANNEL ? SHOP : channel)),
  );
  return notifiedOf(
    channels,
    rules.reduce((sum, { replies }) => sum + replies, 0),
  );
}

interface Case {
  /** Changes the rules of the demo. */
  readonly rules?: (text: string) => string;
  /** Runs only with `TAILWATCH_RUNS=full`: what it decides has unit tests, too. */
  readonly onlyInFull?: true;
  readonly policy: string;
  /** When the database of payments is slow, in seconds: payments, checkout and frontend breach. */
  readonly slow: readonly (readonly [from: number, to: number])[];
  /** Seconds from the start after which there are no more notifications. */
  readonly calm: number;
  readonly notified: Posted;
}

const cases: Record<string, Case> = {
  'where everything is notified': {
    policy: 'flap_threshold: 0',
    slow: [[5, 25]],
    calm: 120,
    notified: { [SHOP]: 3, replies: 3 },
  },
  'where a flapping alert is suppressed': {
    onlyInFull: true,
    // A page is always notified.
    rules: (text) => text.replaceAll('severity: page', 'severity: ticket'),
    policy: 'flap_threshold: 2',
    slow: [
      [5, 25],
      [125, 145],
    ],
    calm: 250,
    // The second time each has a line in its thread instead of a message.
    notified: { [SHOP]: 3, replies: 6 },
  },
  'where alerts that start together share a message': {
    policy: 'group_threshold: 1',
    slow: [[5, 25]],
    calm: 120,
    notified: { [SHOP]: 1, replies: 1 },
  },
  'where a service is silenced': {
    onlyInFull: true,
    policy: `silences:
- { matchers: [destination_service_name="checkout"], ends_at: ${at(9_000)}, created_by: ann, comment: planned }`,
    slow: [[5, 25]],
    calm: 120,
    notified: { [SHOP]: 2, replies: 2 },
  },
  'where the maintenance of one service lasts longer than its breach, and of another shorter': {
    onlyInFull: true,
    policy: `maintenance:
- { name: moving, matchers: [destination_service_name="checkout"], starts_at: ${at(0)}, ends_at: ${at(9_000)} }
- { name: patching, matchers: [destination_service_name="frontend"], starts_at: ${at(0)}, ends_at: ${at(50)} }`,
    slow: [[5, 60]],
    calm: 160,
    notified: { [SHOP]: 2, replies: 2 },
  },
  'where a route is muted, and another has two channels': {
    onlyInFull: true,
    policy: `time_intervals:
- name: at two
  time_intervals: [{ times: [{ start_time: "14:00", end_time: "14:30" }] }]
route:
  routes:
  - { matchers: [destination_service_name="payments"], channel: "#general", continue: true }
  - { matchers: [destination_service_name="payments"], channel: "${SHOP}" }
  - { matchers: [destination_service_name="frontend"], mute_time_intervals: [at two] }`,
    slow: [[5, 25]],
    calm: 120,
    notified: { '#general': 1, [SHOP]: 2, replies: 3 },
  },
  'where one alert inhibits another': {
    onlyInFull: true,
    policy: `inhibit_rules:
- source_matchers: [destination_service_name="checkout"]
  target_matchers: [destination_service_name="frontend"]
  equal: [team]`,
    slow: [[5, 25]],
    calm: 120,
    notified: { [SHOP]: 2, replies: 2 },
  },
  'where the call graph inhibits the callers': {
    policy: 'inhibit: call-graph',
    slow: [[5, 25]],
    calm: 120,
    notified: { [SHOP]: 1, replies: 1 },
  },
};

const wanted = Object.entries(cases).filter(([, { onlyInFull }]) => isFullRun || onlyInFull !== true);
test.each(wanted)('a replay counts what the bot posts %s', async (_, expected) => {
  const on = await startStage({
    sampling: AS_COUNTED,
    transport: 'socket',
    script: played(...expected.slow.map(([from, to]) => ({ from, to, fault: SLOW_PAYMENTS }))),
    rules: `${expected.rules?.(SHOP_RULES) ?? SHOP_RULES}---\n${expected.policy}\n`,
  });
  stage = on;
  await on.live(expected.calm);
  expect(postedBy(await replayed(on))).toEqual(expected.notified);
  const isNotified = (): boolean =>
    Object.entries(expected.notified).every(([what, count]) => postedOn(on)[what] === count);
  await on.until('the bot has posted the same', isNotified);
  await on.live(10);
  expect(postedOn(on)).toEqual(expected.notified);
});

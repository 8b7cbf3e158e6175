import { createSlackServer, type SlackServer } from '../../../demo/slack/server.ts';
import {
  createSlackWorkspace,
  type SlackWorkspace,
  type SlackWorkspaceOptions,
} from '../../../demo/slack/workspace.ts';
import { after, type EpochMs, epochMs, epochUs, MINUTE, ms, us } from '../../../src/lib/units.ts';
import type { AlertView } from '../../../src/messages/alert-view.ts';
import type { MessageRef } from '../../../src/messages/store.ts';
import { watchCalls } from '../../support/calls.ts';
import { createSpyLogger, createSpyRecorder, type SpyLogger, type SpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

export const INCIDENTS = 'C0INCIDENTS';
export const GENERAL = 'C0GENERAL00';
export const ALICE = 'U0ALICE0000';

export interface Stand {
  readonly clock: VirtualClock;
  readonly workspace: SlackWorkspace;
  readonly server: SlackServer;
  readonly url: string;
  readonly apiUrl: string;
  readonly log: SpyLogger;
  readonly recorder: SpyRecorder;
  readonly close: () => Promise<void>;
}

/** A workspace on a free port of the loopback address, in virtual time. */
export async function createStand(options: Partial<SlackWorkspaceOptions> = {}): Promise<Stand> {
  const clock = createVirtualClock();
  const workspace = createSlackWorkspace({
    clock,
    commands: ['/trace', '/latency', '/slo', '/retired'],
    ...options,
  });
  const server = createSlackServer({ workspace });
  const { url } = await server.listen();
  return {
    clock,
    workspace,
    server,
    url,
    apiUrl: `${url}/api/`,
    log: createSpyLogger(),
    recorder: createSpyRecorder(),
    close: () => server.close(),
  };
}

/**
 * Lets a promise that waits on virtual time come to its end: time moves on in small steps while it is pending, and
 * stands while a call is under way, so that a slow machine is not a slow Slack.
 */
export async function inVirtualTime<T>(clock: VirtualClock, work: Promise<T>, step = 100): Promise<T> {
  const state = { isPending: true };
  const done = work.finally(() => {
    state.isPending = false;
  });
  done.catch(() => undefined);
  const calls = watchCalls();
  while (state.isPending) {
    await calls.settled();
    if (clock.sleepers() > 0) await clock.advance(step);
    // One turn of the event loop: real sockets need it.
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  calls.close();
  return done;
}

/** A breach of `checkout` by the short form's rule; give what the test is about. */
export function aView(over: Partial<AlertView> = {}): AlertView {
  return {
    state: 'firing',
    alertname: 'CheckoutSlow',
    service: 'checkout',
    severity: 'page',
    labels: { alertname: 'CheckoutSlow', service: 'checkout', severity: 'page', team: 'shop' },
    summary: 'checkout is slow',
    runbookUrl: 'https://runbooks.example/checkout',
    value: 0.072,
    peak: 0.091,
    valueKind: 'slow-share',
    comparison: '>',
    bound: 0.01,
    threshold: ms(500),
    quantile: 0.99,
    window: ms(5 * MINUTE),
    activeAt: START,
    firedAt: after(START, MINUTE),
    traces: { kind: 'pending' },
    links: [{ label: 'Jaeger', url: 'https://jaeger.example/search?service=checkout&limit=20' }],
    gaps: [],
    recoveryWindow: { start: epochMs(START - 5 * MINUTE), end: after(START, MINUTE) },
    ...over,
  };
}

/** The same once traces, chart and the honest numbers are there. */
export function anEnrichedView(over: Partial<AlertView> = {}): AlertView {
  const at = Array.from({ length: 20 }, (_, index): EpochMs => after(START, ms((index - 20) * 30_000)));
  return aView({
    latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
    slowShare: 0.072,
    burnRate: 7.2,
    traces: {
      kind: 'found',
      completeness: 'exact: 41 traces >= 812 ms in 14:00-14:10 UTC',
      rows: [1, 2, 3].map((n) => ({
        traceId: `${n}`.repeat(32),
        duration: us(1_240_000 / n),
        traceDuration: us(1_500_000 / n),
        start: epochUs(START * 1_000 + n),
        operation: 'POST /checkout',
        isError: n === 2,
        url: `https://jaeger.example/trace/${`${n}`.repeat(32)}`,
      })),
    },
    chart: {
      title: 'p99 of checkout',
      unit: 'ms',
      at,
      series: [
        { name: 'p99', values: at.map((_, index) => 400 + index * 20) },
        { name: 'objective', values: at.map(() => 500) },
      ],
    },
    ...over,
  });
}

export function aRef(over: Partial<MessageRef> & Pick<MessageRef, 'messageTs'>): MessageRef {
  return {
    alertId: 'alertId-1',
    channelId: INCIDENTS,
    contentHash: 'before',
    postedAt: START,
    editedAt: START,
    asOf: START,
    ...over,
  };
}

import { createSlackServer, type SlackServer } from '../../../demo/slack/server.ts';
import {
  createSlackWorkspace,
  type SlackWorkspace,
  type SlackWorkspaceOptions,
} from '../../../demo/slack/workspace.ts';
import type { ShownMessage } from '../../../src/messages/store.ts';
import { watchCalls } from '../../support/calls.ts';
import { createSpyLogger, createSpyRecorder, type SpyLogger, type SpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

export const INCIDENTS = 'C0INCIDENTS';
export const GENERAL = 'C0GENERAL00';
export const ALICE = 'U0ALICE0000';

export interface TestSlack {
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
export async function startSlack(options: Partial<SlackWorkspaceOptions> = {}): Promise<TestSlack> {
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

export function aRef(over: Partial<ShownMessage> & Pick<ShownMessage, 'messageTs'>): ShownMessage {
  return {
    key: 'key-1',
    channelId: INCIDENTS,
    contentHash: 'before',
    postedAt: START,
    editedAt: START,
    ...over,
  };
}

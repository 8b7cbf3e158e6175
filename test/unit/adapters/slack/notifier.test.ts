import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlackNotifier } from '../../../../src/adapters/slack/notifier.ts';
import type { Notifier } from '../../../../src/app/ports.ts';
import { DEFAULT_TOKENS } from '../../../../src/demo/slack/state.ts';
import { ms } from '../../../../src/domain/units.ts';
import { START } from '../../../support/virtual-clock.ts';
import {
  ALICE,
  anEnrichedView,
  aRef,
  aView,
  createStand,
  GENERAL,
  INCIDENTS,
  inVirtualTime,
  type Stand,
} from './stand.ts';

let stand: Stand;
let notifier: Notifier;

const KEY = { key: 'key-1', episode: 'episode-1' };

beforeEach(async () => {
  stand = await createStand();
  notifier = notifierOn(stand);
});
afterEach(() => stand.close());

const notifierOn = ({ apiUrl, clock, log, recorder }: Stand, timeout = 10_000): Notifier =>
  createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    timeout: ms(timeout),
  });

const posted = () => stand.workspace.messages(INCIDENTS, ALICE);

describe('post', () => {
  it('posts a breach once, with its key, and says where it is', async () => {
    const outcome = await notifier.post({ channel: '#incidents', view: anEnrichedView(), ...KEY });
    expect(posted()).toHaveLength(1);
    const [message] = posted();
    expect(outcome).toEqual({
      kind: 'sent',
      channelId: INCIDENTS,
      messageTs: message?.ts,
      permalink: `${stand.url}/archives/${INCIDENTS}/p${message?.ts.replace('.', '')}`,
    });
    expect(message?.metadata).toEqual({ event_type: 'tailwatch_alert', event_payload: KEY });
    expect(message?.text).toContain('checkout: p99 ≈ 812 ms, objective 500 ms');
    expect(message?.blocks.map(({ type }) => type)).toEqual([
      'header',
      'section',
      'section',
      'data_visualization',
      'section',
      'table',
      'context',
      'actions',
      'context',
    ]);
  });
});
void [aRef, aView, GENERAL, inVirtualTime, START];

import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../../src/lib/units.ts';
import { createLinks } from '../../../../src/links/link.ts';
import { answerMessage, SHOW_PICTURE } from '../../../../src/slack/blocks/answer.ts';
import { traceView } from '../../../../src/traces/inspect-trace.ts';
import { timed } from '../../../support/timed-trace.ts';

const answered = (text: string) => {
  const view = traceView(timed(text), { now: epochMs(2_000_000_000_000), links: createLinks({}) });
  if (view === undefined) throw new Error('the trace has spans');
  return { kind: 'trace', view } as const;
};

/** The first line of the answer to `/trace <id>`. */
const firstLine = (text: string): string => {
  const [first] = answerMessage(answered(text)).blocks;
  return first?.type === 'section' ? (first.text?.text.split('\n')[0] ?? '') : '';
};

describe('the answer to /trace begins with what took longest', () => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    'a database': [
      'shop server 0-1020\n  shop client 10-775 db.system=mysql peer.service=payments-db name=INSERT',
      '*75% of 1.02 s: database payments-db, INSERT*',
    ],
    'own code': [
      'shop server 0-100 name=POST http.method=POST http.target=/pay\n  shop client 10-20 peer.service=mail',
      '*90% of 100 ms: own code of shop, POST /pay*',
    ],
    'the network': [
      'shop client 0-100\n  pay server 40-50',
      '*90% of 100 ms: network and proxies to pay from shop*',
    ],
    'a connection': [
      'shop client 0-100\n  shop internal 0-90 name=tcp.connect\n  pay server 90-100',
      '*90% of 100 ms: connection setup to pay from shop*',
    ],
    'a call without a span of the other side': [
      'shop server 0-100\n  shop client 5-95 peer.service=bank',
      '*90% of 100 ms: shop waiting for bank (no span)*',
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [text, line]) => {
    expect(firstLine(text)).toBe(line);
  });
});

it('a private answer has a button for its picture, which runs the command again', () => {
  const answer = answered('shop server 0-10');
  const buttons = (frame: Parameters<typeof answerMessage>[1]) =>
    answerMessage(answer, frame).blocks.flatMap((block) =>
      block.type === 'actions'
        ? block.elements.map((each) => ('action_id' in each ? each.action_id : ''))
        : [],
    );
  expect(buttons({ picture: '/trace 1', share: '/trace 1' })).toEqual(
    expect.arrayContaining([SHOW_PICTURE, 'share_answer']),
  );
  expect(buttons({})).not.toContain(SHOW_PICTURE);
});

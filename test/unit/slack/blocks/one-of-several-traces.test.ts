import { describe, expect, it } from 'vitest';
import { createLinks } from '../../../../src/links/link.ts';
import { answerMessage } from '../../../../src/slack/blocks/answer.ts';
import { type TraceView, traceView } from '../../../../src/traces/inspect-trace.ts';
import { aTrace } from '../../../support/fake-trace-source.ts';
import { START } from '../../../support/virtual-clock.ts';

const uuid = 'e4e8c177-3962-4359-8b6f-1c3a4d5e6f70';

function shown(request?: TraceView['request']): string {
  const view = traceView(aTrace('5'), { now: START, links: createLinks({}) });
  if (view === undefined) throw new Error('a trace of one span has a view');
  const answer = { kind: 'trace', view: { ...view, ...(request === undefined ? {} : { request }) } } as const;
  return JSON.stringify(answerMessage(answer).blocks);
}

describe('a trace that is one of several of its request', () => {
  it('says so with the trace, not in the footer, and leads to all of them', () => {
    const message = shown({ id: uuid, text: '3 traces carry the id: <b> lost the headers.' });
    expect(message).toContain('`checkout` 1\\n3 traces carry the id: &lt;b&gt; lost the headers."');
    expect(message).toContain('"text":"Show the request"');
    // Also where the id says that Envoy did not sample: some part of it was.
    expect(message).toContain(`"action_id":"run_command_request","value":"/trace request ${uuid}"`);
  });

  it('has no button where the id might not survive as the text of a command', () => {
    const message = shown({ id: 'order "17" share', text: '2 traces carry the id.' });
    expect(message).toContain('2 traces carry the id.');
    expect(message).not.toContain('run_command_request');
  });

  it('has neither when it is the only one', () => {
    expect(shown()).not.toMatch(/traces carry|run_command_request/);
  });
});

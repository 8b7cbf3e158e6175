import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { after, type EpochMs, epochMs, HOUR } from '../lib/units.ts';
import type { IsAllowed, SendOutcome } from '../messages/notifier.ts';
import { CHART, type Rendered } from './blocks/block-kit.ts';
import type { CallOutcome, Calls } from './calls.ts';
import { EVENT_TYPE } from './history.ts';
import { metadataViolations, textOnly, violations } from './limits.ts';

export interface Sending {
  readonly method: 'chat.postMessage' | 'chat.update';
  /** Where to: `channel`, with `ts` for an edit, with `thread_ts` for a reply, which may be shown to the channel too. */
  readonly target: {
    readonly channel: string;
    readonly ts?: string;
    readonly thread_ts?: string;
    readonly reply_broadcast?: true;
  };
  readonly message: Rendered;
  readonly metadata: { readonly key: string; readonly alertId: string };
  readonly isAllowed?: IsAllowed;
}

/** What Slack says when it will not take the blocks: the alert still has to be seen. */
const ABOUT_CONTENT = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'block_mismatch',
  'invalid_arguments',
  'msg_too_long',
]);

/**
 * Sends a message, in a plainer form each time Slack refuses the form: without the chart (not every workspace has
 * that block yet), then as text alone. An alert is never lost to a block.
 */
export function createSender(parts: {
  calls: Calls;
  clock: Clock;
  logger: Logger;
  /** One name for each channel, by whatever name it is given: Slack counts its messages together. */
  laneOf: (channel: string) => string;
}): (it: Sending) => Promise<SendOutcome> {
  const { calls, clock, logger, laneOf } = parts;
  let chartsRefusedUntil: EpochMs = epochMs(0);

  const attempt = (it: Sending, form: Rendered): Promise<CallOutcome> =>
    calls.call(
      it.method,
      {
        ...it.target,
        text: form.text,
        blocks: form.blocks,
        metadata: { event_type: EVENT_TYPE, event_payload: it.metadata },
        ...(it.method === 'chat.postMessage' ? { unfurl_links: false, unfurl_media: false } : {}),
      },
      { channel: laneOf(it.target.channel), key: it.metadata.key, isAllowed: it.isAllowed },
    );

  return async (it) => {
    const forms = formsOf(it, { withoutChart: chartsRefusedUntil > clock.now(), logger });
    let outcome: CallOutcome = { kind: 'refused', code: 'invalid_blocks' };
    let sentForm = 0;
    for (const [index, form] of forms.entries()) {
      sentForm = index;
      outcome = await attempt(it, form);
      if (outcome.kind !== 'refused' || !ABOUT_CONTENT.has(outcome.code)) break;
      logger.warn('slack: the message was refused in this form', {
        method: it.method,
        code: outcome.code,
        next: index + 1 < forms.length ? 'a plainer form' : 'none',
      });
    }
    // It was the chart, then: the rest was taken as it was.
    if (sentForm > 0 && outcome.kind === 'done' && hasChart(forms[sentForm - 1]))
      chartsRefusedUntil = after(clock.now(), HOUR);
    return toSendOutcome(outcome, it);
  };
}

const hasChart = (form: Rendered | undefined): boolean =>
  form !== undefined && form.blocks.some(({ type }) => type === CHART);

/** The forms to try, richest first. A form that breaks one of Slack's limits is not tried at all. */
function formsOf(it: Sending, given: { withoutChart: boolean; logger: Logger }): readonly Rendered[] {
  const { message } = it;
  const bare: Rendered = { ...message, blocks: message.blocks.filter(({ type }) => type !== CHART) };
  const text = textOnly(message.text);
  const rich = hasChart(message) && !given.withoutChart ? [message, bare] : [bare];
  const broken = [...violations(bare), ...metadataViolations(it.metadata)];
  if (broken.length === 0) return [...rich.filter((form) => violations(form).length === 0), text];
  given.logger.error('slack: a message breaks the limits and goes out as text alone', {
    violations: broken.slice(0, 5),
  });
  return [text];
}

function toSendOutcome(outcome: CallOutcome, it: Sending): SendOutcome {
  switch (outcome.kind) {
    case 'done': {
      const { channel, ts } = outcome.data;
      if (typeof ts !== 'string') return { kind: 'unknown', reason: 'an answer without a message id' };
      return {
        kind: 'sent',
        channelId: typeof channel === 'string' ? channel : it.target.channel,
        messageTs: ts,
      };
    }
    case 'not-sent':
      return { kind: 'not-sent', retryAfter: outcome.retryAfter, reason: outcome.reason };
    case 'message-gone':
      return { kind: 'message-gone' };
    case 'unknown':
    case 'edit-refused':
    case 'channel-refused':
    case 'refused':
      return outcome;
  }
}

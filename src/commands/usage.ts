import type { SlashCommand } from './command.ts';

/** How each command is written; an example at the end. */
export const USAGE: Readonly<Record<SlashCommand, readonly string[]>> = {
  '/trace': [
    '/trace slowest <service> [last 30m] [op <operation>] [over 500ms] [top 5] [share]',
    '/trace <trace id, request id, traceparent or b3 header, log line, or link> [share]',
    '/trace request <request id, whatever it looks like> [share]',
    '/trace compare [<id>] <id> [share]',
    '/trace slowest checkout last 1h over 500ms',
  ],
  '/latency': [
    '/latency <service> [last 1h] [share]',
    '/latency <service> <request id, trace id or Jaeger link> [share]',
    '/latency checkout last 30m',
  ],
  '/slo': [
    '/slo [status] [share]',
    '/slo silence <service or matchers> for 2h [comment]',
    '/slo silences',
    '/slo unsilence <id>',
    '/slo acknowledge <alert or service>',
    '/slo end <alert or service without data> [comment]',
    '/slo silence checkout severity="ticket" for 2h moving the database',
  ],
};

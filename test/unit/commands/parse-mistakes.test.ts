import { describe, expect, it } from 'vitest';
import type { SlashCommand } from '../../../src/commands/command.ts';
import { parseCommand } from '../../../src/commands/commands.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const uuid = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';

/** A text, part of the problem, and the suggestion; null without one. */
type Refused = readonly [SlashCommand, string, RegExp, string | null];

const refused: Readonly<Record<string, Refused>> = {
  'nothing at all': ['/trace', '', /Specify a service, a trace id/, null],
  'only spaces': ['/latency', '  \t ', /Specify a service/, null],
  'a typo in the form': ['/trace', 'slowset checkout', /is not a \/trace command/, '/trace slowest checkout'],
  'a request id that is not a UUID': [
    '/trace',
    'req-81263712',
    /is not a \/trace command/,
    '/trace request req-81263712',
  ],
  'a number with share': [
    '/trace',
    '81263712 share',
    /is not a \/trace command/,
    '/trace request 81263712 share',
  ],
  'a service with its version': [
    '/trace',
    'cart-v2.2024',
    /is not a \/trace command/,
    '/trace slowest cart-v2.2024',
  ],
  'a service where the form should be': [
    '/trace',
    'checkout',
    /is not a \/trace command/,
    '/trace slowest checkout',
  ],
  'a service with options but no form': [
    '/trace',
    'checkout last 1h',
    /is not a \/trace command/,
    '/trace slowest checkout last 1h',
  ],
  'no service': ['/trace', 'slowest last 5m', /Specify a service/, null],
  'a typo in a keyword': [
    '/trace',
    'slowest checkout lats 5m',
    /"lats" is not an option/,
    '/trace slowest checkout last 5m',
  ],
  'two typos': [
    '/trace',
    'slowets checkout ovr 5s tpo 3',
    /is not a \/trace command/,
    '/trace slowest checkout over 5s top 3',
  ],
  'a duration without its keyword': [
    '/trace',
    'slowest checkout 30m',
    /"30m" is not an option/,
    '/trace slowest checkout last 30m',
  ],
  'latency with a bare duration': ['/latency', 'checkout 2h', /"2h"/, '/latency checkout last 2h'],
  'an unknown word': ['/trace', 'slowest checkout bananas', /"bananas"/, '/trace slowest checkout'],
  'a number without a unit, back': [
    '/trace',
    'slowest checkout last 30',
    /not a duration/,
    '/trace slowest checkout last 30m',
  ],
  'a number without a unit, slow': [
    '/trace',
    'slowest checkout over 500',
    /not a duration/,
    '/trace slowest checkout over 500ms',
  ],
  'a decimal': [
    '/trace',
    'slowest checkout over 1.5s',
    /not a duration/,
    '/trace slowest checkout over 1s500ms',
  ],
  'a unit in words': ['/trace', 'slowest checkout last 5min', /not a dur/, '/trace slowest checkout last 5m'],
  'a unit apart': ['/trace', 'slowest checkout last 10 minutes', /not/, '/trace slowest checkout last 10m'],
  'only a unit': [
    '/trace',
    'slowest checkout last hour',
    /not a duration/,
    '/trace slowest checkout last 1h',
  ],
  'a duration that is none': ['/trace', 'slowest checkout last week-ish', /expected 500ms, 30s/, null],
  'a keyword where a duration should be': ['/trace', 'slowest checkout last top 5', /last needs/, null],
  'nothing after a keyword': ['/trace', 'slowest checkout over', /over needs a duration/, null],
  'no time at all': ['/trace', 'slowest checkout last 0s', /more than 0/, null],
  'a time longer than any retention': ['/trace', 'slowest checkout last 9999d', /at most 30d/, null],
  'more than can be shown': [
    '/trace',
    'slowest checkout top 50',
    /1 to 20/,
    '/trace slowest checkout top 20',
  ],
  'none of them': ['/trace', 'slowest checkout top 0', /1 to 20/, '/trace slowest checkout top 1'],
  'a count that is none': ['/trace', 'slowest checkout top five', /takes a number/, null],
  'an option twice': [
    '/trace',
    'slowest checkout last 5m last 10m',
    /given twice/,
    '/trace slowest checkout last 5m',
  ],
  'both ways to specify the time': [
    '/trace',
    'slowest checkout last 5m at 2026-11-20T14:00Z/2026-11-20T15:00Z',
    /either last or at/,
    null,
  ],
  'a window that is turned round': [
    '/trace',
    'slowest checkout at 2026-11-20T15:00Z/2026-11-20T14:00Z',
    /before its end/,
    null,
  ],
  'a window on a day that is not': [
    '/trace',
    'slowest checkout at 2026-02-30T15:00Z/2026-03-01T14:00Z',
    /start and an end/,
    null,
  ],
  'op without an operation': ['/trace', 'slowest checkout op last 5m', /op needs/, null],
  'an id with a digit lost': [
    '/trace',
    traceId.slice(1),
    /16 or 32 hex digits; this one has 31/,
    `/trace 0${traceId.slice(1)}`,
  ],
  'an id that is too long': ['/trace', `${traceId}ab`, /this one has 34/, null],
  'a link without an id': [
    '/trace',
    'https://jaeger.example/dependencies',
    /link contains no trace id/,
    null,
  ],
  'more after an id': [
    '/trace',
    `${traceId} last 5m`,
    /"last" is not valid after an id/,
    `/trace ${traceId}`,
  ],
  'a typo in share after an id': ['/trace', `${traceId} shrae`, /"shrae"/, `/trace ${traceId} share`],
  'a time with a request id': [
    '/latency',
    `checkout ${uuid} last 5m`,
    /last cannot be combined with a request id/,
    `/latency checkout ${uuid}`,
  ],
  'slo with a typo': ['/slo', 'statsu', /not a \/slo command/, '/slo status'],
  'slo with anything else': ['/slo', 'please tell me', /"please"/, '/slo status'],
  'a sentence': [
    '/trace',
    'show me the slowest requests of checkout, last 10 minutes',
    /"show"/,
    '/trace slowest checkout last 10m',
  ],
  'a sentence without a command': ['/trace', 'show checkout', /"show"/, '/trace slowest checkout'],
  'a sentence with why': ['/trace', 'why is checkout slow', /"checkout" is not/, '/trace why checkout'],
  'a sentence with why in it': ['/trace', 'show me why checkout is slow', /"show"/, '/trace why checkout'],
  'signs in place of over': [
    '/trace',
    'slowest checkout >500ms',
    /">500ms"/,
    '/trace slowest checkout over 500ms',
  ],
  'a synonym of over': [
    '/trace',
    'slowest checkout longer than 2s',
    /"longer"/,
    '/trace slowest checkout over 2s',
  ],
  'the syntax of a shell': [
    '/trace',
    'slowest checkout --last=30m op=GET',
    /"--last=30m"/,
    '/trace slowest checkout last 30m op GET',
  ],
  'a number without top': [
    '/trace',
    'slowest 10 checkout',
    /"checkout" is not/,
    '/trace slowest top 10 checkout',
  ],
  'a typo beside a name with a port': [
    '/trace',
    'slowets checkout:8080',
    /is not a \/trace command/,
    '/trace slowest checkout:8080',
  ],
  'the short id of a table': ['/trace', '7efc105a', /beginning of a trace id/, null],
  'a percentile before the service': ['/latency', 'p99 of checkout', /"of"/, '/latency checkout'],
  'a request without its service': ['/latency', uuid, /Specify a service/, null],
  'a novel': ['/trace', 'a '.repeat(1_600), /at most 3,000 characters/, null],
};

describe('an invalid command', () => {
  it.each(Object.entries(refused))('%s', (_, [command, text, problem, suggestion]) => {
    const parsed = parseCommand(command, text);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.problem).toMatch(problem);
    expect(parsed.suggestion ?? null).toBe(suggestion);
    expect(parsed.usage.every((line) => line.includes(command))).toBe(true);
    if (parsed.suggestion !== undefined) {
      expect(parseCommand(command, parsed.suggestion.slice(command.length)).ok).toBe(true);
    }
  });
});

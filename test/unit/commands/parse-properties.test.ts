import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestReference, SlashCommand } from '../../../src/commands/command.ts';
import { parseCommand } from '../../../src/commands/commands.ts';
import { type Command, writeCommand } from '../../../src/commands/table.ts';
import { quote, tokenize } from '../../../src/commands/tokens.ts';
import { epochMs, formatInstant, ms, parseInstant } from '../../../src/lib/units.ts';
import { runsOf } from '../../support/runs.ts';

const COMMANDS: readonly SlashCommand[] = ['/trace', '/latency', '/slo'];

/** Text in the words of the commands, so that the fuzzing gets past the first of them. */
const commandish = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'slowest',
        'last',
        'over',
        'top',
        'op',
        'at',
        'share',
        'request',
        'status',
        '5m',
        '0',
        '1e9',
      ),
      fc.constantFrom(
        '"',
        "'",
        '\\',
        '<',
        '>',
        '|',
        '<http://a.b|a.b>',
        '<!channel>',
        '&lt;',
        '\u201c',
        '\u202e',
        '__proto__',
      ),
      fc.string({ maxLength: 12 }),
      fc.stringMatching(/^[0-9a-fA-F-]{1,36}$/),
      fc.string({ unit: 'binary', maxLength: 8 }),
    ),
    { maxLength: 14 },
  )
  .map((words) => words.join(' '));

const longest = fc.oneof(
  fc.constantFrom('"', '\\', '<', '<<', 'a', ' ', '"\\', "'a", 'last ', '0', '<a|', '&lt;', '`'),
  fc.string({ minLength: 1, maxLength: 3 }),
);

describe('any text', () => {
  it('gives a result, and never throws', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...COMMANDS),
        fc.oneof(commandish, fc.string({ unit: 'binary' })),
        (command, text) => {
          const parsed = parseCommand(command, text);
          if (!parsed.ok) {
            expect(parsed.problem.length).toBeGreaterThan(5);
            expect(parsed.problem.length).toBeLessThan(300);
            if (parsed.suggestion !== undefined) {
              expect(parsed.suggestion.startsWith(command)).toBe(true);
              expect(parseCommand(command, parsed.suggestion.slice(command.length)).ok).toBe(true);
            }
          }
        },
      ),
      { numRuns: runsOf(3_000) },
    );
  });

  // What takes a time that doubles with each repetition never comes to its end here.
  it('that repeats itself is read to its end', () => {
    fc.assert(
      fc.property(fc.constantFrom(...COMMANDS), longest, fc.nat(3_000), (command, part, times) => {
        const text = part.repeat(times).slice(0, 1_000);
        const parsed = parseCommand(command, `slowest ${text}`);
        expect(parsed.ok || parsed.problem.length < 300).toBe(true);
        expect(tokenize(text).length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: runsOf(300) },
    );
  });
});

const nameArbitrary = fc.oneof(
  fc.constantFrom(
    'checkout',
    'checkout.shop',
    'top',
    'last',
    'istio-ingressgateway.istio-system',
    '{service}',
    '"',
    '-h',
  ),
  fc.string({ minLength: 1, maxLength: 30 }).filter((text) => text.trim() !== ''),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }).filter((text) => text.trim() !== ''),
  fc.constantFrom(
    '\u201cquoted\u201d',
    'a  b',
    ' lead',
    'tail ',
    'tab\there',
    'new\nline',
    '<!channel>',
    '&lt;',
    'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70',
    'C:\\u0041',
  ),
);
const operationArbitrary = nameArbitrary;
const duration = (max: number) => fc.integer({ min: 1, max }).map(ms);
const DAY = 86_400_000;
const hexId = fc.stringMatching(/^[0-9a-f]{32}$/).filter((id) => !/^0+$/.test(id));

const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({
      service: nameArbitrary,
      operation: fc.option(operationArbitrary, { nil: undefined }),
      last: duration(30 * DAY),
      start: fc.option(fc.integer({ min: 0, max: 4_102_444_800_000 }), { nil: undefined }),
      over: fc.option(duration(DAY), { nil: undefined }),
      failed: fc.constantFrom(true as const, undefined),
      top: fc.integer({ min: 1, max: 20 }),
    })
    .map(
      ({ service, operation, last, start, over, failed, top }): Command => ({
        kind: 'slowest',
        service,
        ...(operation === undefined ? {} : { operation }),
        last,
        ...(start === undefined ? {} : { window: { start: epochMs(start), end: epochMs(start + last) } }),
        ...(over === undefined ? {} : { over }),
        ...(failed === undefined ? {} : { failed }),
        top,
      }),
    ),
  hexId.map((traceId): Command => ({ kind: 'trace', traceId })),
  fc.oneof(fc.uuid(), nameArbitrary).map((requestId): Command => ({ kind: 'request', requestId })),
  fc.record({ kind: fc.constant('latency' as const), service: nameArbitrary, last: duration(30 * DAY) }),
  fc.record({
    kind: fc.constant('request-latency' as const),
    service: nameArbitrary,
    request: fc.oneof(
      fc.uuid().map((requestId): RequestReference => ({ kind: 'request', requestId })),
      hexId.map((traceId): RequestReference => ({ kind: 'trace', traceId })),
    ),
  }),
  fc.constant({ kind: 'slo-status' } as const),
);

describe('a command that is written down', () => {
  it('is understood as the same command, shared or not', () => {
    fc.assert(
      fc.property(commandArbitrary, fc.boolean(), (command, share) => {
        const line = writeCommand(command) ?? '';
        const slash = COMMANDS.find((name) => line.startsWith(`${name} `));
        expect(slash).toBeDefined();
        const text = line.slice((slash ?? '').length);
        const parsed = parseCommand(slash ?? '/trace', `${text}${share ? ' share' : ''}`);
        expect(parsed).toEqual({ ok: true, command, share });
        // Buttons and Slack make one space of several: the text has none to lose.
        expect(text.trim().split(/\s+/u).join(' ')).toBe(text.trim());
      }),
      { numRuns: runsOf(2_000) },
    );
  });

  it('keeps any word that is quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(tokenize(quote(text))).toEqual([{ text, isQuoted: true }]);
      }),
      { numRuns: runsOf(2_000) },
    );
  });

  it('keeps any instant, as the platform reads it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (at) => {
        const text = formatInstant(epochMs(at));
        expect(parseInstant(text)).toBe(at);
        expect(Date.parse(text)).toBe(at);
      }),
    );
  });
});

import * as fc from 'fast-check';
import type { Answer } from '../../../src/commands/answer.ts';
import type { Phrase } from '../../../src/lib/format.ts';
import { at, hostileText, many, some } from './hostile.ts';

/** A sentence of foreign words, people and instants. */
export const phrase: fc.Arbitrary<Phrase> = many(
  fc.oneof(
    hostileText,
    fc.record({ person: fc.oneof(hostileText, fc.constant('U0ANN00000')) }),
    fc.record({ at }),
    fc.record({ code: hostileText }),
  ),
  12,
);

/** What was done about alerts, with commands of every length in its buttons. */
export const lines: fc.Arbitrary<Answer> = many(
  some({ phrase, button: fc.record({ label: hostileText, command: hostileText }) }, ['phrase']),
  40,
).map((all) => ({ kind: 'lines' as const, lines: all })) as fc.Arbitrary<Answer>;

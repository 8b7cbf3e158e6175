import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { after, type EpochMs, ms, SECOND } from '../../../src/lib/units.ts';
import { runsOf } from '../../support/runs.ts';
import { START } from '../../support/virtual-clock.ts';
import { createPlay, type Said } from './receive-play.ts';

/** A move: time passes, then an Alertmanager sends what it knows, again what it sent before, or nothing. */
const moves = fc.array(
  fc.record({
    seconds: fc.integer({ min: 1, max: 900 }),
    what: fc.constantFrom('breach', 'recover', 'send', 'resend', 'evaluate'),
    sender: fc.constantFrom('a', 'b'),
  }),
  { minLength: 1, maxLength: 40 },
);

interface Occurrence {
  readonly startsAt: EpochMs;
  readonly endsAt?: EpochMs;
}

type Move = (typeof moves extends fc.Arbitrary<infer List> ? List : never) extends (infer One)[]
  ? One
  : never;

/** The service, and two Alertmanagers that send what they know of it. */
function createSenders() {
  let occurrence: Occurrence | undefined;
  const sent: Said[] = [];
  const happens = (what: Move['what'], now: EpochMs): void => {
    const isBreaching = occurrence !== undefined && occurrence.endsAt === undefined;
    if (what === 'breach' && !isBreaching) occurrence = { startsAt: now };
    if (what === 'recover' && occurrence !== undefined && isBreaching)
      occurrence = { ...occurrence, endsAt: now };
  };
  const said = ({ what, seconds, sender }: Move, now: EpochMs): Said | undefined => {
    if (what === 'send' && occurrence !== undefined)
      return {
        at: now,
        from: sender,
        ...occurrence,
        status: occurrence.endsAt === undefined ? 'firing' : 'resolved',
      };
    const again = what === 'resend' ? sent[seconds % Math.max(1, sent.length)] : undefined;
    return again && { ...again, at: now };
  };
  return {
    sent,
    next: (move: Move, now: EpochMs): Said | undefined => {
      happens(move.what, now);
      const next = said(move, now);
      if (next !== undefined) sent.push(next);
      return next;
    },
  };
}

test('whatever is resent by whomever, an occurrence is posted once and ends once, and never while all say that it fires', () => {
  fc.assert(
    fc.property(moves, (played) => {
      const play = createPlay();
      const senders = createSenders();
      const newestOf = new Map<string, Said['status']>();
      let now = START;
      for (const move of played) {
        now = after(now, ms(move.seconds * SECOND));
        const before = play.changes.length;
        const said = senders.next(move, now);
        if (said === undefined) play.evaluate(now);
        else {
          newestOf.set(said.from ?? '', said.status);
          play.say(said);
        }
        const hasEnded = play.changes.slice(before).some((change) => change.startsWith('resolved'));
        // The day after which nothing is heard is not reached.
        if (hasEnded) expect([...newestOf.values()]).toContain('resolved');
      }
      const byId = new Map<string, string[]>();
      for (const { kind, alert } of play.transitions)
        byId.set(alert.alertId, [...(byId.get(alert.alertId) ?? []), kind]);
      for (const kinds of byId.values()) expect(['firing', 'firing,resolved']).toContain(kinds.join());
      // No more occurrences than there were breaches that were sent as firing.
      const firing = senders.sent.filter(({ status }) => status === 'firing');
      expect(byId.size).toBeLessThanOrEqual(new Set(firing.map(({ startsAt }) => startsAt)).size);
    }),
    { numRuns: runsOf(500) },
  );
});

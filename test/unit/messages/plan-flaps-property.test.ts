import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { between, HOUR } from '../../../src/lib/units.ts';
import { STABLE_AFTER } from '../../../src/policy/flap.ts';
import type { Decided } from '../../support/decided.ts';
import { runsOf } from '../../support/runs.ts';
import { alertOf, over, play, seconds } from '../evaluation/rule-play.ts';

const SERVICES = 6;
const TICK = 60;
const LIMITS = { groupThreshold: 3, flapThreshold: 6 };
const SILENCE = { kind: 'silence', by: 'ann', since: seconds(0) } as const;

/** What each service does in one tick. */
const tick = fc.array(
  fc.constantFrom('quiet' as const, 'quiet' as const, 'slow' as const, 'silenced' as const),
  {
    minLength: SERVICES,
    maxLength: SERVICES,
  },
);
const history = fc.array(fc.tuple(tick, fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 20 });
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** Plays a rule; what was notified, in order, and until everything is quiet. */
function notified(ticks: History): readonly Decided[] {
  const rule = play(LIMITS);
  const runs = new Map<number, Alert>();
  const entries: Decided[] = [];
  const doing = [...ticks.flatMap(([each, times]) => Array.from({ length: times }, () => each)), []];
  for (const [index, each] of doing.entries()) {
    const evalTime = index * TICK;
    const now: Alert[] = [];
    for (let service = 0; service < SERVICES; service++) {
      const known = runs.get(service);
      const does = each[service] ?? 'quiet';
      if (does === 'quiet') {
        if (known === undefined) continue;
        const ended = known.state === 'resolved' ? known : over(known, evalTime);
        runs.set(service, ended);
        now.push(ended);
        continue;
      }
      const run: Alert =
        known === undefined || known.state === 'resolved'
          ? alertOf(service, {
              alertId: `svc-${service}-${evalTime}`,
              activeAt: seconds(evalTime),
              firedAt: seconds(evalTime),
            })
          : known;
      runs.set(service, run);
      now.push(does === 'silenced' ? { ...run, suppressed: SILENCE } : run);
    }
    entries.push(...rule.tick(evalTime, now));
  }
  return entries;
}

function byMessage(entries: readonly Decided[]): readonly (readonly Decided[])[] {
  const messages = new Map<string, Decided[]>();
  for (const entry of entries) messages.set(entry.alertId, [...(messages.get(entry.alertId) ?? []), entry]);
  return [...messages.values()];
}

it('every message that is posted begins once, ends once, and nothing is edited after its end', () => {
  fc.assert(
    fc.property(history, (ticks) => {
      const entries = notified(ticks).filter(
        ({ kind, alertGroup }) =>
          kind !== 'flapping' && kind !== 'stable' && alertGroup?.detailPage === undefined,
      );
      for (const message of byMessage(entries)) {
        const kinds = message.map(({ kind }) => kind);
        expect(kinds[0]).toBe('firing');
        expect(kinds.at(-1)).toBe('resolved');
        expect(kinds.filter((kind) => kind === 'firing' || kind === 'resolved')).toHaveLength(2);
      }
      expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
    }),
    { numRuns: runsOf(100) },
  );
});

it('no service is notified of more often in an hour than the limit, but for what had settled', () => {
  fc.assert(
    fc.property(history, (ticks) => {
      const entries = notified(ticks);
      for (let service = 0; service < SERVICES; service++) {
        const of = entries.filter(
          ({ kind, alert, alertGroup }) =>
            alertGroup === undefined &&
            alert.fingerprint === alertOf(service).fingerprint &&
            (kind === 'firing' || kind === 'resolved'),
        );
        const settled = new Set(
          of
            .filter(
              ({ kind, alert, createdAt }) =>
                kind === 'firing' && between(alert.firedAt ?? createdAt, createdAt) >= STABLE_AFTER,
            )
            .map(({ alertId }) => alertId),
        );
        const times = of.filter(({ alertId }) => !settled.has(alertId)).map(({ createdAt }) => createdAt);
        for (const [index, at] of times.entries()) {
          const inHour = times.slice(0, index + 1).filter((each) => between(each, at) < HOUR);
          // A firing is notified only with room for its end, so that its end may come after the hour has moved on.
          expect(inHour.length).toBeLessThanOrEqual(LIMITS.flapThreshold);
        }
      }
    }),
    { numRuns: runsOf(100) },
  );
});

it('what breaches for a quarter of an hour and is not silenced is always notified', () => {
  fc.assert(
    fc.property(history, (ticks) => {
      const long = Array.from({ length: SERVICES }, () => 'slow' as const);
      const entries = notified([...ticks, [long, 20]]);
      const end = entries.at(-1)?.createdAt ?? seconds(0);
      for (let service = 0; service < SERVICES; service++) {
        const print = alertOf(service).fingerprint;
        const isNotified = entries.some(
          ({ kind, alert, alertGroup, createdAt }) =>
            createdAt === end &&
            kind === 'resolved' &&
            (alertGroup?.rows ?? [alert]).some(({ fingerprint }) => fingerprint === print),
        );
        expect(isNotified).toBe(true);
      }
    }),
    { numRuns: runsOf(100) },
  );
});

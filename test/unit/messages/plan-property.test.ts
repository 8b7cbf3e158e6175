import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Alert, Transition } from '../../../src/alerts/alert.ts';
import { after, ms } from '../../../src/lib/units.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { type Decided, decideRule } from '../../support/decided.ts';
import { START } from '../../support/virtual-clock.ts';

const at = { group: aGroup(), rule: aRule() };
const SILENCE = { kind: 'silence', by: 'ann', since: START } as const;
const CHANNELS = ['#a', '#b', '#c'];

/** One evaluation of a firing alert: what is decided around it, and what happens to its data. */
const tick = fc.record({
  isSuppressed: fc.boolean(),
  routes: fc.uniqueArray(fc.record({ channel: fc.constantFrom(...CHANNELS), isMuted: fc.boolean() }), {
    selector: ({ channel }) => channel,
  }),
  news: fc.constantFrom(undefined, 'no-data' as const, 'data-back' as const),
});
type Tick = typeof tick extends fc.Arbitrary<infer T> ? T : never;

/** Plays an alert from its first firing to its end; the entries in the order they were decided. */
function play(ticks: readonly Tick[]): readonly Decided[] {
  const entries: Decided[] = [];
  let alert: Alert = anAlert();
  const evaluate = (evalTime: number, given: Tick, transition: Transition['kind'] | undefined): void => {
    const { suppressed: _before, ...rest } = alert;
    const isHeld = given.isSuppressed && rest.state === 'firing';
    const now: Alert = isHeld ? { ...rest, suppressed: SILENCE } : rest;
    const decision = decideRule(at, after(START, ms(evalTime * 30_000)), {
      alerts: [now],
      transitions: transition === undefined ? [] : [{ kind: transition, alert: now }],
      route: () => given.routes.map((route) => ({ ...route, mentions: [] })),
    });
    entries.push(...decision.entries);
    alert = decision.alerts[0] ?? now;
  };
  for (const [evalTime, given] of ticks.entries())
    evaluate(evalTime, given, evalTime === 0 ? 'firing' : given.news);
  alert = { ...alert, state: 'resolved' };
  const last = ticks.at(-1);
  if (last !== undefined) evaluate(ticks.length, last, 'resolved');
  return entries;
}

function byMessage(entries: readonly Decided[]): readonly (readonly Decided[])[] {
  const messages = new Map<string, Decided[]>();
  for (const entry of entries) messages.set(entry.alertId, [...(messages.get(entry.alertId) ?? []), entry]);
  return [...messages.values()];
}

it('whatever holds messages back, each message begins with its firing, ends with its end, and stays in its channel', () => {
  fc.assert(
    fc.property(fc.array(tick, { minLength: 1, maxLength: 12 }), (ticks) => {
      const messages = byMessage(play(ticks));
      for (const entries of messages) {
        const kinds = entries.map(({ kind }) => kind);
        expect(kinds[0]).toBe('firing');
        expect(kinds.at(-1)).toBe('resolved');
        expect(kinds.filter((kind) => kind === 'firing' || kind === 'resolved')).toHaveLength(2);
        expect(new Set(entries.map(({ destination }) => destination?.channel)).size).toBe(1);
        expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
      }
      const channels = messages.map(([first]) => first?.destination?.channel);
      expect(new Set(channels).size).toBe(channels.length);
    }),
  );
});

it('an alert is posted at the first evaluation at which a route is open and nothing holds it back', () => {
  fc.assert(
    fc.property(fc.array(tick, { minLength: 1, maxLength: 12 }), (ticks) => {
      const first = ticks.findIndex(
        ({ isSuppressed, routes }) => !isSuppressed && routes.some(({ isMuted }) => !isMuted),
      );
      const post = play(ticks).find(({ kind }) => kind === 'firing');
      expect(post?.createdAt).toBe(first === -1 ? undefined : after(START, ms(first * 30_000)));
    }),
  );
});

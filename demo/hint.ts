import { after, before, between, type EpochMs, type Milliseconds, ms, SECOND } from '../src/lib/units.ts';
import { cuesBetween, type Script } from './mesh/script.ts';

/** The first fault becomes a message after this long: slow requests are scraped, evaluated and pending first. */
const BREACH_AFTER: Milliseconds = ms(25 * SECOND);

/** How long the next steps stay after the first breach. */
const NEXT_STEPS_FOR: Milliseconds = ms(90 * SECOND);

/** The state of the demo that its hint depends on. */
export interface DemoState {
  readonly now: EpochMs;
  readonly startedAt: EpochMs;
  /** When the first breach was posted. */
  readonly breachAt?: EpochMs;
  readonly script: Script;
}

/** The line above the messages: what happens next and when, and what to try meanwhile. Pure. */
export function hintOf(state: DemoState): string {
  const { now, breachAt } = state;
  if (breachAt === undefined) return firstHint(state);
  if (between(breachAt, now) < NEXT_STEPS_FOR)
    return 'A page. Select Acknowledge or Slowest traces in the message, then try: /trace why checkout';
  const current = faultAt(state);
  if (current !== undefined) return `In the mesh: ${current}. Try: /slo services`;
  const next = nextFault(state);
  return `All is well. Try: /latency checkout${next === undefined ? '' : ` · Next fault in ${countdown(between(now, next))}`}`;
}

function firstHint({ now, startedAt, script }: DemoState): string {
  const first = Math.min(...script.opening.map(({ at }) => at));
  const expected = after(startedAt, ms(first + BREACH_AFTER));
  const when = expected > now ? `in about ${countdown(between(now, expected))}` : 'any moment now';
  return `The first breach comes ${when}. Meanwhile, try: /trace slowest checkout`;
}

/** `1:05`: the line changes every second, so it keeps its width. */
function countdown(left: Milliseconds): string {
  const seconds = Math.ceil(left / SECOND);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** The title of the fault that is under way: the last one that began and has not ended. */
function faultAt({ now, startedAt, script }: DemoState): string | undefined {
  const cues = cuesBetween(script, startedAt, { from: before(now, script.cycleLength), to: now });
  const last = cues.at(-1);
  return last?.change === 'begins' ? last.scripted.title : undefined;
}

const nextFault = ({ now, startedAt, script }: DemoState): EpochMs | undefined =>
  cuesBetween(script, startedAt, { from: now, to: after(now, script.cycleLength) }).find(
    ({ change }) => change === 'begins',
  )?.t;

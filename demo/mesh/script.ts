import { after, type EpochMs, epochMs, type Milliseconds, ms } from '../../src/lib/units.ts';
import type { Fault } from './faults.ts';
import type { FaultId, Mesh } from './mesh.ts';

/** A fault with its time on the stage, counted from the start of the show. */
export interface ScriptedFault {
  /** What goes on, in words. */
  readonly title: string;
  readonly at: Milliseconds;
  readonly until: Milliseconds;
  readonly fault: Fault;
}

/** A scenario: an opening that is played once, and a cycle that repeats for ever after it. */
export interface Script {
  readonly opening: readonly ScriptedFault[];
  /** Times count from the start of each round. */
  readonly cycle: readonly ScriptedFault[];
  /** When the first round begins. */
  readonly cycleStart: Milliseconds;
  readonly cycleLength: Milliseconds;
}

const at = (minutes: number, seconds: number): Milliseconds => ms((minutes * 60 + seconds) * 1_000);

/**
 * The demo: checkout breaches within a minute of the start because the database of payments is slow, and recovers. After that
 * something happens every three minutes, each time somebody else's fault.
 */
export const DEMO_SCRIPT: Script = {
  opening: [
    {
      title: 'the database of payments is slow, so checkout is',
      at: at(0, 8),
      until: at(0, 53),
      fault: { kind: 'slow-database', service: 'payments-db', factor: 50 },
    },
  ],
  cycleStart: at(4, 0),
  cycleLength: at(24, 0),
  cycle: [
    {
      title: 'one pod of shipping is slow',
      at: at(0, 0),
      until: at(1, 30),
      fault: { kind: 'bad-replica', service: 'shipping', factor: 60, pod: 1 },
    },
    {
      title: 'every packet of payments is late',
      at: at(3, 0),
      until: at(4, 15),
      fault: { kind: 'network-delay', service: 'payments', delayMs: 140 },
    },
    {
      title: 'inventory turns attempts away, its callers try again',
      at: at(6, 0),
      until: at(7, 0),
      fault: { kind: 'retries', service: 'inventory', share: 0.4 },
    },
    {
      title: 'requests queue up before checkout',
      at: at(9, 0),
      until: at(10, 15),
      fault: { kind: 'queueing', service: 'checkout', slotMs: 1_000 },
    },
    {
      title: 'a release of recommendations made it slow',
      at: at(12, 0),
      until: at(13, 15),
      fault: { kind: 'slow-code', service: 'recommendations', factor: 45, version: 'v2' },
    },
    {
      title: 'checkout loses the trace headers',
      at: at(15, 0),
      until: at(16, 30),
      fault: { kind: 'dropped-headers', service: 'checkout', share: 0.7 },
    },
    {
      title: 'payments answers with errors',
      at: at(18, 0),
      until: at(19, 0),
      fault: { kind: 'error-burst', service: 'payments', share: 0.35 },
    },
    {
      title: 'the database of payments is slow again',
      at: at(21, 0),
      until: at(22, 0),
      fault: { kind: 'slow-database', service: 'payments-db', factor: 50 },
    },
  ],
};

/** One change on the stage: a fault begins or ends. */
export interface Cue {
  readonly t: EpochMs;
  readonly change: 'begins' | 'ends';
  readonly scripted: ScriptedFault;
}

/** The changes after `from` up to and including `to`, in order of time; at one instant endings come first. */
export function cuesBetween(script: Script, start: EpochMs, span: { from: EpochMs; to: EpochMs }): Cue[] {
  const cues: Cue[] = [];
  const add = (scripted: ScriptedFault, origin: EpochMs): void => {
    cues.push({ t: after(origin, scripted.at), change: 'begins', scripted });
    cues.push({ t: after(origin, scripted.until), change: 'ends', scripted });
  };
  for (const scripted of script.opening) add(scripted, start);
  const firstRound = after(start, script.cycleStart);
  // A fault may outlast its round, so the round before the requested time is looked at too.
  const first = Math.max(0, Math.floor((span.from - firstRound) / script.cycleLength) - 1);
  for (let round = first; firstRound + round * script.cycleLength <= span.to; round += 1) {
    for (const scripted of script.cycle) add(scripted, epochMs(firstRound + round * script.cycleLength));
  }
  return cues
    .filter(({ t }) => t > span.from && t <= span.to)
    .sort((a, b) => a.t - b.t || a.change.localeCompare(b.change) * -1);
}

/** Advances a mesh while a script is played on it. */
export interface ScriptPlayer {
  advanceTo(t: EpochMs): void;
}

/** Plays `script` on `mesh` from `start` on. `onCue` is called for every change. */
export function createScriptPlayer(options: {
  readonly mesh: Mesh;
  readonly script: Script;
  readonly start: EpochMs;
  readonly onCue?: (cue: Cue) => void;
}): ScriptPlayer {
  const { mesh, script, start } = options;
  const inForce = new Map<ScriptedFault, FaultId>();
  let played: EpochMs = epochMs(start - 1);
  const perform = (cue: Cue): void => {
    mesh.advanceTo(cue.t);
    const id = inForce.get(cue.scripted);
    if (cue.change === 'begins') inForce.set(cue.scripted, mesh.inject(cue.scripted.fault));
    else if (id !== undefined) mesh.clear(id);
    options.onCue?.(cue);
  };
  return {
    advanceTo: (t) => {
      for (const cue of cuesBetween(script, start, { from: played, to: t })) perform(cue);
      played = epochMs(Math.max(played, t));
      mesh.advanceTo(t);
    },
  };
}

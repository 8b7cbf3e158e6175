import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fault as MeshFault } from '../../demo/mesh/faults.ts';
import { createRandom, type Random } from '../../demo/mesh/random.ts';
import type { ScriptedFault } from '../../demo/mesh/script.ts';
import { type Bed, type Installation, layBed, type RedisTopology, scripted } from './bed.ts';
import { type Checked, check, type Finding, FOR_S } from './checker.ts';
import { FAULTS, NAMED_FAULTS, type Stage, type Struck } from './faults.ts';
import { keepLedger, withRules } from './ledger.ts';
import { plantedProgram } from './plant.ts';
import { INTERVAL_S, ruleNames } from './rules.ts';
import { createTruth, episodesOf, type Truth, WINDOW_S } from './truth.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** How long faults are drawn, in seconds; then everything is mended and what is open may end. */
  readonly seconds: number;
  /** Kinds of faults to draw from; all when absent. */
  readonly kinds?: readonly string[];
  /** A guard that is taken out of the program. */
  readonly plant?: string;
  /** Groups of the same rule; more of them are more alerts at once. */
  readonly copies?: number;
  /** The longest freeze of a process, in seconds. */
  readonly longestFreeze?: number;
  /** Mean time between two faults, in seconds. */
  readonly every?: number;
  readonly redis?: RedisTopology;
  /** A folder for the logs of the replicas. */
  readonly logs?: string;
  readonly say: (line: string) => void;
}

/** A death of a process that nobody ended. */
export interface Death {
  readonly name: string;
  readonly at: number;
  readonly code: number | null;
  readonly tail: string;
}

/** An evaluation that was due and did not come. */
export interface MissedTick {
  readonly installation: Installation['name'];
  readonly rule: string;
  /** Seconds from the start. */
  readonly at: number;
}

export interface Report {
  readonly faults: number;
  readonly owed: number;
  readonly shown: number;
  readonly findings: readonly Finding[];
  readonly deaths: readonly Death[];
  readonly ticks: { readonly due: number; readonly missed: readonly MissedTick[] };
  readonly delays: readonly number[];
  readonly others: ReadonlyMap<string, number>;
}

/** A program starts, reads its rules and finds Slack within this, before anything is drawn. */
const START_LIMIT_S = 60;
/** After a blindness the bot has this long until it sees again. */
const GRACE_S = INTERVAL_S + 5;
/** A breach is owed a message when it was seen for so long: `for`, two intervals, a scrape and some room. */
const OWED_AFTER_S = FOR_S + 2 * INTERVAL_S + 15;
/** A message without any fault is due so long after the first slow second: `for`, an interval and two scrapes. */
const DUE_AFTER_S = FOR_S + INTERVAL_S + 10;
/** After the last fault: the mesh is healthy by then, a lease of two minutes may have to end. */
const SETTLE_LIMIT_S = 200;

/** What makes services slow, plainly: no request of theirs stays near the threshold. */
const SLOWNESS: readonly MeshFault[] = [
  { kind: 'slow-database', service: 'payments-db', factor: 150 },
  { kind: 'slow-code', service: 'shipping', factor: 200 },
  { kind: 'slow-code', service: 'recommendations', factor: 150 },
  { kind: 'slow-code', service: 'cart', factor: 400 },
];

/** Slow services for a campaign, each for long enough to be owed a message, with time to recover between. */
function drawScript(random: Random, seconds: number): ScriptedFault[] {
  const script: ScriptedFault[] = [];
  for (let at = 3; at < seconds - 20; ) {
    const length = 45 + random.below(30);
    const fault = SLOWNESS[random.below(SLOWNESS.length)];
    const until = Math.min(at + length, seconds);
    if (fault !== undefined) script.push(scripted(at, until, fault));
    at = until + 20 + random.below(45);
  }
  return script;
}

/** Which installations could see the mesh, second by second. */
interface Sight {
  note(second: number): void;
  canSee(installation: string, second: number): boolean;
}

function createSight(bed: Bed, inForce: ReadonlySet<Struck>): Sight {
  const blindUntil = new Map<string, number>();
  const blind = new Map<string, Set<number>>();
  return {
    note(second) {
      for (const { name, replicas } of bed.installations) {
        const isBlind =
          !replicas.some((each) => each.isWorking()) ||
          [...inForce].some(({ blinds }) => blinds.includes(name));
        if (isBlind) blindUntil.set(name, second + GRACE_S);
        const seconds = blind.get(name) ?? new Set();
        if (second <= (blindUntil.get(name) ?? -1)) blind.set(name, seconds.add(second));
      }
    },
    canSee: (installation, second) => blind.get(installation)?.has(second) !== true,
  };
}

/** Draws faults until the time is over, and ends each at its own time. */
async function strike(
  stage: Stage,
  given: {
    options: CampaignOptions;
    inForce: Set<Struck>;
    second: () => number;
  },
): Promise<number> {
  const { options, inForce, second } = given;
  const kinds = options.kinds ?? Object.keys(FAULTS);
  const ends: Promise<void>[] = [];
  let count = 0;
  while (second() < options.seconds) {
    await wait(Math.min(20_000, stage.random.exponential((options.every ?? 3) * 1_000)));
    const kind = kinds[stage.random.below(kinds.length)] ?? '';
    const struck = await NAMED_FAULTS[kind]?.(stage);
    if (struck === undefined) continue;
    if ([...inForce].some(({ resource }) => resource === struck.resource)) {
      await struck.end();
      continue;
    }
    count += 1;
    options.say(`${String(Math.round(second())).padStart(5)} s  ${kind}: ${struck.text}`);
    inForce.add(struck);
    ends.push(
      wait(struck.seconds * 1_000).then(async () => {
        await struck.end();
        inForce.delete(struck);
      }),
    );
  }
  await Promise.all(ends);
  return count;
}

/** Replicas that are down are started again, whatever ended them. */
function reviveAll({ installations }: Bed): void {
  for (const { replicas } of installations) for (const each of replicas) each.start();
}

async function untilWorking(bed: Bed): Promise<void> {
  reviveAll(bed);
  const deadline = performance.now() + START_LIMIT_S * 1_000;
  const all = bed.installations.flatMap(({ replicas }) => replicas);
  while (!all.every((each) => each.isWorking())) {
    if (performance.now() > deadline) {
      const missing = all.find((each) => !each.isWorking());
      throw new Error(`${missing?.name} did not start:\n${missing?.tail()}`);
    }
    await wait(100);
  }
}

/**
 * Evaluations that were due while the installation could see the mesh, and those that did not come. A rule moves its
 * evaluation times to the scrapes of its metric and each replica learns those by itself, so there is no grid to hold it to:
 * between two evaluations an interval may pass, and each further one that fits in between is missed.
 */
function ticksOf({ ticks, name }: Installation, start: number, sight: Sight): Report['ticks'] {
  let due = 0;
  const missed: MissedTick[] = [];
  for (const [rule, times] of ticks) {
    const now = (Date.now() - start) / 1_000;
    // A replica that is ahead may ask for times that have not come yet.
    const seconds = [...times].map((time) => time - start / 1_000).filter((time) => time >= 0 && time <= now);
    seconds.sort((a, b) => a - b);
    const canSee = (second: number): boolean =>
      sight.canSee(name, Math.floor(second)) && sight.canSee(name, Math.floor(second) + 1);
    due += seconds.filter(canSee).length;
    // The last one that is due may be under way.
    for (const [index, next] of [...seconds, now - GRACE_S].entries()) {
      const last = seconds[index - 1] ?? 0;
      for (let at = last + INTERVAL_S; at < next - INTERVAL_S / 2; at += INTERVAL_S)
        if (canSee(at)) missed.push({ installation: name, rule, at: Math.round(at) });
    }
  }
  return { due: due + missed.length, missed };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Runs processes of the bot under random faults and compares what Slack shows in the end with what happened. */
export async function runCampaign(options: CampaignOptions): Promise<Report> {
  const { seed, seconds, copies = 2, plant, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-chaos-'));
  const entry = await plantedProgram(join(folder, 'program'), plant);
  const deaths: Death[] = [];
  const random = createRandom(seed);
  const inForce = new Set<Struck>();
  let isOver = false;
  let start = Date.now();
  const second = (): number => (Date.now() - start) / 1_000;
  const bed = await layBed({
    folder,
    seed,
    copies,
    entry,
    logs: options.logs,
    redis: options.redis,
    onDeath(replica, code) {
      if (isOver) return;
      deaths.push({ name: replica.name, at: Math.round(second()), code, tail: replica.tail() });
      setTimeout(() => isOver || replica.start(), 2_000);
    },
  });
  const ledger = keepLedger(bed.world.workspace);
  const sight = createSight(bed, inForce);
  let timer: NodeJS.Timeout | undefined;
  try {
    await untilWorking(bed);
    start = Date.now();
    bed.play(drawScript(random, seconds));
    const truth = createTruth(bed.world.mesh.record, start);
    const watch = (): void => {
      sight.note(Math.floor(second()));
      truth.advanceTo(Math.min(Date.now(), bed.world.mesh.now()));
    };
    timer = setInterval(watch, 500);
    const { messages } = ledger;
    const stage: Stage = { bed, random, messages, longestFreeze: options.longestFreeze ?? 150 };
    const faults = await strike(stage, { options, inForce, second });
    bed.world.slack.faults.clear();
    reviveAll(bed);
    say(`${String(Math.round(second())).padStart(5)} s  everything is mended`);
    const judge = (): Omit<Report, 'faults' | 'deaths'> =>
      judgeAll({ bed, truth, sight, ledger, start, copies });
    await untilSettled(judge, { second, say });
    return { faults, deaths, ...judge() };
  } finally {
    isOver = true;
    clearInterval(timer);
    ledger.close();
    await bed.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Waits for the ends of what is open: no longer than a bot may need. */
async function untilSettled(
  judge: () => Pick<Report, 'findings'>,
  { second, say }: { second: () => number; say: CampaignOptions['say'] },
): Promise<void> {
  const from = second();
  // The last window holds slow requests for a while.
  await wait((WINDOW_S + GRACE_S) * 1_000);
  let said = 0;
  while (second() - from < SETTLE_LIMIT_S) {
    const open = judge().findings.filter(({ kind }) => kind === 'never ended');
    if (open.length === 0) break;
    if (open.length !== said)
      say(`${String(Math.round(second())).padStart(5)} s  ${open.length} messages are still open`);
    said = open.length;
    await wait(2_000);
  }
}

function judgeAll(given: {
  bed: Bed;
  truth: Truth;
  sight: Sight;
  ledger: ReturnType<typeof keepLedger>;
  start: number;
  copies: number;
}): Omit<Report, 'faults' | 'deaths'> {
  const { bed, truth, sight, ledger, start } = given;
  const messages = withRules(ledger.messages(), ruleNames(given.copies));
  // Nothing in the mesh measures the gateway as a destination.
  const measured = new Set(
    bed.world.mesh
      .services()
      .filter(({ kind }) => kind === 'service')
      .map(({ name }) => name),
  );
  const checked: Checked[] = [];
  for (const { name, channelId } of bed.installations) {
    const canSee = (second: number): boolean => sight.canSee(name, second);
    for (const service of truth.services()) {
      if (!measured.has(service)) continue;
      const episodes = episodesOf(truth, service, {
        canSee,
        recoverySeconds: WINDOW_S + 2 * INTERVAL_S + 10,
      });
      for (const rule of ruleNames(given.copies))
        checked.push(
          check({
            installation: name,
            service,
            rule,
            start,
            episodes,
            messages: messages.filter(
              (each) => each.channelId === channelId && each.service === service && each.rule === rule,
            ),
            isSlow: (second) => truth.condition(service, second, WINDOW_S / 2) === 'slow',
            owedAfter: OWED_AFTER_S,
            dueAfter: DUE_AFTER_S,
          }),
        );
    }
  }
  const ticks = bed.installations.map((each) => ticksOf(each, start, sight));
  return {
    owed: sum(checked.map(({ owed }) => owed)),
    shown: sum(checked.map(({ shown }) => shown)),
    findings: checked.flatMap(({ findings }) => findings),
    delays: checked.flatMap(({ delays }) => delays),
    ticks: { due: sum(ticks.map(({ due }) => due)), missed: ticks.flatMap(({ missed }) => missed) },
    others: ledger.others(),
  };
}

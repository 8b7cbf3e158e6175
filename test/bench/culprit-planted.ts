import type { Fault } from '../../demo/mesh/faults.ts';
import { createRandom, type Random } from '../../demo/mesh/random.ts';
import { findCulprit } from '../../src/culprit/culprit.ts';
import type { CulpritKind } from '../../src/culprit/result.ts';
import { culpritText } from '../../src/culprit/text.ts';
import { plantedCohorts } from '../support/planted-cohorts.ts';

/** A fault with the service and kinds that name it. */
interface Planted {
  readonly faults: readonly Fault[];
  readonly services: readonly string[];
  readonly kinds: readonly CulpritKind[];
}

/** Services that every checkout calls and waits for. */
const SERVICES = ['payments', 'cart', 'inventory', 'checkout', 'currency', 'auth'];
const shop = (service: string): string => `${service}.shop`;

type Plant = (service: string, random: Random) => Planted;

const one = (fault: Fault, ...kinds: readonly CulpritKind[]): Planted => ({
  faults: [fault],
  services: [shop(fault.service)],
  kinds,
});

/** From `least` to twice that. */
const some = (least: number, random: Random): number => least * (1 + random.next());

const PLANTS: Readonly<Record<string, Plant>> = {
  'own code': (service, random) => one({ kind: 'slow-code', service, factor: some(12, random) }, 'own-code'),
  database: (_, random) => ({
    ...one({ kind: 'slow-database', service: 'payments-db', factor: some(6, random) }, 'database'),
    services: ['payments.shop'],
  }),
  'network on a pod': (service, random) =>
    one({ kind: 'network-delay', service, delayMs: some(40, random) }, 'network'),
  retries: (service, random) =>
    one({ kind: 'retries', service, share: 0.4 + random.next() * 0.3 }, 'retries'),
  queueing: (service, random) =>
    one(
      { kind: 'queueing', service, slotMs: service === 'payments' ? some(120, random) : some(60, random) },
      'queueing',
    ),
  'one bad replica': (service, random) =>
    one({ kind: 'bad-replica', service, factor: some(25, random), pod: random.below(2) }, 'bad-replica'),
  'N+1': (service, random) => {
    const caller = service === 'inventory' || service === 'payments' ? service : 'checkout';
    return one({ kind: 'more-calls', service: caller, times: 4 + random.below(5) }, 'more-calls');
  },
  'new version': (service, random) =>
    one({ kind: 'slow-code', service, factor: some(12, random), version: 'v9' }, 'new-version'),
  'dropped spans': (service, random) => ({
    faults: [
      { kind: 'slow-code', service, factor: some(12, random) },
      { kind: 'dropped-headers', service: service === 'payments' ? 'inventory' : 'payments', share: 0.3 },
    ],
    services: [shop(service)],
    kinds: ['own-code'],
  }),
  'two at once': (service, random) => {
    const other = service === 'shipping' ? 'payments' : 'shipping';
    return {
      faults: [
        {
          kind: 'slow-code',
          service,
          factor: some(service === 'auth' || service === 'currency' ? 40 : 20, random),
        },
        { kind: 'network-delay', service: other, delayMs: some(40, random) },
      ],
      services: [shop(service), shop(other)],
      kinds: ['own-code', 'network'],
    };
  },
  none: () => ({ faults: [], services: [], kinds: [] }),
};

interface Outcome {
  readonly isRight: boolean;
  readonly hasKind: boolean;
  readonly confidence: string;
  /** A second service is named, though there is one fault. */
  readonly hasFalseSecond: boolean;
  readonly text: string;
}

function run(plant: Plant, seed: number): Outcome | undefined {
  const random = createRandom(seed);
  const service = SERVICES[random.below(SERVICES.length)] ?? 'payments';
  const { faults, services, kinds } = plant(service, random);
  const { slow, normal, excess } = plantedCohorts(seed, faults);
  // As the bot does: without an excess of slow requests there is nothing to explain.
  const result = excess.isLarger
    ? findCulprit(slow, normal)
    : ({ kind: 'not-slower', slow: slow.length, normal: normal.length } as const);
  const text = `${JSON.stringify(faults)}: ${culpritText(result).join(' | ')}`;
  if (services.length === 0) {
    const isClaimed = result.kind === 'compared' && result.confidence !== 'unclear';
    const confidence = isClaimed ? result.confidence : 'none';
    return { isRight: !isClaimed, hasKind: !isClaimed, confidence, hasFalseSecond: false, text };
  }
  // The fault made nothing slower that anyone would alert on.
  if (result.kind === 'too-few') return undefined;
  if (result.kind === 'not-slower')
    return { isRight: false, hasKind: false, confidence: 'none', hasFalseSecond: false, text };
  const named = [result.candidates[0], result.second].flatMap((each) => each ?? []);
  const found = services.length === 1 ? named.slice(0, 1) : named;
  const isRight = services.every((each) => found.some(({ service: name }) => name === each));
  const hasKind = isRight && found.every(({ kind }) => kinds.includes(kind));
  const hasFalseSecond = services.length === 1 && result.second !== undefined;
  return { isRight, hasKind, confidence: result.confidence, hasFalseSecond, text };
}

/** Faults planted in the demo's mesh: how often service and kind are named right. `SEEDS=20` for fewer than 200 each. */
export async function benchPlantedCulprits(): Promise<void> {
  const seeds = Number(process.env['SEEDS'] ?? 200);
  console.log(`${'planted'.padEnd(20)} cases  service  and kind  wrong at high  false second`);
  for (const [name, plant] of Object.entries(PLANTS)) {
    if (!name.startsWith(process.env['BENCH_ONLY'] ?? '')) continue;
    const outcomes = Array.from({ length: seeds }, (_, i) => run(plant, i + 1)).flatMap((each) => each ?? []);
    const share = (of: (outcome: Outcome) => boolean): string =>
      (outcomes.filter(of).length / Math.max(1, outcomes.length)).toFixed(3);
    const wrong = outcomes.filter(({ isRight, confidence }) => !isRight && confidence === 'high').length;
    const seconds = outcomes.filter(({ hasFalseSecond }) => hasFalseSecond).length;
    console.log(
      `${name.padEnd(20)} ${String(outcomes.length).padStart(5)}  ${share(({ isRight }) => isRight)}    ${share(({ hasKind }) => hasKind)}     ${String(wrong).padEnd(15)}${seconds}`,
    );
    if (process.argv.includes('--misses'))
      for (const { text } of outcomes.filter(({ hasKind, hasFalseSecond }) => !hasKind || hasFalseSecond))
        console.log(`  ${text}`);
  }
}

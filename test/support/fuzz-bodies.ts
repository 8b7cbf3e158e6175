import { z } from 'zod';
import { createRandom, type Random } from '../../demo/mesh/random.ts';
import { readLegacyTraces } from '../../src/jaeger/wire-legacy.ts';
import { readOtlpTraces } from '../../src/jaeger/wire-otlp.ts';
import { epochMs } from '../../src/lib/units.ts';
import { createLinks } from '../../src/links/link.ts';
import { traceView } from '../../src/traces/inspect-trace.ts';
import { waterfallAltText } from '../../src/traces/pictures.ts';
import { rankingSpan } from '../../src/traces/slowest.ts';
import type { Trace } from '../../src/traces/trace.ts';
import { summarize } from '../../src/traces/trace-summary.ts';
import { waterfallOf } from '../../src/traces/waterfall.ts';
import { GENERATIONS, recordingsOf } from '../unit/jaeger/recordings.ts';

/** A body that a real Jaeger sent, and what reads it. */
interface Seed {
  readonly text: string;
  readonly read: (body: unknown) => readonly Trace[];
}

const MAX_SEED = 40_000;

/** Every recorded answer with traces, of all versions and both API versions. */
function recordedBodies(): readonly Seed[] {
  return GENERATIONS.flatMap((serverVersion) =>
    recordingsOf(serverVersion).flatMap(({ path, status, body }): Seed[] => {
      if (!/^\/api\/(v3\/)?traces/.test(path) || status !== 200 || typeof body !== 'object') return [];
      const text = JSON.stringify(body);
      if (text.length > MAX_SEED || text.includes('"long"')) return [];
      return [{ text, read: path.startsWith('/api/v3') ? readOtlpTraces : readLegacyTraces }];
    }),
  );
}

/** What clients, gateways and hostile hands put where something else should be. */
const ODD: readonly unknown[] = [
  null,
  '',
  0,
  -0,
  -1,
  1.5,
  1e15,
  -6.213_559_68e16,
  1e17,
  1e308,
  -1e308,
  2 ** 53,
  '0',
  '-5',
  '9007199254740993',
  '18446744073709551615',
  '1e309',
  'NaN',
  ' ',
  '__proto__',
  'constructor',
  'AAAAAAAAAAE=',
  '0000000000000000',
  '\ud800',
  '\u0000',
  'x'.repeat(5_000),
  true,
  [],
  {},
  [null],
  { key: 'k' },
  [[[[[[]]]]]],
  { stringValue: 5 },
  { arrayValue: { values: [{ arrayValue: {} }] } },
];

type Container = Record<string, unknown> | unknown[];
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;
const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;

interface Place {
  readonly holder: Container;
  readonly key: string;
}

/** Some place in a body, deep ones as well as shallow ones. */
function placeIn(body: unknown, random: Random): Place | undefined {
  let found: Place | undefined;
  let node = body;
  while (isContainer(node)) {
    const keys = Object.keys(node);
    if (keys.length === 0) break;
    found = { holder: node, key: pick(random, keys) };
    if (found.key === '__proto__' || random.next() < 0.12) break;
    node = (node as Record<string, unknown>)[found.key];
  }
  return found;
}

const valueAt = ({ holder, key }: Place): unknown => (holder as Record<string, unknown>)[key];
const setAt = ({ holder, key }: Place, value: unknown): void => {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
};

/** How often one item of a list is repeated at most: `structuredClone` keeps the copies apart. */
const MAX_COPIES = 60;

function mutateStructure(body: unknown, random: Random): void {
  const place = placeIn(body, random);
  if (place === undefined) return;
  const { holder, key } = place;
  switch (random.below(6)) {
    case 0:
      setAt(place, structuredClone(pick(random, ODD)));
      break;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      break;
    case 2:
      if (Array.isArray(holder)) {
        const copies = Array.from({ length: random.below(MAX_COPIES) }, () =>
          structuredClone(valueAt(place)),
        );
        holder.splice(Number(key), 0, ...copies);
      }
      break;
    case 3: {
      // Another part of the same body: ids of other spans, and so rings, second parents and twins.
      const other = placeIn(body, random);
      if (other !== undefined) setAt(place, structuredClone(valueAt(other)));
      break;
    }
    case 4:
      setAt(place, random.next() < 0.5 ? [valueAt(place)] : { value: valueAt(place) });
      break;
    default:
      setAt(place, nearlyThe(valueAt(place), random));
  }
}

/** A number or text that is a little off; anything else as it is. */
function nearlyThe(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return value * pick(random, [-1, 0, 1e-3, 1e3, 1e9]);
  return typeof value === 'string' ? mutateText(value, random) : value;
}

function mutateText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const size = random.below(8);
  const inserted = pick(random, ['', '0', '"', '}', ',', '\\', '-', '1', 'e', '\u2028', 'null']);
  return text.slice(0, at) + inserted + text.slice(at + size);
}

const LINKS = createLinks({ jaeger: 'http://jaeger.example' });

/** Everything that is made of a trace. Throws when a figure of it is none. */
function analyse(trace: Trace): void {
  const now = epochMs(Date.UTC(2026, 10, 20, 12));
  rankingSpan(trace, {
    service: 'checkout.shop',
    window: { start: epochMs(0), end: now },
  });
  const summary = summarize(trace);
  if (summary === undefined) return;
  const { path, root, duration, breakdown } = summary;
  const sum = path.sections.reduce((total, { start, end }) => total + (end - start), 0);
  // Beyond 2^53 a microsecond is less than a number can tell.
  const isExact = Math.abs(root.start) < 2 ** 52 && root.duration < 2 ** 52;
  if (isExact && sum !== root.duration) {
    throw new Error(`the path's ${sum} us are not the root's ${root.duration} us`);
  }
  if (!Number.isFinite(duration)) throw new Error('the duration is no number');
  waterfallAltText(waterfallOf(summary), breakdown);
  traceView(trace, { now, links: LINKS });
}

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  /** What takes longer has failed; nothing does unless given, since a machine may be busy with other things. */
  readonly hangMs?: number;
}

/** What came of the bodies. */
export interface FuzzReport {
  readonly bodies: number;
  /** Could not be read, and said so. */
  readonly refused: number;
  readonly traces: number;
  readonly slowestMs: number;
  /** What went wrong in any other way, with the body: at most ten. */
  readonly failures: readonly { readonly error: unknown; readonly body: string }[];
}

const MAX_FAILURES = 10;

/** Reads and analyses `count` damaged bodies: two in three damaged in their structure, the others in their bytes. */
export function fuzzBodies({ count, seed, hangMs = Infinity }: FuzzOptions): FuzzReport {
  const random = createRandom(seed);
  const seeds = recordedBodies();
  const failures: { error: unknown; body: string }[] = [];
  let [refused, traces, slowestMs] = [0, 0, 0];
  for (let run = 0; run < count && failures.length < MAX_FAILURES; run++) {
    const { text, read } = pick(random, seeds);
    const body = damaged(text, random);
    const startedAt = performance.now();
    try {
      const all = read(JSON.parse(body));
      traces += all.length;
      for (const trace of all) analyse(trace);
    } catch (error) {
      if (error instanceof z.ZodError || error instanceof SyntaxError) refused += 1;
      else failures.push({ error, body });
    }
    const took = performance.now() - startedAt;
    slowestMs = Math.max(slowestMs, took);
    if (took > hangMs) failures.push({ error: new Error(`took ${Math.round(took)} ms`), body });
  }
  return { bodies: count, refused, traces, slowestMs, failures };
}

function damaged(text: string, random: Random): string {
  if (random.below(3) === 0) {
    let mutated = text;
    for (let i = random.below(3); i >= 0; i--) mutated = mutateText(mutated, random);
    return mutated;
  }
  const body: unknown = JSON.parse(text);
  for (let i = random.below(6); i >= 0; i--) mutateStructure(body, random);
  return JSON.stringify(body);
}

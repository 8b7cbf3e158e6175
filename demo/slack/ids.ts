/** Where the workspace's identifiers come from: the same seed gives the same ones. */
export interface Ids {
  /** An identifier as Slack's: the prefix letter and ten capitals or digits. */
  readonly next: (prefix: string) => string;
  /** A token of `length` lower-case hexadecimal digits. */
  readonly hex: (length: number) => string;
  /** A whole number from 0 to `bound` - 1. */
  readonly below: (bound: number) => number;
}

const CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const HEX = '0123456789abcdef';

export function createIds(seed: number): Ids {
  const random = mulberry32(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const draw = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  return { next: (prefix) => prefix + draw(CAPITALS, 10), hex: (length) => draw(HEX, length), below };
}

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough for names. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

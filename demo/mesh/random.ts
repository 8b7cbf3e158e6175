/** A stream of pseudo-random numbers that depends on its seed and on nothing else. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number in [0, 2^32). */
  uint32(): number;
  /** A whole number in [0, bound). */
  below(bound: number): number;
  /** Log-normal with this median; `sigma` is the standard deviation of the logarithm. */
  logNormal(median: number, sigma: number): number;
  /** Exponential with this mean: the gap between two arrivals of a Poisson process. */
  exponential(mean: number): number;
  /** `digits` lower-case hexadecimal digits; `digits` is a multiple of 8. */
  hex(digits: number): string;
}

/** Fills the generator's state from one number. Source: splitmix32, the mixer of MurmurHash3 on a Weyl sequence. */
function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * xoshiro128** by David Blackman and Sebastiano Vigna (public domain, https://prng.di.unimi.it/xoshiro128starstar.c),
 * seeded through splitmix32 as its authors advise.
 */
function xoshiro128(seed: number): () => number {
  const fill = splitmix32(seed);
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

/** Creates a stream of pseudo-random numbers. Two streams of one seed are equal. */
export function createRandom(seed: number): Random {
  const uint32 = xoshiro128(seed);
  const next = (): number => uint32() / 0x1_0000_0000;
  let spareNormal: number | undefined;

  /** Box and Muller's transform gives two independent normals at a time; the second is kept for the next call. */
  const normal = (): number => {
    if (spareNormal !== undefined) {
      const kept = spareNormal;
      spareNormal = undefined;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };

  return {
    next,
    uint32,
    below: (bound) => Math.floor(next() * bound),
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    exponential: (mean) => -mean * Math.log(1 - next()),
    hex: (digits) => {
      let text = '';
      while (text.length < digits) text += uint32().toString(16).padStart(8, '0');
      return text;
    },
  };
}

/**
 * The only source of randomness: streams by seed and name, the same on every machine.
 *
 * Generator: xoshiro128** seeded by splitmix32 of the seed and an FNV-1a hash of the stream's name, so that streams
 * of one seed are independent and adding one does not move the others.
 *
 * Source: Blackman & Vigna (2021), Scrambled linear pseudorandom number generators, ACM TOMS 47(4).
 *
 * @example
 * ```ts
 * const a = randomStream(7, "probes");
 * const b = randomStream(7, "probes");
 * expect(a.normal()).toBe(b.normal());
 * ```
 */
export interface RandomStream {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** −1 or 1, each with probability ½. */
  sign(): number;
  /** An integer in [0, n). */
  integer(n: number): number;
  /** A uniformly random order of 0 … n−1. */
  permutation(n: number): Int32Array;
}

export function randomStream(seed: number, name = ""): RandomStream {
  const next32 = xoshiro128(mixSeed(seed, name));
  const uniform = (): number => ((next32() >>> 5) * 67108864 + (next32() >>> 6)) / 9007199254740992;
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const z = spare;
      spare = undefined;
      return z;
    }
    // Box–Muller; 1 − u keeps the logarithm's argument in (0, 1].
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const integer = (n: number): number => Math.floor(uniform() * n);
  return {
    uniform,
    normal,
    sign: () => (next32() & 0x80000000 ? -1 : 1),
    integer,
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = integer(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
  };
}

function mixSeed(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b1);
  for (const c of name) hash = Math.imul(hash ^ c.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}

function xoshiro128(seed: number): () => number {
  let mix = seed;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const s = Uint32Array.from({ length: 4 }, splitmix);
  return () => {
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  };
}

const rotl = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;

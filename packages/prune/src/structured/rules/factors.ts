/**
 * A reshape as axes that fall into parts and parts that are put together.
 *
 *     [2, 12, 24] → [2, 12, 3, 8]     24 falls into 3 · 8
 *     [2, 3, 12, 8] → [6, 12, 8]      2 and 3 are put together
 */

export interface Factors {
  /** Lengths of the parts, in row-major order. */
  readonly lengths: readonly number[];
  /** For each axis on either side, the parts that it is made of; none for an axis of length 1. */
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
}

/** Undefined where no common parts exist, as for [2, 3] → [3, 2]. */
export function commonFactors(before: readonly number[], after: readonly number[]): Factors | undefined {
  const cuts = [...new Set([...productsOf(before), ...productsOf(after)])].sort((a, b) => a - b);
  const lengths: number[] = [];
  for (const [i, cut] of cuts.entries()) {
    const last = i === 0 ? 1 : cuts[i - 1]!;
    if (last === 0 || cut % last !== 0) return undefined;
    lengths.push(cut / last);
  }
  const partsOf = (shape: readonly number[]): number[][] => {
    let done = 1;
    return shape.map((length) => {
      const [from, to] = [done, done * length];
      done = to;
      return cuts.flatMap((cut, i) => (cut > from && cut <= to ? [i] : []));
    });
  };
  return { lengths, before: partsOf(before), after: partsOf(after) };
}

/** Running products, first axis first, without the leading ones. */
function productsOf(shape: readonly number[]): number[] {
  let product = 1;
  return shape.flatMap((length) => {
    product *= length;
    return length === 1 ? [] : [product];
  });
}

/** Position of flat index `i` along part `part` of an axis with these parts. */
export function coordinate(i: number, lengths: readonly number[], part: number): number {
  const inner = lengths.slice(part + 1).reduce((n, d) => n * d, 1);
  return Math.floor(i / inner) % lengths[part]!;
}

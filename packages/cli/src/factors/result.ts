/** What `hessonite factors` and `hessonite factors merge` say of a list of blocks. */
import type { KroneckerFactors, Matrix } from "@hessonite/core";
import { eighMany } from "@hessonite/core";
import { z } from "zod";

const spectrum = z.object({ largest: z.number(), smallest: z.number() });

export const blockSchema = z.object({
  name: z.string(),
  kind: z.enum(["matrix", "table", "vector"]),
  out: z.int(),
  in: z.int(),
  trace: z.number().describe("of the block: tr G · tr A"),
  g: spectrum.nullable().describe("eigenvalues of G; null where they were left out"),
  a: spectrum.nullable().describe("eigenvalues of A; null for a vector"),
});

export type BlockSummary = z.output<typeof blockSchema>;

type Factor = Matrix | Float64Array;

export async function summariesOf({ blocks }: KroneckerFactors, spectra: boolean): Promise<BlockSummary[]> {
  const dense = blocks.flatMap(({ g, a }) => (a && !(a instanceof Float64Array) ? [g, a] : [g]));
  const decomposed = spectra ? await eighMany(dense) : [];
  const ends = (factor: Factor | undefined): BlockSummary["g"] => {
    if (!factor || !spectra) return null;
    const values = factor instanceof Float64Array ? factor : decomposed[dense.indexOf(factor)]?.values;
    return values ? { largest: extreme(values, Math.max), smallest: extreme(values, Math.min) } : null;
  };
  return blocks.map(({ name, kind, out, in: width, g, a }) => ({
    name,
    kind,
    out,
    in: width,
    trace: traceOf(g) * (a ? traceOf(a) : 1),
    g: ends(g),
    a: ends(a),
  }));
}

function extreme(values: Float64Array, pick: (a: number, b: number) => number): number {
  return values.reduce((best, x) => pick(best, x));
}

function traceOf(factor: Factor): number {
  if (factor instanceof Float64Array) return factor.reduce((sum, x) => sum + x, 0);
  const { rows, data } = factor;
  return data.reduce((sum, x, at) => (at % (rows + 1) === 0 ? sum + x : sum), 0);
}

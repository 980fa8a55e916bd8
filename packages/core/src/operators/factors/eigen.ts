/** Eigendecompositions of Kronecker factors, several at once. */
import type { Eigendecomposition } from "../../linalg/eigh.ts";
import type { Matrix } from "../../linalg/matrix.ts";
import type { KroneckerBasis } from "./action.ts";
import type { KroneckerBlock } from "./kroneckerFactors.ts";

export interface BlockEigen {
  readonly basis: KroneckerBasis;
  /** Eigenvalues of G. */
  readonly g: Float64Array;
  /** Eigenvalues of A; 1 for a vector, the diagonal itself for a table. */
  readonly a: Float64Array;
}

type EighMany = (matrices: readonly Matrix[]) => Promise<Eigendecomposition[]>;

/** Of every block, in order; a factor that several blocks share is decomposed once. */
export async function eigenOf(blocks: readonly KroneckerBlock[], eighMany: EighMany): Promise<BlockEigen[]> {
  const distinct = [...new Set(blocks.flatMap(({ g, a }) => (a && !(a instanceof Float64Array) ? [g, a] : [g])))];
  const decomposed = await eighMany(distinct);
  const found = new Map(distinct.map((m, i) => [m, decomposed[i]!]));
  return blocks.map(({ g, a }) => {
    const { values, vectors } = found.get(g)!;
    if (!a) return { basis: { qg: vectors }, g: values, a: Float64Array.of(1) };
    if (a instanceof Float64Array) return { basis: { qg: vectors }, g: values, a };
    const right = found.get(a)!;
    return { basis: { qg: vectors, qa: right.vectors }, g: values, a: right.values };
  });
}

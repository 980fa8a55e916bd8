/** The block diagonal of the exact Gauss–Newton matrix: P_b G P_b for every layer's block b, summed. */
import { ggn, type LinearOperator, layerBlocks, type Problem } from "@hessonite/core";

/** Cost: a product with it is one product with G for each block. */
export function blockGgn(problem: Problem): LinearOperator {
  const g = ggn(problem);
  const { size } = problem.space;
  const { blocks } = layerBlocks(problem, { fisher: "type-2" });
  const self: LinearOperator = {
    name: "block GGN",
    shape: g.shape,
    structure: g.structure,
    adjoint: () => self,
    async apply(v, options = {}) {
      const out = new Float64Array(v.length);
      for (const { index } of blocks) {
        const part = new Float64Array(v.length);
        const each = (f: (at: number) => void): void => {
          for (let row = 0; row < v.length / size; row++) for (const i of index) f(row * size + i);
        };
        each((at) => {
          part[at] = v[at]!;
        });
        const product = await g.apply(part, options);
        each((at) => {
          out[at] = product[at]!;
        });
      }
      return out;
    },
  };
  return self;
}

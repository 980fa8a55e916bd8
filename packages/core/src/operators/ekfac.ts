/**
 * EKFAC: KFAC's eigenbasis with the exact diagonal of the curvature in it.
 *
 *     E = P · blockDiagonal((Q_G ⊗ Q_A) diag(λ) (Q_G ⊗ Q_A)ᵀ) · Pᵀ
 *
 * Never further from the exact blocks than KFAC in Frobenius norm, as λ is the best diagonal in that basis.
 *
 * Source: George et al. (2018), Fast approximate natural gradient descent in a Kronecker-factored eigenbasis, NeurIPS.
 */
import type { Engine } from "../engine/engine.ts";
import { eighMany } from "../linalg/eigh.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { eigenAction, type KroneckerBasis } from "./factors/action.ts";
import type { BlockShape } from "./factors/blocks.ts";
import { type BlockwiseOperator, blockwise, blockwiseLogDeterminant } from "./factors/blockwise.ts";
import { requireDamping } from "./factors/damping.ts";
import { eigenOf } from "./factors/eigen.ts";
import { type CorrectionConvention, eigenvalueCorrection } from "./factors/eigenvalueCorrection.ts";
import { kroneckerFactors } from "./factors/kroneckerFactors.ts";
import type { FactorOptions } from "./factors/request.ts";
import type { LinearOperator } from "./linearOperator.ts";
import type { Problem } from "./problem.ts";
import { raised } from "./spectrum.ts";

export interface EkfacOptions extends Omit<FactorOptions, "approximation"> {
  /** How λ counts the loss terms of a row; "perTerm" unless said. */
  readonly convention?: CorrectionConvention;
}

/** A block in its eigenbasis. */
export interface EigenBlock extends BlockShape {
  readonly basis: KroneckerBasis;
  /** λ `[out, in]` */
  readonly values: Matrix;
}

export interface EkfacOperator extends BlockwiseOperator {
  readonly blocks: readonly EigenBlock[];
  /** What was chosen for the caller, in a sentence. */
  readonly chosen?: string;
}

/**
 * @returns P × P, self-adjoint and positive semidefinite, with exact inverse, powers and log-determinant.
 *
 * Cost: the factors' pass, their eigendecompositions, and one more pass.
 */
export async function ekfac(
  problem: Problem,
  { convention = "perTerm", ...options }: EkfacOptions = {},
): Promise<EkfacOperator> {
  const factors = await kroneckerFactors(problem, options);
  const eigen = await eigenOf(factors.blocks, eighMany);
  const { signal, onProgress } = options;
  const values = await eigenvalueCorrection(problem, factors, eigen, {
    convention,
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  const blocks = factors.blocks.map(
    (block, i): EigenBlock => ({ ...block, basis: eigen[i]!.basis, values: values[i]! }),
  );
  const { chosen } = factors.request;
  return Object.assign(ekfacOf(blocks, problem.space.size, problem.engine), chosen ? { chosen } : {});
}

/** The operator of blocks that were computed or loaded; `engine` as for `kfacOf`. */
export function ekfacOf(blocks: readonly EigenBlock[], size: number, engine?: Engine): EkfacOperator {
  const powered = (name: string, p: number, damping: number): LinearOperator =>
    blockwise(
      name,
      size,
      blocks.map(({ basis, values, ...block }) => ({
        shape: block,
        action: eigenAction(basis, { ...values, data: raised(values.data, p, damping, `EKFAC of ${block.name}`) }),
      })),
      {},
      { rest: damping ** p },
    );
  const op = blockwise(
    "EKFAC",
    size,
    blocks.map((block) => ({ shape: block, action: eigenAction(block.basis, block.values) })),
    {
      async inverse(damping) {
        requireDamping(damping);
        return powered(`(EKFAC + ${damping})⁻¹`, -1, damping);
      },
      power: async (p, damping) => powered(`(EKFAC + ${damping})^${p}`, p, damping),
      logDeterminant: async (damping) =>
        blockwiseLogDeterminant(
          blocks.map(({ values }) => values.data),
          size,
          damping,
        ),
    },
    { engine },
  );
  return Object.assign(op, { blocks });
}

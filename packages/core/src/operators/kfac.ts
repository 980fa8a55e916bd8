/**
 * KFAC: every layer's curvature as one Kronecker product.
 *
 *     K = P · blockDiagonal(G_l ⊗ A_l) · Pᵀ
 *
 * Nothing about it is special to the algebra: trace, norm, determinant and inverse follow from the factors' own.
 *
 * Sources: Martens & Grosse (2015), arXiv:1503.05671; Eschenhagen et al. (2023), arXiv:2311.00636.
 */
import type { Engine } from "../engine/engine.ts";
import { UsageError } from "../errors.ts";
import { eighMany } from "../linalg/eigh.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { eigenAction, type KroneckerBasis, kroneckerAction, outer } from "./factors/action.ts";
import { type BlockwiseOperator, blockwise, blockwiseLogDeterminant } from "./factors/blockwise.ts";
import { type Damping, dampedInverse, requireDamping } from "./factors/damping.ts";
import { type BlockEigen, eigenOf } from "./factors/eigen.ts";
import { type KroneckerBlock, type KroneckerFactors, kroneckerFactors } from "./factors/kroneckerFactors.ts";
import type { FactorOptions } from "./factors/request.ts";
import type { LinearOperator } from "./linearOperator.ts";
import type { Problem } from "./problem.ts";
import { raised } from "./spectrum.ts";

export interface KfacOperator extends BlockwiseOperator {
  readonly factors: KroneckerFactors;
  /** (K + damping)⁻¹ in one of three forms, "factored" unless said; `exact.inverse` is the exact one unless said. */
  inverse(damping: number, form?: Damping): Promise<LinearOperator>;
}

/**
 * Computes the factors and makes the operator.
 *
 * @returns P × P, self-adjoint and positive semidefinite; parameters outside every layer have zero rows.
 *
 * @example
 * ```ts no-run
 * const k = await kfac(problem);
 * const step = await (await k.inverse(1e-3, "exact")).apply(gradient);
 * ```
 */
export async function kfac(problem: Problem, options: FactorOptions = {}): Promise<KfacOperator> {
  return kfacOf(await kroneckerFactors(problem, options), problem.space.size, problem.engine);
}

/**
 * The operator of factors that were computed, merged or loaded.
 *
 * @param engine Where many products with a large operator run, in the engine's precision; its inverses stay in float64.
 */
export function kfacOf(factors: KroneckerFactors, size: number, engine?: Engine): KfacOperator {
  return Object.assign(kroneckerBlocks(factors.blocks, size, engine), { factors });
}

/** The same of blocks alone. */
export function kroneckerBlocks(
  blocks: readonly KroneckerBlock[],
  size: number,
  engine?: Engine,
): Omit<KfacOperator, "factors"> {
  let eigen: Promise<readonly BlockEigen[]> | undefined;
  const eigenBlocks = (): Promise<readonly BlockEigen[]> => {
    eigen ??= eigenOf(blocks, eighMany).then((list) => {
      list.forEach(({ g, a }, i) => {
        requireSemidefinite(g, `factor G of ${blocks[i]!.name}`);
        requireSemidefinite(a, `factor A of ${blocks[i]!.name}`);
      });
      return list;
    });
    return eigen;
  };
  /** λ of G ⊗ A `[out, in]`, without what rounding left below zero. */
  const spectra = async (): Promise<{ readonly basis: KroneckerBasis; readonly values: Matrix }[]> =>
    (await eigenBlocks()).map(({ basis, g, a }) => {
      const values = outer(g, a);
      return { basis, values: { ...values, data: values.data.map((x) => Math.max(x, 0)) } };
    });
  const inverse = async (damping: number, form: Damping = "factored"): Promise<LinearOperator> => {
    requireDamping(damping);
    const actions = await Promise.all(
      blocks.map((block, i) => dampedInverse(block, damping, form, async () => (await eigenBlocks())[i]!)),
    );
    return blockwise(
      `(KFAC + ${damping})⁻¹`,
      size,
      actions.map((action, i) => ({ shape: blocks[i]!, action })),
      {},
      { rest: 1 / damping },
    );
  };
  const power = async (p: number, damping: number): Promise<LinearOperator> => {
    const list = await spectra();
    const actions = list.map(({ basis, values }, i) =>
      eigenAction(basis, { ...values, data: raised(values.data, p, damping, `KFAC of ${blocks[i]!.name}`) }),
    );
    return blockwise(
      `(KFAC + ${damping})^${p}`,
      size,
      actions.map((action, i) => ({ shape: blocks[i]!, action })),
      {},
      { rest: damping ** p },
    );
  };
  const logDeterminant = async (damping: number): Promise<number> =>
    blockwiseLogDeterminant(
      (await spectra()).map(({ values }) => values.data),
      size,
      damping,
    );
  const actions = blocks.map((block) => ({ shape: block, action: kroneckerAction(block.g, block.a) }));
  const facts = {
    inverse: (damping: number, rule: Damping = "exact") => inverse(damping, rule),
    power,
    logDeterminant,
  };
  const op = blockwise("KFAC", size, actions, facts, { engine });
  return Object.assign(op, { inverse });
}

/** Below zero by more of the largest eigenvalue than this is no rounding, in float32 either. */
const roundingShare = 1e-4;

/** @throws {UsageError} if an eigenvalue is negative beyond rounding. */
function requireSemidefinite(values: Float64Array, name: string): void {
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const least = values.reduce((l, x) => Math.min(l, x), 0);
  if (least >= -roundingShare * largest) return;
  throw new UsageError(`Cannot use ${name} as it is not positive semidefinite`, {
    found: least,
    "largest eigenvalue": largest,
    try: "factors that were computed by kroneckerFactors, or averages of such",
  });
}

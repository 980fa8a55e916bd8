/**
 * The approximate inverse of a weighted sum of curvatures, from their Kronecker factors.
 *
 *     Σ_i α_i F_i  ≈  (Σ α_i G_i) ⊗ (Σ α_i A_i / Σ α_i)     block by block
 *
 * Entries that no block covers have curvature δ.
 */
import { MismatchError } from "../errors.ts";
import { inverseSPD } from "../linalg/cholesky.ts";
import { eighMany } from "../linalg/eigh.ts";
import { diagonalOf, identity, type Matrix, matmul, matrix, plusDiagonal } from "../linalg/matrix.ts";
import { eigenAction, type Factor, kroneckerAction, outer } from "../operators/factors/action.ts";
import { blockwise } from "../operators/factors/blockwise.ts";
import { eigenOf } from "../operators/factors/eigen.ts";
import type { KroneckerBlock, KroneckerFactors } from "../operators/factors/kroneckerFactors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";

/**
 * Factors of the weighted sum, as one Kronecker product a block.
 *
 * @throws {MismatchError} if the factors are of other blocks.
 */
export function sumFactors(list: readonly KroneckerFactors[], weights: readonly number[]): KroneckerFactors {
  const [first] = list;
  if (
    !first ||
    list.some(({ blocks }) => blocks.map((b) => b.name).join() !== first.blocks.map((b) => b.name).join())
  ) {
    throw new MismatchError("Cannot add Kronecker factors as they are of different layers", {
      expected: first?.blocks.map((b) => b.name).join(", ") ?? "one or more",
      found:
        list
          .at(-1)
          ?.blocks.map((b) => b.name)
          .join(", ") ?? "none",
    });
  }
  const total = weights.reduce((sum, w) => sum + w, 0);
  const shares = weights.map((w) => w / total);
  const blocks = first.blocks.map((block, i): KroneckerBlock => {
    const g = weighted(
      list.map(({ blocks: own }) => own[i]!.g),
      weights,
    ) as KroneckerBlock["g"];
    return block.a
      ? {
          ...block,
          g,
          a: weighted(
            list.map(({ blocks: own }) => own[i]!.a!),
            shares,
          ),
        }
      : { ...block, g };
  });
  return { ...first, blocks };
}

function weighted(factors: readonly Factor[], weights: readonly number[]): Factor {
  const data = (f: Factor): Float64Array => (f instanceof Float64Array ? f : f.data);
  const first = factors[0]!;
  const sum = new Float64Array(data(first).length);
  factors.forEach((factor, i) => {
    const own = data(factor);
    for (let k = 0; k < sum.length; k++) sum[k]! += weights[i]! * own[k]!;
  });
  return first instanceof Float64Array ? sum : matrix(first.rows, first.columns, sum);
}

/**
 * ≈ (Σ_i α_i G_i ⊗ A_i + δ I)⁻¹: the sum's diagonal in the eigenbasis of the summed factors; 1/δ where no block is.
 *
 *     λ_kl = Σ_i α_i (Q_Gᵀ G_i Q_G)_kk (Q_Aᵀ A_i Q_A)_ll
 *
 * Exact where the factors commute: for one task, and for a factor that all share. Where every G_i is a multiple of the identity,
 * the sum is I ⊗ Σ α_i c_i A_i, and its inverse comes by Cholesky's factorisation, many times faster than eigenvectors.
 *
 * @param damping δ > 0.
 */
export async function kroneckerPreconditioner(
  list: readonly KroneckerFactors[],
  weights: readonly number[],
  size: number,
  damping: number,
): Promise<LinearOperator> {
  const { blocks } = sumFactors(list, weights);
  const sides = blocks.map((_, b) =>
    inputSide(
      list.map((own) => own.blocks[b]!),
      weights,
    ),
  );
  const inverses = await Promise.all(sides.map((side) => side && inverseSPD(plusDiagonal(side, damping))));
  const others = blocks.filter((_, b) => !sides[b]);
  const eigen = new Map((await eigenOf(others, eighMany)).map((own, i) => [others[i]!, own]));
  const actions = blocks.map((block, b) => {
    const direct = inverses[b];
    if (direct) return { shape: block, action: kroneckerAction(identity(block.out), direct.inverse) };
    const { basis } = eigen.get(block)!;
    const values = new Float64Array(block.out * block.in);
    list.forEach(({ blocks: own }, i) => {
      const { g, a } = own[b]!;
      const product = outer(rotatedDiagonal(g, basis.qg), a ? rotatedDiagonal(a, basis.qa) : Float64Array.of(1));
      for (let k = 0; k < values.length; k++) values[k]! += weights[i]! * product.data[k]!;
    });
    const inverse = values.map((x) => 1 / (Math.max(x, 0) + damping));
    return { shape: block, action: eigenAction(basis, matrix(block.out, block.in, inverse)) };
  });
  return blockwise("Kronecker preconditioner", size, actions, {}, { rest: 1 / damping });
}

/** Σ α_i c_i A_i, of blocks that are c_i I ⊗ A_i with dense A_i. */
function inputSide(blocks: readonly KroneckerBlock[], weights: readonly number[]): Matrix | undefined {
  const scales = blocks.map(({ g }) => scaleOf(g));
  const sides = blocks.flatMap(({ a }) => (a && !(a instanceof Float64Array) ? [a] : []));
  if (sides.length < blocks.length || scales.some((scale) => scale === undefined)) return undefined;
  return weighted(
    sides,
    weights.map((weight, i) => weight * scales[i]!),
  ) as Matrix;
}

/** c of c·I */
function scaleOf({ rows, data }: Matrix): number | undefined {
  const scale = data[0]!;
  return data.every((x, k) => x === (k % (rows + 1) === 0 ? scale : 0)) ? scale : undefined;
}

/** diag(Qᵀ F Q); F itself where it is diagonal and has no other basis. */
function rotatedDiagonal(factor: Factor, q: Matrix | undefined): Float64Array {
  if (factor instanceof Float64Array) return factor;
  if (!q) return diagonalOf(factor);
  const rotated = matmul(factor, q);
  const diagonal = new Float64Array(q.columns);
  for (let k = 0; k < rotated.data.length; k++) diagonal[k % q.columns]! += rotated.data[k]! * q.data[k]!;
  return diagonal;
}

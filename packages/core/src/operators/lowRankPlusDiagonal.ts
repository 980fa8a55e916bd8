/**
 * A diagonal and a few directions.
 *
 *     A = diag(d) + Σ_i c_i u_i u_iᵀ      d [n], u_i the r rows of U
 *
 * With W_i = √|c_i| u_i, σ_i = sign c_i, D = diag(d + δ) and the small matrix M = diag(σ) + W D⁻¹ Wᵀ [r, r]:
 *
 *     (A + δ I)⁻¹ = D⁻¹ − D⁻¹ Wᵀ M⁻¹ W D⁻¹,      |det(A + δ I)| = |det D| · |det M|
 *
 * so inverses are again of this form. Costs: n·r a product, n·r² + r³ an inverse or determinant.
 *
 * Source: Woodbury (1950), Inverting modified matrices; the matrix determinant lemma.
 */
import { MismatchError } from "../errors.ts";
import { eigh, eighSync } from "../linalg/eigh.ts";
import { gram, type Matrix, matmul, matmulAside, scaleColumns, scaleRows, symmetrize } from "../linalg/matrix.ts";
import { dot, row, sum } from "../linalg/vector.ts";
import { eigenOperator } from "./eigenOperator.ts";
import { type LinearOperator, positiveSemidefinite, selfAdjoint, type Vector } from "./linearOperator.ts";
import { type Facts, makeOperator } from "./makeOperator.ts";
import { logAbsSum, raised } from "./spectrum.ts";

export interface LowRankPlusDiagonalParts {
  /** d. Not copied, and not to be changed; so is the rest. */
  readonly diagonal: Vector;
  /** U [r, n]: one direction a row, of any length. */
  readonly directions: Matrix;
  /** c, 1 for each unless given. */
  readonly weights?: Vector;
  /** True where A is known to be semidefinite though a weight is negative. */
  readonly positiveSemidefinite?: boolean;
  readonly name?: string;
}

export interface LowRankPlusDiagonal extends LinearOperator {
  readonly parts: Required<Pick<LowRankPlusDiagonalParts, "diagonal" | "directions" | "weights">>;
}

/** @throws {MismatchError} unless directions have the diagonal's length, and there is one weight for each. */
export function lowRankPlusDiagonal(given: LowRankPlusDiagonalParts): LowRankPlusDiagonal {
  const { diagonal, directions, name = "low rank plus diagonal" } = given;
  const weights = given.weights ?? new Float64Array(directions.rows).fill(1);
  requireSizes(diagonal, directions, weights);
  const parts = { diagonal, directions, weights };
  const n = diagonal.length;
  const semidefinite =
    given.positiveSemidefinite ?? (diagonal.every((x) => x >= 0) && weights.every((weight) => weight >= 0));
  const operator = makeOperator({
    name,
    shape: [n, n],
    structure: semidefinite ? positiveSemidefinite : selfAdjoint,
    async multiply(v, k) {
      const along = await matmulAside({ rows: k, columns: n, data: v }, directions, { flip: { b: true } });
      const result = (await matmulAside(scaleColumns(along, weights), directions)).data;
      return result.map((x, at) => x + (diagonal[at % n] ?? 0) * (v[at] ?? 0));
    },
    exact: { ...plainFacts(parts), ...woodburyFacts(parts, semidefinite, name), ...spectralFacts(parts, name) },
  });
  return Object.assign(operator, { parts });
}

type Parts = LowRankPlusDiagonal["parts"];

function requireSizes(diagonal: Vector, directions: Matrix, weights: Vector): void {
  if (directions.columns !== diagonal.length) {
    throw new MismatchError("Cannot add directions to a diagonal as their lengths differ", {
      expected: diagonal.length,
      found: directions.columns,
    });
  }
  if (weights.length !== directions.rows) {
    throw new MismatchError("Cannot weight directions as there is not one weight for each", {
      expected: directions.rows,
      found: weights.length,
    });
  }
}

function plainFacts({ diagonal, directions, weights }: Parts): Facts {
  const squares = Float64Array.from(weights, (_, i) => squaredNorm(row(directions.data, i, diagonal.length)));
  return {
    trace: () => sum(diagonal) + dot(weights, squares),
    diagonal: () => {
      const squared = { ...directions, data: directions.data.map((x) => x * x) };
      return matmul({ rows: 1, columns: weights.length, data: weights }, squared).data.map(
        (x, j) => x + (diagonal[j] ?? 0),
      );
    },
    // ‖A‖² = Σ d² + 2 Σ_i c_i u_iᵀ D u_i + Σ_ij c_i c_j (u_iᵀ u_j)²
    squaredFrobeniusNorm: () => {
      const cross = matmul(scaleColumns(directions, diagonal), directions, { b: true });
      const inner = gram(directions, { of: "rows" });
      const weighted = scaleRows(weights, scaleColumns({ ...inner, data: inner.data.map((x) => x * x) }, weights));
      const onDiagonal = weights.reduce((total, c, i) => total + c * (cross.data[i * cross.columns + i] ?? 0), 0);
      return dot(diagonal, diagonal) + 2 * onDiagonal + sum(weighted.data);
    },
  };
}

function woodburyFacts(parts: Parts, semidefinite: boolean, name: string): Facts {
  return {
    inverse(damping) {
      const inverted = raised(parts.diagonal, -1, damping, `the diagonal of ${name}`);
      const { values, vectors, w } = smallSystem(parts, inverted);
      const directions = matmul(vectors, scaleColumns(w, inverted), { a: true }); // QᵀW D⁻¹, M = Q diag(μ) Qᵀ
      const weights = raised(values, -1, 0, name).map((x) => -x);
      return lowRankPlusDiagonal({
        diagonal: inverted,
        directions,
        weights,
        positiveSemidefinite: semidefinite && damping >= 0,
        name: `${name}⁻¹`,
      });
    },
    logDeterminant(damping) {
      const inverted = raised(parts.diagonal, -1, damping, `the diagonal of ${name}`);
      return logAbsSum(parts.diagonal, damping) + logAbsSum(smallSystem(parts, inverted).values, 0);
    },
  };
}

/** M = diag(σ) + W D⁻¹ Wᵀ, decomposed, and W; directions of weight 0 are left out. */
function smallSystem(
  { directions, weights }: Parts,
  inverted: Vector,
): { readonly values: Vector; readonly vectors: Matrix; readonly w: Matrix } {
  const w = rootedDirections(directions, weights);
  const m = symmetrize(matmul(scaleColumns(w, inverted), w, { b: true }));
  const signs = weights.filter((weight) => weight !== 0).map(Math.sign);
  const data = m.data.map((x, at) => (at % (m.columns + 1) === 0 ? x + (signs[at / (m.columns + 1)] ?? 0) : x));
  return { ...eighSync({ ...m, data }), w };
}

/** W: rows √|c_i| u_i, without those of weight 0. */
function rootedDirections({ columns, data }: Matrix, weights: Vector): Matrix {
  const kept = Array.from(weights.keys()).filter((i) => weights[i] !== 0);
  const rows = new Float64Array(kept.length * columns);
  for (const [to, i] of kept.entries()) {
    const root = Math.sqrt(Math.abs(weights[i] ?? 0));
    rows.set(
      row(data, i, columns).map((x) => root * x),
      to * columns,
    );
  }
  return { rows: kept.length, columns, data: rows };
}

/** Where d is the same everywhere and no weight negative, A is d I plus low rank, and its spectrum is that of W Wᵀ. */
function spectralFacts(parts: Parts, name: string): Facts {
  const { diagonal, directions, weights } = parts;
  const [level = 0] = diagonal;
  if (!diagonal.every((x) => x === level) || weights.some((weight) => weight < 0)) return {};
  const decomposed = async () => {
    const w = rootedDirections(directions, weights);
    const { values, vectors } = await eigh(gram(w, { of: "rows" }));
    const least = w.columns * Number.EPSILON * Math.max(0, ...values);
    const kept = Array.from(values.keys()).filter((i) => (values[i] ?? 0) > least);
    // q = Wᵀ x / √λ
    const roots = values.map((value) => (value > least ? 1 / Math.sqrt(value) : 0));
    const all = scaleColumns(matmul(w, vectors, { a: true }), roots);
    const start = values.length - kept.length;
    const q = { rows: all.rows, columns: kept.length, data: keepColumns(all, start) };
    return eigenOperator({ values: values.slice(start).map((value) => value + level), vectors: q, rest: level, name });
  };
  return {
    power: async (power, damping) => (await decomposed()).exact.power(power, damping),
    eigenvalues: async () => (await decomposed()).exact.eigenvalues(),
  };
}

function keepColumns({ columns, data }: Matrix, start: number): Float64Array {
  return data.filter((_, at) => at % columns >= start);
}

function squaredNorm(x: Vector): number {
  return dot(x, x);
}

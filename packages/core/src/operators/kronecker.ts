/**
 * The Kronecker product of two symmetric positive semidefinite matrices, the block that KFAC stores for one layer.
 *
 *     (A ⊗ B) vec(V) = vec(A V Bᵀ)      V: [a, b], vec row by row
 *
 * A product costs a·b·(a + b) instead of (a·b)²; trace, determinant, powers and inverses follow from the factors' own.
 * Damped inverses, by `rule`:
 *
 *     exact       (A ⊗ B + δ I)⁻¹, from both eigendecompositions
 *     factored   (A + δ I)⁻¹ ⊗ (B + δ I)⁻¹
 *     heuristic   (A + √δ/π I)⁻¹ ⊗ (B + √δ·π I)⁻¹,   π² = (tr B / b) / (tr A / a)
 *
 * Source: Martens & Grosse (2015), arXiv:1503.05671, § 6.3 for π.
 */
import { UsageError } from "../errors.ts";
import { inverseSPD } from "../linalg/cholesky.ts";
import { type Eigendecomposition, eigh } from "../linalg/eigh.ts";
import { diagonalOf, type Matrix, plusDiagonal, requireFinite, symmetrize, trace } from "../linalg/matrix.ts";
import { dot } from "../linalg/vector.ts";
import { eigenOperator } from "./eigenOperator.ts";
import { type DampingRule, type LinearOperator, positiveSemidefinite, type Vector } from "./linearOperator.ts";
import { makeOperator } from "./makeOperator.ts";
import { kroneckerRows } from "./orthonormalColumns.ts";
import { logAbsSum, raised, requireSemidefiniteLook, semidefinite } from "./spectrum.ts";

export interface Kronecker extends LinearOperator {
  /** A and B. */
  readonly factors: readonly [a: Matrix, b: Matrix];
}

export interface KroneckerOptions {
  readonly name?: string;
  /** Eigendecompositions of A and B, where they are known already. */
  readonly decompositions?: readonly [Eigendecomposition, Eigendecomposition];
}

/** √δ/π and √δ·π are at least this, so that a factor of trace zero is inverted too. */
const leastDamping = 1e-8;

/**
 * @param a Symmetric positive semidefinite [a, a]. Not copied, and not to be changed; so is `b`.
 * @throws {UsageError} if a factor is not finite, not symmetric or visibly indefinite; what is not visible is an error of
 *   the fact that finds it.
 */
export function kronecker(a: Matrix, b: Matrix, options: KroneckerOptions = {}): Kronecker {
  const { name = "A ⊗ B" } = options;
  for (const [factor, which] of [
    [a, "A"],
    [b, "B"],
  ] as const) {
    requireFinite(factor, `make ${name}`);
    requireSemidefiniteLook(factor, `factor ${which} of ${name}`);
  }
  const n = a.rows * b.rows;
  const spectra = decompositionsOf(a, b, options, name);
  const products = async (): Promise<Vector> => {
    const [ofA, ofB] = await spectra();
    return outer(ofA.values, ofB.values);
  };
  const power = async (p: number, damping: number): Promise<LinearOperator> => {
    const [ofA, ofB] = await spectra();
    const values = raised(outer(ofA.values, ofB.values), p, damping, name);
    return eigenOperator({
      values,
      vectors: { a: ofA.vectors, b: ofB.vectors },
      name: p === -1 ? `${name}⁻¹` : `${name}^${p}`,
    });
  };
  const operator = makeOperator({
    name,
    shape: [n, n],
    structure: positiveSemidefinite,
    multiply: (v, k) => kroneckerRows(a, b, v, k, "forward"),
    exact: {
      trace: () => trace(a) * trace(b), // tr(A ⊗ B) = tr A · tr B
      diagonal: () => outer(diagonalOf(a), diagonalOf(b)),
      squaredFrobeniusNorm: () => dot(a.data, a.data) * dot(b.data, b.data),
      logDeterminant: async (damping) => logAbsSum(await products(), damping),
      inverse: (damping, rule = "exact") =>
        rule === "exact" ? power(-1, damping) : factorInverse(a, b, factorDampings(a, b, damping, rule), `${name}⁻¹`),
      power,
      eigenvalues: products,
    },
  });
  return Object.assign(operator, { factors: [a, b] as const });
}

/** What is added to A and to B. */
function factorDampings(a: Matrix, b: Matrix, damping: number, rule: Exclude<DampingRule, "exact">): [number, number] {
  if (!(damping >= 0))
    throw new UsageError("Cannot damp Kronecker factors as the damping is negative", { found: damping });
  if (rule === "factored") return [damping, damping];
  return heuristicDampings(trace(a) / a.rows, trace(b) / b.rows, damping);
}

/** √δ/π for A and √δ·π for B by their mean diagonal entries; π is 1 where one of them is zero. */
export function heuristicDampings(meanOfA: number, meanOfB: number, damping: number): [number, number] {
  const pi = Math.sqrt(meanOfB / meanOfA);
  const root = Math.sqrt(damping);
  const ratio = Number.isFinite(pi) && pi > 0 ? pi : 1;
  return [Math.max(leastDamping, root / ratio), Math.max(leastDamping, root * ratio)];
}

async function factorInverse(
  a: Matrix,
  b: Matrix,
  dampings: readonly [number, number],
  name: string,
): Promise<LinearOperator> {
  const [ofA, ofB] = await Promise.all([inverseOf(a, dampings[0]), inverseOf(b, dampings[1])]);
  return kronecker(ofA, ofB, { name });
}

async function inverseOf(factor: Matrix, damping: number): Promise<Matrix> {
  return symmetrize((await inverseSPD(plusDiagonal(factor, damping), { maxJitter: 0 })).inverse);
}

/** Both eigendecompositions, made when first needed, side by side. */
function decompositionsOf(
  a: Matrix,
  b: Matrix,
  { decompositions }: KroneckerOptions,
  name: string,
): () => Promise<readonly [Eigendecomposition, Eigendecomposition]> {
  let made: Promise<readonly [Eigendecomposition, Eigendecomposition]> | undefined;
  const clean = ({ values, vectors }: Eigendecomposition): Eigendecomposition => ({
    values: semidefinite(values, `a factor of ${name}`),
    vectors,
  });
  return () => {
    made ??= Promise.all(decompositions ?? [eigh(a), eigh(b)]).then(([ofA, ofB]) => [clean(ofA), clean(ofB)] as const);
    return made;
  };
}

/** x_i y_j, row by row. */
function outer(x: Vector, y: Vector): Vector {
  return Float64Array.from(
    { length: x.length * y.length },
    (_, at) => (x[Math.floor(at / y.length)] ?? 0) * (y[at % y.length] ?? 0),
  );
}

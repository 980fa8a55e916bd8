/**
 * The sketch behind XTrace and XDiag: the range of A seen through k probes, and through all but one of them.
 *
 *     Y = A Ω = Q R,      Q_i = the range without probe i,      Q_i Q_iᵀ = Q (I − s_i s_iᵀ) Qᵀ
 *
 * s_i is the unit vector with Rᵀ-coordinates of probe i alone. Where probe i adds nothing (A has less rank than there are
 * probes) there is no such vector, Q_i is Q, and estimates become exact instead of undefined.
 *
 * Source: Epperly, Tropp & Webber (2024), XTrace: making the most of every sample in stochastic trace estimation,
 * SIAM J. Matrix Anal. 45(1).
 */
import { type Matrix, matmul } from "../linalg/matrix.ts";
import { orthonormalRows } from "../linalg/orthogonalize.ts";
import { svdSync } from "../linalg/svd.ts";
import { norm, row } from "../linalg/vector.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { applyRows, type Meter } from "./probes.ts";

export interface LeaveOneOut {
  /** Ω as k rows. */
  readonly probes: Matrix;
  /** Y as k rows. */
  readonly products: Matrix;
  /** Q as r ≤ k rows. */
  readonly basis: Matrix;
  /** The products' coordinates in Q: y_i = Q r_i, k rows of r. */
  readonly coordinates: Matrix;
  /** s_i for each probe; zero where leaving it out loses nothing. */
  readonly lost: Matrix;
}

/** A's products with the probes (k rows), and what each of them contributes to their span. */
export async function leaveOneOut(a: LinearOperator, probes: Vector, k: number, meter: Meter): Promise<LeaveOneOut> {
  const [m, n] = a.shape;
  const products = await applyRows(a, probes, meter);
  const { basis, coefficients, rank } = orthonormalRows(products, m);
  const coordinates = { rows: k, columns: rank, data: coefficients };
  return {
    probes: { rows: k, columns: n, data: probes },
    products: { rows: k, columns: m, data: products },
    basis: { rows: rank, columns: m, data: basis },
    coordinates,
    lost: lostDirections(coordinates),
  };
}

/** Share of a unit vector outside R's range from which a probe counts as dispensable. */
const dispensable = 1e-6;

/** s_i with R s_i ∝ e_i, by the singular value decomposition R = U Σ Vᵀ: s_i ∝ V Σ⁻¹ Uᵀ e_i where e_i is in U's span. */
function lostDirections(coordinates: Matrix): Matrix {
  const { rows: k, columns: rank } = coordinates;
  const lost = new Float64Array(k * rank);
  if (rank === 0) return { rows: k, columns: rank, data: lost };
  const { u, values, v } = svdSync(coordinates);
  const inverted = { ...u, data: u.data.map((x, at) => x / (values[at % rank] || Number.POSITIVE_INFINITY)) };
  const solved = matmul(inverted, v, { b: true });
  for (let i = 0; i < k; i++) {
    const inside = norm(row(u.data, i, rank));
    const s = row(solved.data, i, rank);
    const length = norm(s);
    if (inside ** 2 < 1 - dispensable || length === 0) continue;
    lost.set(
      s.map((x) => x / length),
      i * rank,
    );
  }
  return { rows: k, columns: rank, data: lost };
}

/** x − s (sᵀ x) for unit s, or x for s = 0. */
export function without(s: Vector, x: Vector): Vector {
  const along = x.reduce((sum, xi, i) => sum + xi * (s[i] ?? 0), 0);
  return x.map((xi, i) => xi - along * (s[i] ?? 0));
}

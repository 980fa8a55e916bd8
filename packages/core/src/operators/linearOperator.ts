/**
 * The one contract of this library: a matrix known by what it does to a vector.
 *
 * An operator is immutable and final: new behaviour is a new operator around an old one, never a subclass.
 * A vector is a flat Float64Array. K vectors are K contiguous rows of one array.
 */

/** A flat vector, or K of them as contiguous rows. */
export type Vector = Float64Array;

export interface LinearOperator {
  /** Rows and columns. */
  readonly shape: readonly [rows: number, columns: number];
  readonly structure: Structure;
  /** For messages and reports: "Hessian", "0.5 · GGN + 1e-3 · I". */
  readonly name: string;
  /**
   * A v for each of `k` contiguous rows (1 unless said): `v` has `k · shape[1]` entries and is not written to,
   * the result has `k · shape[0]` and is the caller's.
   */
  apply(v: Vector, options?: ApplyOptions): Promise<Vector>;
  /** Aᵀ. A self-adjoint operator returns itself. */
  adjoint(): LinearOperator;
  /** What this operator can say exactly about itself, without products; see trace(), diagonal(), inverse(). */
  readonly exact?: ExactFacts;
}

export interface ApplyOptions {
  /** Number of rows in `v`. */
  readonly k?: number;
  readonly signal?: AbortSignal;
  /**
   * Memory that the operator may put the result in (`k · shape[0]` entries, overwritten): saves fresh pages in a loop of
   * large products. An operator may ignore it: use the vector that is returned.
   */
  readonly out?: Vector;
}

/** What is known of the matrix beforehand. False or absent means "not known". */
export interface Structure {
  readonly selfAdjoint: boolean;
  readonly positiveSemidefinite: boolean;
  /** AᵀA = I: a congruence by A keeps eigenvalues and adds zeros. */
  readonly orthonormalColumns?: boolean;
  /** Each row has one entry that is 1, or none, and else zeros. */
  readonly selects?: boolean;
}

/**
 * How a Kronecker product A ⊗ B is damped before it is inverted. "exact": (A ⊗ B + δ I)⁻¹. "factored": δ on each factor,
 * (A + δ I)⁻¹ ⊗ (B + δ I)⁻¹. "heuristic": √δ shared between the factors by their mean traces, see kronecker.ts.
 */
export type DampingRule = "exact" | "factored" | "heuristic";

/** Exact answers that an operator may know without products. Each is absent where it is not cheap and exact. */
export interface ExactFacts {
  trace?(): number | Promise<number>;
  diagonal?(): Vector | Promise<Vector>;
  /** ‖A‖²_F */
  squaredFrobeniusNorm?(): number | Promise<number>;
  /** log |det(A + damping·I)|; A must be positive semidefinite. */
  logDeterminant?(damping: number): number | Promise<number>;
  /** (A + damping·I)⁻¹; a `rule` other than "exact" makes it the approximation that Kronecker products are inverted by. */
  inverse?(damping: number, rule?: DampingRule): LinearOperator | Promise<LinearOperator>;
  /** A^(power) of A + damping·I, e.g. −½. */
  power?(power: number, damping: number): LinearOperator | Promise<LinearOperator>;
  /** All eigenvalues of a self-adjoint A, in any order. */
  eigenvalues?(): Vector | Promise<Vector>;
  /** Dense matrix, row-major. */
  dense?(): Float64Array | Promise<Float64Array>;
  /** s, of an operator that is s·I. */
  scalar?(): number;
}

/** Nothing known. */
export const noStructure: Structure = { selfAdjoint: false, positiveSemidefinite: false };
/** A = Aᵀ. */
export const selfAdjoint: Structure = { selfAdjoint: true, positiveSemidefinite: false };
/** A = Aᵀ ≥ 0. */
export const positiveSemidefinite: Structure = { selfAdjoint: true, positiveSemidefinite: true };

/**
 * LOBPCG: a few eigenpairs at an end of the spectrum, with a preconditioner, in the memory of three blocks.
 *
 * Each step is Rayleigh–Ritz in the span of the current vectors X, the (preconditioned) residuals W and the last
 * directions P. The basis is kept orthonormal, P in coefficients, so that clustered eigenvalues do no harm.
 *
 * Sources: Knyazev (2001), SIAM J. Sci. Comput. 23(2); Hetmaniuk & Lehoucq (2006), J. Comput. Phys. 218(1).
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import type { Eigenpairs } from "./eigenpairs.ts";
import { eighSync } from "./eigh.ts";
import { type Matrix, matmul } from "./matrix.ts";
import { orthonormalRows, projectOut } from "./orthogonalize.ts";
import { requireSelfAdjoint } from "./requirements.ts";
import { requirePreconditioner } from "./solver.ts";
import { maxAbs, norm, normals, row } from "./vector.ts";

export interface LobpcgOptions {
  readonly count: number;
  readonly which?: "top" | "bottom";
  /** Residual ‖A v − λ v‖ at which a pair counts as converged, relative to the largest |λ| seen. */
  readonly relativeTolerance?: number;
  readonly maxIterations?: number;
  /** ≈ A⁻¹ (or (A − λ I)⁻¹), symmetric positive definite; for the bottom of the spectrum. */
  readonly preconditioner?: LinearOperator;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (iteration: number, converged: number) => void;
}

/** A block of rows and A times it. */
interface Block {
  readonly rows: Matrix;
  readonly products: Matrix;
}

export async function lobpcg(a: LinearOperator, options: LobpcgOptions): Promise<Eigenpairs> {
  const { count, which = "bottom", relativeTolerance = 1e-8, maxIterations = 500, seed = 0, signal } = options;
  requireSelfAdjoint(a, "run LOBPCG");
  requirePreconditioner(a, options.preconditioner);
  const n = a.shape[1];
  if (!(count >= 1 && count <= n)) {
    throw new UsageError(`Cannot find eigenpairs of ${a.name} as there are not that many`, {
      expected: `1 to ${n}`,
      found: count,
    });
  }
  const block = async (vectors: Float64Array): Promise<Block> => {
    const k = vectors.length / n;
    const products = k === 0 ? new Float64Array(0) : await a.apply(vectors, { k, ...(signal && { signal }) });
    return { rows: { rows: k, columns: n, data: vectors }, products: { rows: k, columns: n, data: products } };
  };

  let basis = await block(orthonormalRows(normals(count * n, seed, "lobpcg start"), n).basis);
  let products = basis.rows.rows;
  let scale = 0;
  for (let iteration = 0; ; iteration++) {
    signal?.throwIfAborted();
    const { values, coefficients, directions } = ritz(basis, count, which);
    scale = Math.max(scale, maxAbs(values));
    const x = combine(coefficients, basis);
    const { residuals, rest } = residualsOf(x, values);
    const open = [...residuals.keys()].filter((i) => residuals[i]! > relativeTolerance * scale);
    options.onProgress?.(iteration, count - open.length);
    if (open.length === 0 || iteration === maxIterations) {
      const outcome = open.length === 0 ? "converged" : "iteration limit";
      return { values, vectors: x.rows.data, residuals, outcome, products };
    }
    const p = directions.rows === 0 ? undefined : combine(directions, basis);
    const known = p ? stack(x, p) : x;
    const w = await block(await searchDirections(rest, open, known.rows, options));
    products += w.rows.rows;
    if (w.rows.rows === 0) return { values, vectors: x.rows.data, residuals, outcome: "converged", products }; // the whole space
    basis = stack(known, w);
  }
}

/** Rayleigh–Ritz: the wanted coefficients, and directions P: what is new in them, orthonormal and orthogonal to them. */
function ritz(
  { rows, products }: Block,
  count: number,
  which: "top" | "bottom",
): { values: Float64Array; coefficients: Matrix; directions: Matrix } {
  const m = rows.rows;
  const { values, vectors } = eighSync(matmul(rows, products, { b: true }));
  const columns = Array.from({ length: count }, (_, i) => (which === "bottom" ? i : m - 1 - i));
  const coefficients = new Float64Array(count * m);
  for (const [i, column] of columns.entries())
    for (let j = 0; j < m; j++) coefficients[i * m + j] = vectors.data[j * m + column]!;
  const added: number[] = [];
  const both = new Float64Array(2 * count * m);
  both.set(coefficients);
  for (let i = 0; m > count && i < count; i++) {
    const direction = row(coefficients, i, m).slice().fill(0, 0, count);
    const kept = count + added.length;
    projectOut(direction, both, kept);
    const length = norm(direction);
    if (length < 1e-10) continue;
    both.set(
      direction.map((c) => c / length),
      kept * m,
    );
    added.push(i);
  }
  return {
    values: Float64Array.from(columns, (column) => values[column]!),
    coefficients: { rows: count, columns: m, data: coefficients },
    directions: { rows: added.length, columns: m, data: both.slice(count * m, (count + added.length) * m) },
  };
}

function combine(coefficients: Matrix, { rows, products }: Block): Block {
  return { rows: matmul(coefficients, rows), products: matmul(coefficients, products) };
}

function stack(a: Block, b: Block): Block {
  const join = (x: Matrix, y: Matrix): Matrix => {
    const data = new Float64Array(x.data.length + y.data.length);
    data.set(x.data);
    data.set(y.data, x.data.length);
    return { rows: x.rows + y.rows, columns: x.columns, data };
  };
  return { rows: join(a.rows, b.rows), products: join(a.products, b.products) };
}

function residualsOf({ rows, products }: Block, values: Float64Array): { residuals: Float64Array; rest: Float64Array } {
  const n = rows.columns;
  const rest = products.data.map((y, at) => y - values[Math.floor(at / n)]! * rows.data[at]!);
  return { residuals: values.map((_, i) => norm(row(rest, i, n))), rest };
}

/** The open residuals, preconditioned, orthonormal among themselves and to what is known. */
async function searchDirections(
  rest: Float64Array,
  open: readonly number[],
  known: Matrix,
  { preconditioner, signal }: LobpcgOptions,
): Promise<Float64Array> {
  const n = known.columns;
  let w = new Float64Array(open.length * n);
  for (const [to, from] of open.entries()) w.set(row(rest, from, n), to * n);
  if (preconditioner)
    w = Float64Array.from(await preconditioner.apply(w, { k: open.length, ...(signal && { signal }) }));
  return orthonormalRows(w, n, known.data).basis;
}

/**
 * What removing rows does to the parameters.
 *
 *     first order   δθ = A⁻¹ g_S                      A = Σ_n H_n + N δ,  g_S = Σ_{n ∈ S} g_n
 *     Newton step   δθ = (A − Σ_{n ∈ S} H_n)⁻¹ g_S    by Woodbury, with H_n = K_n K_nᵀ of as many columns as outputs
 *
 * δ does not change when rows leave. For a loss that is quadratic in θ (ridge regression) the Newton step is the refit itself;
 * for one row it is the first order over 1 − h, h the row's leverage. A query's loss then needs its second order too:
 * (xᵀδθ)² is not small where the leverage is not.
 *
 * Source: Cook & Weisberg (1982), Residuals and influence in regression; Beirami et al. (2017), NeurIPS, for the Newton step.
 */
import {
  cholesky,
  choleskySolve,
  exampleJacobians,
  type LinearOperator,
  MismatchError,
  matrix,
  type Problem,
  perExampleGradients,
  predict,
  UsageError,
} from "@hessonite/core";

export interface Removal {
  /** A⁻¹ g_S, P entries. */
  readonly first: Float64Array;
  /** With the removed rows' own curvature taken out. */
  readonly newton: Float64Array;
}

/**
 * @param inverse A⁻¹ for the *sum* over rows: `(H_sum + N δ)⁻¹`.
 * @param rows Numbers of the rows that leave.
 * @throws {UsageError} if a row does not exist, or the loss is neither squared error nor cross-entropy of one term a row.
 */
export async function removal(train: Problem, inverse: LinearOperator, rows: readonly number[]): Promise<Removal> {
  const { size } = train.space;
  if (inverse.shape[0] !== size) {
    throw new MismatchError("Cannot remove rows as the inverse is not of the parameters' length", {
      expected: size,
      found: inverse.shape[0],
    });
  }
  const wanted = new Set(rows);
  const absent = rows.find((row) => !(row >= 0 && row < train.survey.rows));
  if (absent !== undefined) {
    throw new UsageError("Cannot remove a row as the data do not have it", {
      expected: `0 … ${train.survey.rows - 1}`,
      found: absent,
    });
  }
  const g = await summedGradient(train, wanted);
  const first = await inverse.apply(g);
  const { count, data } = await curvatureColumns(train, wanted);
  const solved = await inverse.apply(data, { k: count });
  // (A − K Kᵀ)⁻¹ g = A⁻¹g + A⁻¹K (I − Kᵀ A⁻¹ K)⁻¹ Kᵀ A⁻¹ g
  const small = Float64Array.from({ length: count * count }, (_, at) => {
    const [i, j] = [Math.floor(at / count), at % count];
    return Number(i === j) - dot(data, i * size, solved, j * size, size);
  });
  const right = Float64Array.from({ length: count }, (_, i) => dot(data, i * size, first, 0, size));
  const weights = choleskySolve(await cholesky(matrix(count, count, small)), matrix(count, 1, right)).data;
  const newton = first.map((x, p) => x + weights.reduce((sum, w, i) => sum + w * solved[i * size + p]!, 0));
  return { first, newton };
}

function dot(a: Float64Array, fromA: number, b: Float64Array, fromB: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[fromA + i]! * b[fromB + i]!;
  return sum;
}

async function summedGradient(train: Problem, wanted: ReadonlySet<number>): Promise<Float64Array> {
  const { size } = train.space;
  const sum = new Float64Array(size);
  for await (const { firstRow, rows, gradients } of perExampleGradients(train)) {
    for (let row = 0; row < rows; row++) {
      if (wanted.has(firstRow + row)) for (let p = 0; p < size; p++) sum[p]! += gradients[row * size + p]!;
    }
  }
  return sum;
}

interface Columns {
  readonly count: number;
  /** `[count, P]` */
  readonly data: Float64Array;
}

/** K with Σ H_n = K Kᵀ over the wanted rows: Jᵀ S, S the factor of the loss's Hessian. */
async function curvatureColumns(train: Problem, wanted: ReadonlySet<number>): Promise<Columns> {
  const factorOf = lossFactor(train);
  const predictions = new Map<number, Float64Array>();
  for await (const { firstRow, rows, prediction } of predict(train)) {
    const width = prediction.data.length / rows;
    for (let row = 0; row < rows; row++) {
      if (wanted.has(firstRow + row))
        predictions.set(firstRow + row, Float64Array.from(prediction.data.subarray(row * width, (row + 1) * width)));
    }
  }
  const { size } = train.space;
  const columns: Float64Array[] = [];
  for await (const { firstRow, rows, outputs, jacobians } of exampleJacobians(train)) {
    for (let row = 0; row < rows; row++) {
      const f = predictions.get(firstRow + row);
      if (!f) continue;
      for (const weights of factorOf(f)) {
        const column = new Float64Array(size);
        for (const [c, w] of weights.entries()) {
          const from = (row * outputs + c) * size;
          for (let p = 0; p < size; p++) column[p]! += w * jacobians[from + p]!;
        }
        columns.push(column);
      }
    }
  }
  const data = new Float64Array(columns.length * size);
  columns.forEach((column, i) => {
    data.set(column, i * size);
  });
  return { count: columns.length, data };
}

/** Columns of S, for a row's prediction. */
function lossFactor({ loss, survey }: Problem): (f: Float64Array) => Float64Array[] {
  if (loss.name === "mse") {
    return (f) => Array.from(f, (_, c) => new Float64Array(f.length).fill(Math.SQRT2, c, c + 1));
  }
  if (loss.name === "cross-entropy" && survey.termsPerRow === 1) return softmaxFactor;
  throw new UsageError("Cannot take out a row's own curvature as its form is not known for this loss", {
    expected: "mse, or cross-entropy of one term a row",
    found: `${loss.name}, ${survey.termsPerRow} terms a row`,
  });
}

/** diag(√p) − p √pᵀ, column by column. */
function softmaxFactor(f: Float64Array): Float64Array[] {
  const largest = f.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const e = f.map((x) => Math.exp(x - largest));
  const total = e.reduce((a, b) => a + b, 0);
  const p = e.map((x) => x / total);
  return Array.from(p, (_, c) => p.map((x, i) => Math.sqrt(p[c]!) * (Number(i === c) - x)));
}

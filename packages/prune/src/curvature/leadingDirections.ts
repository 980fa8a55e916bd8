/**
 * The strongest of a model's directions on many rows, and how far each is from the dense model's predictions.
 *
 *     H̄_n = Σ_i λ_ni e_ni e_niᵀ (secantCurvature)      v_ni = √λ_ni e_niᵀ J_n,   r_ni = √λ_ni e_niᵀ (f_n − f₀_n)
 *     D(θ + δ) ≈ ½ Σ (r_ni + v_niᵀ δ)²                 C = VᵀV,   slope = Vᵀ r
 *
 * A trained model is sure of most rows, whose curvature is next to nothing: the largest λ of all rows and outputs hold nearly all
 * of the trace. Many rows so cost as much as few of which every direction is kept, and each direction one pull-back.
 */
import {
  type Batch,
  createProblem,
  type Dataset,
  type Eigendecomposition,
  type Loss,
  type Matrix,
  matrix,
  type Problem,
  perExampleGradients,
  pickRows,
} from "@hessonite/core";
import { predictionsOf, termWeights } from "./rowFacts.ts";
import { secantEigen } from "./secantCurvature.ts";

export interface LeadingOptions {
  /** f₀ of the problem's rows, `[rows, outputs]`. */
  readonly dense: Float64Array;
  /** Directions at most. */
  readonly most: number;
  /** Positions in the flat vector that directions are made of; all unless given. */
  readonly columns?: Int32Array;
  readonly signal?: AbortSignal;
}

export interface LeadingDirections {
  /** V, a direction a row. */
  readonly rows: Matrix;
  /** r */
  readonly residuals: Float64Array;
  /** Of the curvature's trace in the outputs, what V holds. */
  readonly share: number;
}

/** Outputs of a row up to which this is done: an eigendecomposition a row. */
export const mostOutputs = 128;

/** Of the trace, what is looked for where not all directions may be kept. */
const enough = 0.98;
/** Where they may, the rest is rounding. */
const all = 1 - 1e-9;

/** @throws {UsageError} if the loss has no known factor, or a gradient is not finite. */
export async function leadingDirections(
  problem: Problem,
  { dense, most, columns, signal }: LeadingOptions,
): Promise<LeadingDirections> {
  const shape = problem.survey.binding.prediction.shape.slice(1);
  const now = await predictionsOf(problem, signal);
  const weights = (await termWeights(problem, signal)).map((s) => s * problem.scale);
  const eigen = await secantEigen({ loss: problem.loss, shape, now, dense, weights });
  const { list, share } = strongest(eigen, most);
  const outputs = shape.reduce((n, d) => n * d, 1);
  const cotangents = list.map(({ row, place, value }) => {
    const { vectors } = eigen[row]!;
    return Float64Array.from({ length: outputs }, (_, k) => Math.sqrt(value) * vectors.data[k * outputs + place]!);
  });
  const residuals = Float64Array.from(list, ({ row }, i) =>
    cotangents[i]!.reduce((sum, u, k) => sum + u * (now[row * outputs + k]! - dense[row * outputs + k]!), 0),
  );
  const pulls = list.map(({ row }, i) => ({ row, cotangent: cotangents[i]! }));
  return { rows: await pulledBack(problem, pulls, columns, signal), residuals, share };
}

interface Leading {
  readonly row: number;
  readonly place: number;
  readonly value: number;
}

/** The largest eigenvalues of all rows that hold enough of their sum, or all where there are few, in the rows' order. */
function strongest(
  eigen: readonly Eigendecomposition[],
  most: number,
): { readonly list: Leading[]; readonly share: number } {
  const every = eigen.flatMap(({ values }, row) => [...values].map((value, place) => ({ row, place, value })));
  every.sort((a, b) => b.value - a.value);
  const total = every.reduce((sum, { value }) => sum + Math.max(value, 0), 0);
  const wanted = total * (every.length <= most ? all : enough);
  let [count, held] = [0, 0];
  while (count < Math.min(most, every.length) && held < wanted && every[count]!.value > 0)
    held += every[count++]!.value;
  const list = every.slice(0, count).sort((a, b) => a.row - b.row);
  return { list, share: total > 0 ? held / total : 1 };
}

interface Pull {
  readonly row: number;
  readonly cotangent: Float64Array;
}

/** uᵀ J_n of each pull, by the gradient of u · f_n: rows are repeated as often as they are pulled. */
async function pulledBack(
  { model, data, engine, output, memory, space, survey }: Problem,
  pulls: readonly Pull[],
  columns: Int32Array | undefined,
  signal: AbortSignal | undefined,
): Promise<Matrix> {
  const width = columns?.length ?? space.size;
  const rows = matrix(pulls.length, width);
  if (pulls.length === 0) return rows;
  const names = new Set(space.parameters.map(({ name }) => name));
  await using own = await createProblem({
    model,
    data: pulledRows(data, pulls, survey.batchRows, survey.binding.prediction.shape.slice(1)),
    loss: alongTarget,
    engine,
    output,
    memory,
    parameters: ({ initializer }) => names.has(initializer.name),
    checks: false,
    ...(signal ? { signal } : {}),
  });
  for await (const { firstRow, rows: count, gradients } of perExampleGradients(own, signal ? { signal } : {})) {
    for (let r = 0; r < count; r++) {
      const [from, to] = [r * space.size, (firstRow + r) * width];
      if (columns) for (let k = 0; k < width; k++) rows.data[to + k] = gradients[from + columns[k]!]!;
      else rows.data.set(gradients.subarray(from, from + width), to);
    }
  }
  return rows;
}

/** ℓ = y · f, a term a row: its gradient is the pull-back of y. */
const alongTarget: Loss = {
  name: "along the target",
  reduction: "sum",
  convex: true,
  termShape: (prediction) => prediction.slice(0, 1),
  classAxis: () => null,
  targetInput: (prediction) => ({ dtype: "float32", shape: prediction }),
  terms: (g, f, y) =>
    g.sum(
      g.mul(f, y),
      f.shape.slice(1).map((_, k) => k + 1),
    ),
  prepare: (target) => ({ target, shares: 1 }),
};

/** A row for each pull, with its cotangent as the target; pulls are in the rows' order. */
function pulledRows(data: Dataset, pulls: readonly Pull[], most: number, shape: readonly number[]): Dataset {
  return {
    name: data.name,
    batchSize: most,
    async *batches() {
      let [first, next] = [0, 0];
      for await (const batch of data.batches()) {
        while (next < pulls.length && pulls[next]!.row < first + batch.rows) {
          const chosen: Pull[] = [];
          while (chosen.length < most && next < pulls.length && pulls[next]!.row < first + batch.rows)
            chosen.push(pulls[next++]!);
          yield pulledBatch(batch, first, chosen, shape);
        }
        first += batch.rows;
      }
    },
  };
}

function pulledBatch({ inputs }: Batch, first: number, pulls: readonly Pull[], shape: readonly number[]): Batch {
  const rows = pulls.map(({ row }) => row - first);
  const targets = Float32Array.from(pulls.flatMap(({ cotangent }) => [...cotangent]));
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, pickRows(value, rows)])),
    target: { dtype: "float32", shape: [pulls.length, ...shape], data: targets },
    rows: rows.length,
  };
}

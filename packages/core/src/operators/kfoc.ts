/**
 * KFOC: every layer's exact curvature block replaced by the nearest Kronecker product.
 *
 *     min ‖B − G ⊗ A‖_F,   B = scale · Σ_k vec(M_k) vec(M_k)ᵀ       M_k a gradient matrix of one loss term and column
 *
 * The best product is the top singular triple of Van Loan's rearrangement of B, whose products need no B:
 * A ↦ Σ_k M_k A M_kᵀ and G ↦ Σ_k M_kᵀ G M_k. Both keep semidefiniteness, so G and A are symmetric and semidefinite. All
 * blocks' Lanczos iterations run in lockstep, two passes over the data a step. A vector's block is exact.
 *
 * Sources: Schnaus, Lee, Triebel (2021), Kronecker-factored optimal curvature; Van Loan & Pitsianis (1993).
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import { eighSync } from "../linalg/eigh.ts";
import { identity, type Matrix, matrix } from "../linalg/matrix.ts";
import { dot, norm } from "../linalg/vector.ts";
import { type BlockShape, blockShapes } from "./factors/blocks.ts";
import { blockSides, gradientMatrices } from "./factors/gradientMatrices.ts";
import type { KroneckerBlock } from "./factors/kroneckerFactors.ts";
import { type FactorOptions, factorRequest } from "./factors/request.ts";
import { sumStatistic } from "./factors/statistics.ts";
import { type KfacOperator, kfacOf } from "./kfac.ts";
import { captureLayers } from "./layers/capture.ts";
import type { Problem } from "./problem.ts";

export interface KfocOptions extends Omit<FactorOptions, "approximation" | "bias"> {
  /** Relative residual of the singular vectors; 1e-11 in float64, 1e-5 else. */
  readonly tolerance?: number;
  /** Lanczos steps at most; 60 unless said. */
  readonly maxSteps?: number;
}

/**
 * @returns An operator like KFAC's, weight and bias in separate blocks.
 *
 * Cost: two passes with all loss terms pulled back by themselves for each Lanczos step, some ten steps.
 */
export async function kfoc(problem: Problem, options: KfocOptions = {}): Promise<KfacOperator> {
  const request = factorRequest(problem, { ...options, approximation: "expand", bias: "separate" });
  const layers = captureLayers(problem.survey.binding);
  const shapes = blockShapes(problem.space, layers, request).filter((shape) => shape.kind !== "table");
  const tolerance = options.tolerance ?? (problem.engine.precision === "float64" ? 1e-11 : 1e-5);
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  const pass = (side: Side, operands: readonly Matrix[]): Promise<Matrix[]> =>
    sandwich(problem, shapes, side, operands, { request, signal: options.signal });
  const right = await topVectors(shapes, pass, tolerance, options.maxSteps ?? 60);
  const left = await pass("g", right);
  const blocks = shapes.map((shape, i): KroneckerBlock => {
    const g = symmetricTimes(left[i]!, factor);
    return shape.kind === "vector" ? { ...shape, g } : { ...shape, g, a: right[i]! };
  });
  const { weightedRows: rows, count } = problem.survey;
  const factors = { blocks, request, rows, count, reduction: problem.loss.reduction, rule: "kfoc" } as const;
  return kfacOf(factors, problem.space.size);
}

/** "g": Σ M A Mᵀ from A; "a": Σ Mᵀ G M from G. */
type Side = "g" | "a";

async function sandwich(
  problem: Problem,
  shapes: readonly BlockShape[],
  side: Side,
  operands: readonly Matrix[],
  { request, signal }: { readonly request: ReturnType<typeof factorRequest>; readonly signal: AbortSignal | undefined },
): Promise<Matrix[]> {
  const sums = await sumStatistic(problem, {
    name: `kfoc ${side} ${JSON.stringify(request)}`,
    fisher: request.fisher,
    termwise: problem.survey.termsPerRow > 1,
    fixed: operands.map(({ rows, columns, data }): Tensor => ({ dtype: "float64", shape: [rows, columns], data })),
    build: ({ g }, seen, _, fixed) =>
      shapes.map((shape, i) => {
        const m = gradientMatrices(g, blockSides(g, shape, seen[shape.layer]!));
        return side === "g" ? around(g, m, fixed[i]!) : around(g, g.transpose(m), fixed[i]!);
      }),
    perColumn: () => true,
    ...(signal ? { signal } : {}),
  });
  return sums.map((data, i) => {
    const n = side === "g" ? shapes[i]!.out : shapes[i]!.in;
    return matrix(n, n, data);
  });
}

/** Σ_k X_k B X_kᵀ for X `[k, n, m]` and B `[m, m]`. */
function around(g: GraphBuilder, x: Value, b: Value): Value {
  const [k, n, m] = x.shape as [number, number, number];
  const flat = (y: Value): Value => g.reshape(g.transpose(y, [1, 0, 2]), [n, k * m]);
  return g.matmul(flat(g.matmul(x, b)), g.transpose(flat(x)));
}

/** Unit vectors v (as A `[in, in]`) of the top singular triple of each block, by Lanczos on RᵀR from the identity. */
async function topVectors(
  shapes: readonly BlockShape[],
  pass: (side: Side, operands: readonly Matrix[]) => Promise<Matrix[]>,
  tolerance: number,
  maxSteps: number,
): Promise<Matrix[]> {
  const runs = shapes.map(({ in: n }) => lanczosRun(identity(n).data.map((x) => x / Math.sqrt(n))));
  for (let step = 0; step < maxSteps && runs.some((run) => !run.done(tolerance)); step++) {
    const operands = runs.map((run, i) => matrix(shapes[i]!.in, shapes[i]!.in, run.current()));
    const images = await pass("a", await pass("g", operands));
    runs.forEach((run, i) => run.advance(images[i]!.data));
  }
  return runs.map((run, i) => {
    const n = shapes[i]!.in;
    const v = matrix(n, n, run.top());
    const trace = v.data.reduce((sum, x, k) => (k % (n + 1) === 0 ? sum + x : sum), 0);
    return symmetricTimes(v, Math.sign(trace) || 1);
  });
}

interface LanczosRun {
  /** The vector whose image is wanted. */
  current(): Float64Array;
  advance(image: Float64Array): void;
  done(tolerance: number): boolean;
  /** The top Ritz vector. */
  top(): Float64Array;
}

/** One Lanczos iteration with full re-orthogonalisation, driven from outside. */
function lanczosRun(start: Float64Array): LanczosRun {
  const basis = [start];
  const alpha: number[] = [];
  const beta: number[] = [];
  const ritz = (): { readonly value: number; readonly weights: Float64Array } => {
    const n = alpha.length;
    const t = matrix(n, n);
    alpha.forEach((a, i) => {
      t.data[i * n + i] = a;
      if (i + 1 < n) t.data[i * n + i + 1] = t.data[(i + 1) * n + i] = beta[i]!;
    });
    const { values, vectors } = eighSync(t);
    return { value: values[n - 1]!, weights: Float64Array.from({ length: n }, (_, i) => vectors.data[i * n + n - 1]!) };
  };
  return {
    current: () => basis[alpha.length] ?? new Float64Array(start.length),
    advance(image) {
      const j = alpha.length;
      const q = basis[j];
      if (!q) return; // the space is exhausted: the Ritz vector is exact
      const w = Float64Array.from(image);
      alpha.push(dot(q, w));
      for (let twice = 0; twice < 2; twice++) {
        for (const b of basis) {
          const overlap = dot(b, w);
          for (let i = 0; i < w.length; i++) w[i]! -= overlap * b[i]!;
        }
      }
      const length = norm(w);
      beta.push(length);
      if (length > 1e-14 * Math.abs(alpha[0]!)) basis.push(w.map((x) => x / length));
    },
    done(tolerance) {
      if (alpha.length === 0) return false;
      if (basis.length === alpha.length) return true;
      const { value, weights } = ritz();
      return value <= 0 || (beta.at(-1)! * Math.abs(weights.at(-1)!)) / value <= tolerance;
    },
    top() {
      const { weights } = ritz();
      const v = new Float64Array(start.length);
      weights.forEach((weight, j) => {
        for (let i = 0; i < v.length; i++) v[i]! += weight * basis[j]![i]!;
      });
      return v;
    },
  };
}

function symmetricTimes({ rows, data }: Matrix, factor: number): Matrix {
  return matrix(
    rows,
    rows,
    Float64Array.from(data, (x, k) => (factor / 2) * (x + data[(k % rows) * rows + Math.floor(k / rows)]!)),
  );
}

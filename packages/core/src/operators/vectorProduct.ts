/** A symmetric product v ↦ scale · Σ_batches A_b v of a problem, as an operator. */
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import { requireFiniteResult, requireSame } from "./checks.ts";
import type { ApplyOptions, LinearOperator, Structure, Vector } from "./linearOperator.ts";
import { type LinearProgram, type LinearProgramOptions, linearProgram, type ProductCost } from "./linearProgram.ts";
import { addVectors, requireVectors, splitVectors } from "./parameterSpace.ts";
import type { Problem } from "./problem.ts";

export interface ProblemOperator extends LinearOperator, AsyncDisposable {
  readonly problem: Problem;
  /** What one product takes, counted from its graphs before anything runs; the peak is that of `rows` vectors at once. */
  cost(rows?: number): ProductCost;
}

export interface VectorProduct extends LinearProgramOptions {
  /** For messages: "Hessian". */
  readonly title: string;
  readonly structure: Structure;
  /** Beside the problem's scale. */
  readonly factor?: number;
  readonly needsTarget: boolean;
}

/** Relative difference that two evaluations of one product may have: threads may add in another order. */
const repeatTolerance = 1e-4;

/** The operator of a product whose outputs are one tensor a parameter, in the space's order. */
export function vectorProduct(problem: Problem, product: VectorProduct): ProblemOperator {
  if (product.needsTarget && !problem.survey.labelled) {
    throw new UsageError(`Cannot make the ${product.title} as the data have no target`, {
      at: problem.data.name,
      try: 'add an array "y" to the data file, or name the target',
    });
  }
  const program = linearProgram(problem, product);
  const { size } = problem.space;
  let checked = !problem.checks.deterministic;
  const self: ProblemOperator = {
    problem,
    name: product.title,
    shape: [size, size],
    structure: product.structure,
    adjoint: () => self,
    cost: (rows = 1) => program.cost(rows),
    async apply(v, { k = 1, signal, out } = {}) {
      requireVectors(problem.space, v, k, product.title);
      const result = await applyRows(problem, product, program, v, k, signal, out);
      if (problem.checks.finite) requireFiniteResult(problem.space, result, `product with the ${product.title}`);
      if (!checked) {
        checked = true;
        const again = await applyRows(problem, product, program, v, k, signal);
        const problemText = `Cannot use the ${product.title} as the same product twice gave different results`;
        requireSame(
          result,
          again,
          repeatTolerance,
          problemText,
          "the data or the model are random: fix them, or switch the check off",
        );
      }
      return result;
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
  return self;
}

async function applyRows(
  problem: Problem,
  product: VectorProduct,
  program: LinearProgram,
  v: Vector,
  k: number,
  signal: ApplyOptions["signal"],
  into?: Vector,
): Promise<Vector> {
  const { space } = problem;
  const reused = into?.length === k * space.size && into.buffer !== v.buffer;
  const out = reused ? into.fill(0) : new Float64Array(k * space.size);
  const factor = problem.scale * (product.factor ?? 1);
  await forEachBatch(problem, signal, async (batch) => {
    const parts: { readonly at: number; readonly rows: number; readonly tensors: readonly Tensor[] }[] = [];
    const chunk = program.chunk(problem.bind(batch), k);
    for (let row = 0; row < k; row += chunk) {
      const rows = v.subarray(row * space.size, Math.min(k, row + chunk) * space.size);
      const tensors = await program.run(batch, splitVectors(space, rows, chunk, chunk > 1), chunk, signal);
      parts.push({ at: row, rows: rows.length / space.size, tensors });
    }
    return () => {
      for (const { at, rows, tensors } of parts) {
        addVectors(space, out.subarray(at * space.size), tensors, rows, factor);
        problem.engine.recycle?.(tensors);
      }
    };
  });
  return out;
}

/**
 * Works on the batches, as many at once as the engine has lanes, and finishes each in the batches' order, so that sums do
 * not depend on which came first.
 */
export async function forEachBatch(
  problem: Problem,
  signal: AbortSignal | undefined,
  work: (batch: PreparedBatch) => Promise<() => void | Promise<void>>,
): Promise<void> {
  const pending: Promise<() => void | Promise<void>>[] = [];
  try {
    for await (const batch of problem.batches(signal)) {
      signal?.throwIfAborted();
      pending.push(work(batch));
      if (pending.length >= problem.engine.lanes) await (await pending.shift()!)();
    }
    while (pending.length > 0) await (await pending.shift()!)();
  } finally {
    await Promise.allSettled(pending);
  }
}

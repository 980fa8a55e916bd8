/**
 * The risk and its gradient over all data.
 *
 *     L = scale · Σ_t s_t ℓ_t,   ∇L = ∂L/∂θ [P]
 */
import { gradient } from "../autodiff/pullBack.ts";
import { UsageError } from "../errors.ts";
import { graphOf } from "../ir/builder.ts";
import { type Cost, costOf } from "../ir/cost.ts";
import type { Graph } from "../ir/graph.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { requireFiniteResult, requireSame } from "./checks.ts";
import { lossFeeds } from "./feeds.ts";
import type { Vector } from "./linearOperator.ts";
import { addVectors } from "./parameterSpace.ts";
import type { Problem } from "./problem.ts";
import { forEachBatch } from "./vectorProduct.ts";

export interface GradientAndLoss {
  readonly loss: number;
  /** P entries, in the parameters' order. */
  readonly gradient: Vector;
}

export interface GradientOptions {
  readonly signal?: AbortSignal;
  /** P entries that the gradient is written to, in place of a fresh array. */
  readonly out?: Vector;
}

/** Relative difference that two gradients of the same data may have. */
const repeatTolerance = 1e-4;

/**
 * @throws {UsageError} if the data have no target, if two passes give different results, or if a result is not finite.
 *
 * Cost: one gradient of each batch; twice that with the problem's `deterministic` check.
 */
export async function gradientAndLoss(
  problem: Problem,
  { signal, out }: GradientOptions = {},
): Promise<GradientAndLoss> {
  const first = await onePass(problem, signal, out);
  if (problem.checks.finite) {
    if (!Number.isFinite(first.loss)) {
      throw new UsageError("Cannot use the loss as it is not finite", { at: problem.data.name, found: first.loss });
    }
    requireFiniteResult(problem.space, first.gradient, "gradient");
  }
  if (problem.checks.deterministic) {
    const again = await onePass(problem, signal);
    const hint =
      "the data or the model are random (shuffling, augmentation, dropout): fix them, or switch the check off";
    const text = (what: string): string => `Cannot use the data as going over them twice gave a different ${what}`;
    requireSame([first.loss], [again.loss], repeatTolerance, text("loss"), hint);
    requireSame(first.gradient, again.gradient, repeatTolerance, text("gradient"), hint);
  }
  return first;
}

/** [loss, ∂loss/∂θ₁, …] of one batch, unscaled. */
export function gradientGraph(binding: Binding): Graph {
  const { g, inputs, target, weights, parameters, loss } = binding;
  return graphOf([...inputs.values(), target, weights, ...parameters], [loss, ...gradient(g, loss, parameters)]);
}

/** What one gradient over all data takes, counted from its graph. */
export function gradientCost({ survey }: Problem): Cost & { readonly runs: number } {
  const { flops, productFlops, peakBytes, nodes } = costOf(gradientGraph(survey.binding));
  const runs = survey.batches;
  return { flops: runs * flops, productFlops: runs * productFlops, peakBytes, nodes, runs };
}

async function onePass(problem: Problem, signal: AbortSignal | undefined, out?: Vector): Promise<GradientAndLoss> {
  const { space, scale } = problem;
  const total = out?.length === space.size ? out.fill(0) : new Float64Array(space.size);
  let loss = 0;
  await forEachBatch(problem, signal, async (batch: PreparedBatch) => {
    const binding = problem.bind(batch);
    const program = await problem.program(binding, "gradient", () => gradientGraph(binding));
    const run = { lane: batch.index % problem.engine.lanes, ...(signal ? { signal } : {}) };
    const [value, ...slopes] = await program.run(lossFeeds(binding, batch), run);
    return () => {
      loss += scale * value!.data[0]!;
      addVectors(space, total, slopes, 1, scale);
      problem.engine.recycle?.(slopes);
    };
  });
  return { loss, gradient: total };
}

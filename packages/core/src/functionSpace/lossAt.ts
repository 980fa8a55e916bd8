/** The loss of a problem at any point of its parameter space: the parameters are fed, so that nothing is compiled again. */
import type { Feed, Program } from "../engine/engine.ts";
import { graphOf } from "../ir/builder.ts";
import type { InputValue } from "../ir/graph.ts";
import type { Binding } from "../operators/binding.ts";
import { lossFeeds } from "../operators/feeds.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { requireVectors, splitVectors } from "../operators/parameterSpace.ts";
import type { Problem } from "../operators/problem.ts";
import { forEachBatch } from "../operators/vectorProduct.ts";

export interface LossAt extends AsyncDisposable {
  /** L(θ) over all data; not finite where the model is not. */
  at(theta: Vector, options?: { readonly signal?: AbortSignal }): Promise<number>;
}

/**
 * @example
 * ```ts no-run
 * await using loss = lossAt(problem);
 * const line = await Promise.all([0, 0.5, 1].map((t) => loss.at(between(a, b, t))));
 * ```
 *
 * Cost: one evaluation of the model a call; one compilation in all.
 */
export function lossAt(problem: Problem): LossAt {
  const programs = new Map<string, Promise<Program>>();
  const programOf = (binding: Binding): Promise<Program> => {
    const { inputs, target, weights, parameters, loss } = binding;
    const known =
      programs.get(binding.key) ??
      problem.engine.compile(graphOf([...inputs.values(), target, weights, ...parameters], [loss]));
    programs.set(binding.key, known);
    return known;
  };
  return {
    async at(theta, { signal } = {}) {
      requireVectors(problem.space, theta, 1, "loss");
      const values = splitVectors(problem.space, theta, 1, false);
      let total = 0;
      await forEachBatch(problem, signal, async (batch) => {
        const binding = problem.bind(batch);
        const program = await programOf(binding);
        const feeds = new Map<InputValue, Feed>(lossFeeds(binding, batch));
        binding.parameters.forEach((input, i) => feeds.set(input, values[i]!));
        const [loss] = await program.run(feeds, { lane: batch.index % problem.engine.lanes });
        return () => {
          total += problem.scale * loss!.data[0]!;
        };
      });
      return total;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

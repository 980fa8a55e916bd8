/**
 * The gradient of every example by itself.
 *
 *     g_i = Σ_{t in row i} s_t ∂ℓ_t/∂θ [P],     ∇L = scale · Σ_i g_i
 */
import { gradient, pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import { vmap } from "../autodiff/vmap.ts";
import { graphOf } from "../ir/builder.ts";
import type { InputValue } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { requireFiniteResult } from "./checks.ts";
import { lossFeeds } from "./feeds.ts";
import { addVectors } from "./parameterSpace.ts";
import { exampleBinding, exampleFeeds, examplesAtOnce, overExamples } from "./perExample.ts";
import type { Problem } from "./problem.ts";

export interface ExampleGradients {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** `[rows, P]`, row-major. */
  readonly gradients: Float64Array;
}

/**
 * The examples' gradients in the data's order, some rows at a time.
 *
 * @throws {UsageError} if the data have no target, or a gradient is not finite.
 *
 * Cost: one gradient an example; memory for as many rows as fit into a quarter of the problem's.
 *
 * @example
 * ```ts no-run
 * for await (const { firstRow, rows, gradients } of perExampleGradients(problem)) save(firstRow, rows, gradients);
 * ```
 */
export async function* perExampleGradients(
  problem: Problem,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<ExampleGradients> {
  const binding = exampleBinding(problem);
  const { space, survey } = problem;
  const chunk = examplesAtOnce(problem, survey.batchRows, space.size * 16);
  const run = binding.rows === 1 ? stackedRun(problem, binding, chunk) : maskedRun(problem, binding, chunk);
  for await (const batch of problem.batches(signal)) {
    for (let start = 0; start < batch.rows; start += chunk) {
      signal?.throwIfAborted();
      const rows = Math.min(chunk, batch.rows - start);
      const gradients = new Float64Array(rows * space.size);
      addVectors(space, gradients, await run(batch, start), rows, 1);
      if (problem.checks.finite) requireFiniteResult(space, gradients, "gradient of an example");
      yield { firstRow: batch.firstRow + start, rows, gradients };
    }
  }
}

type Run = (batch: PreparedBatch, start: number) => Promise<Tensor[]>;

/** The one-row model vectorised over rows. */
function stackedRun(problem: Problem, binding: Binding, chunk: number): Run {
  return async (batch, start) => {
    const program = await problem.program(binding, `example gradients ×${chunk}`, () => {
      const { graph, outputs } = overExamples(binding, gradient(binding.g, binding.loss, binding.parameters), chunk);
      return graph(outputs);
    });
    const tensors = exampleFeeds(problem, batch, start, chunk);
    return program.run(new Map(tensors.map((value, i) => [program.graph.inputs[i]!, value])));
  };
}

/** The batch as it is, pulled back from cotangents that are zero but for one row, `chunk` rows at once. */
function maskedRun(problem: Problem, binding: Binding, chunk: number): Run {
  return async (batch, start) => {
    const program = await problem.program(binding, `masked example gradients ×${chunk}`, () =>
      maskedGraph(binding, chunk),
    );
    const mask = new Float64Array(chunk * binding.rows);
    for (let i = 0; i < chunk && start + i < batch.rows; i++) mask[i * binding.rows + start + i] = 1;
    const feeds = lossFeeds(binding, batch) as Map<InputValue, Tensor>;
    const maskInput = program.graph.inputs.find((input) => input.name === maskName)!;
    feeds.set(maskInput, { dtype: "float32", shape: maskInput.shape, data: mask });
    return program.run(feeds);
  };
}

const maskName = "row mask";

function maskedGraph(binding: Binding, chunk: number): ReturnType<typeof graphOf> {
  const { g, prediction, parameters, inputs, target, weights, loss } = binding;
  const mask = g.input(maskName, prediction.dtype, [chunk, binding.rows]);
  const slope = gradient(g, loss, [prediction])[0]!;
  const one = g.input("one row", prediction.dtype, [binding.rows]);
  const column = g.reshape(one, [binding.rows, ...prediction.shape.slice(1).map(() => 1)]);
  const pulled = pullBack(g, [prediction], [g.mul(slope, column)], parameters).map((d, k) =>
    dense(g, d, parameters[k]!),
  );
  const outputs = vmap(g, pulled, new Map([[one, mask]]), chunk);
  return graphOf([...inputs.values(), target, weights, mask, ...parameters], outputs);
}

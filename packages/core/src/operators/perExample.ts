/**
 * Programs that see one example at a time, many at once.
 *
 * The model is bound to a batch of one row and vectorised over rows, where its file leaves the batch open. Where the file
 * fixes another batch, the model stays as it is and a caller tells rows apart by masking cotangents.
 */
import { vmap } from "../autodiff/vmap.ts";
import { graphOf } from "../ir/builder.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { lossFeeds } from "./feeds.ts";
import type { Problem } from "./problem.ts";

/** The binding that tells examples apart: one row, or the whole batch where the model fixes it. */
export function exampleBinding(problem: Problem): Binding {
  const { binding } = problem.survey;
  return problem.bindRows(binding, 1) ?? binding;
}

/** Inputs that differ from example to example. */
function perRow({ inputs, target, weights }: Binding, extra: readonly InputValue[]): InputValue[] {
  return [...inputs.values(), target, weights, ...extra];
}

/**
 * `outputs` of a one-row binding for `rows` examples at once.
 *
 * @param extra Further inputs, one value an example.
 * @param shared Further inputs that all examples share; fed as they are, after the others.
 */
export function overExamples(
  binding: Binding,
  outputs: readonly Value[],
  rows: number,
  { extra = [], shared = [] }: { readonly extra?: readonly InputValue[]; readonly shared?: readonly InputValue[] } = {},
): { readonly graph: (reduced: readonly Value[]) => Graph; readonly outputs: readonly Value[] } {
  const { g, parameters } = binding;
  const single = perRow(binding, extra);
  const stacked = single.map((input) => g.input(`${input.name}_rows`, input.dtype, [rows, ...input.shape]));
  const all = vmap(g, outputs, new Map(single.map((input, i) => [input, stacked[i]!])), rows);
  return { outputs: all, graph: (reduced) => graphOf([...stacked, ...shared, ...parameters], reduced) };
}

/**
 * Feeds of `rows` examples of a batch from row `start`, in the order of the stacked inputs; past the batch's own rows the
 * weights are 0.
 */
export function exampleFeeds(problem: Problem, batch: PreparedBatch, start: number, rows: number): Tensor[] {
  const whole = problem.bind(batch);
  const feeds = lossFeeds(whole, batch);
  const order = [...whole.inputs.values(), whole.target, whole.weights];
  return order.map((input) => {
    const own = takeFrom(feeds.get(input)!, start, rows);
    if (input === whole.weights) silence(own, batch.rows - start);
    return { ...own, shape: [rows, 1, ...own.shape.slice(1)] };
  });
}

/** Rows `start … start + rows`, the last one repeated where the batch ends. */
export function takeFrom({ dtype, shape, data }: Tensor, start: number, rows: number): Tensor {
  const size = sizeOf(shape.slice(1));
  const available = Math.min(rows, shape[0]! - start);
  const taken = new (data.constructor as new (n: number) => NumericArray)(rows * size);
  taken.set(data.subarray(start * size, (start + available) * size) as never);
  for (let row = available; row < rows; row++)
    taken.set(data.subarray(start * size, (start + 1) * size) as never, row * size);
  return { dtype, shape: [rows, ...shape.slice(1)], data: taken };
}

function silence({ shape, data }: Tensor, from: number): void {
  data.fill(0, Math.max(0, from) * sizeOf(shape.slice(1)));
}

/** Examples at once: as many as `wanted`, while `bytesEach` fits into a quarter of the memory. */
export function examplesAtOnce(problem: Problem, wanted: number, bytesEach: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(problem.memory / 4 / Math.max(1, bytesEach))));
}

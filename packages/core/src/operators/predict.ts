/** Predictions of a problem's model. */
import { graphOf } from "../ir/builder.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { dataFeeds } from "./feeds.ts";
import type { Problem, ProblemBase } from "./problem.ts";

/** The prediction f of a batch, all its rows, padding included. */
export async function predictBatch(base: ProblemBase, binding: Binding, batch: PreparedBatch): Promise<Tensor> {
  const program = await base.program(binding, "prediction", () =>
    graphOf([...binding.inputs.values(), ...binding.parameters], [binding.prediction]),
  );
  const [f] = await program.run(dataFeeds(binding, batch));
  return f!;
}

export interface Predictions {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** `[rows, …]` */
  readonly prediction: Tensor;
  /** In the loss's target form; absent where the data have none. */
  readonly target?: Tensor;
}

/**
 * The model's predictions in the data's order, batch by batch.
 *
 * Cost: one evaluation of the model.
 */
export async function* predict(
  problem: Problem,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Predictions> {
  for await (const batch of problem.batches(signal)) {
    const f = await predictBatch(problem, problem.bind(batch), batch);
    const { firstRow, rows } = batch;
    const target = batch.target && firstRows(batch.target, rows);
    yield { firstRow, rows, prediction: firstRows(f, rows), ...(target ? { target } : {}) };
  }
}

/** Without the padding. */
function firstRows({ dtype, shape, data }: Tensor, rows: number): Tensor {
  const size = shape.slice(1).reduce((n, d) => n * d, 1);
  return { dtype, shape: [rows, ...shape.slice(1)], data: data.subarray(0, rows * size) };
}

/**
 * The Jacobian of every row's prediction, as it is.
 *
 *     J_n = ∂f_n/∂θ [C, P]        C the entries of a row's prediction, row-major
 *
 * Works for any parameter, layer or not. Neither loss nor target is involved.
 */
import { pullBack } from "../../autodiff/pullBack.ts";
import { dense } from "../../autodiff/rule.ts";
import { vmap } from "../../autodiff/vmap.ts";
import { graphOf } from "../../ir/builder.ts";
import type { Graph, InputValue, Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { PreparedBatch } from "../batches.ts";
import type { Binding } from "../binding.ts";
import { dataFeeds } from "../feeds.ts";
import { exampleBinding, examplesAtOnce, takeFrom } from "../perExample.ts";
import type { Problem } from "../problem.ts";

export interface ExampleJacobians {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** C, entries of a row's prediction. */
  readonly outputs: number;
  /** `[rows, C, P]`, row-major. */
  readonly jacobians: Float64Array;
}

/**
 * The rows' Jacobians in the data's order, some rows at a time.
 *
 * Cost: C pull-backs a row; memory for as many rows as fit into a quarter of the problem's.
 *
 * @example
 * ```ts no-run
 * for await (const { firstRow, jacobians } of exampleJacobians(problem)) save(firstRow, jacobians);
 * ```
 */
export async function* exampleJacobians(
  problem: Problem,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<ExampleJacobians> {
  const { survey, space } = problem;
  const outputs = sizeOf(survey.binding.prediction.shape.slice(1));
  const chunk = examplesAtOnce(problem, survey.batchRows, outputs * space.size * 16);
  const binding = exampleBinding(problem);
  const run = binding.rows === 1 ? stackedRun(problem, binding, chunk) : maskedRun(problem, binding, chunk, outputs);
  for await (const batch of problem.batches(signal)) {
    for (let start = 0; start < batch.rows; start += chunk) {
      signal?.throwIfAborted();
      const rows = Math.min(chunk, batch.rows - start);
      const tensors = await run(batch, start);
      const jacobians = sideBySide(
        tensors.map(({ data }) => data),
        space.parameters.map(({ size }) => size),
        rows * outputs,
      );
      yield { firstRow: batch.firstRow + start, rows, outputs, jacobians };
    }
  }
}

type Run = (batch: PreparedBatch, start: number) => Promise<Tensor[]>;

/** The one-row model's C pull-backs, vectorised over rows: `[rows, C, …parameter]`. */
function stackedRun(problem: Problem, binding: Binding, chunk: number): Run {
  const graph = (): Graph => {
    const { g, inputs, parameters } = binding;
    const single = [...inputs.values()];
    const stacked = single.map((input) => g.input(`${input.name}_rows`, input.dtype, [chunk, ...input.shape]));
    const pairs = single.map((input, i): [Value, Value] => [input, stacked[i]!]);
    return graphOf([...stacked, ...parameters], vmap(g, pulledUnits(binding), new Map(pairs), chunk));
  };
  return async (batch, start) => {
    const program = await problem.program(binding, `example jacobians ×${chunk}`, graph);
    const whole = problem.bind(batch);
    const feeds = dataFeeds(whole, batch);
    const rows = [...binding.inputs.keys()].map((name) => takeFrom(feeds.get(whole.inputs.get(name)!)!, start, chunk));
    const oneEach = rows.map((value): Tensor => ({ ...value, shape: [chunk, 1, ...value.shape.slice(1)] }));
    return program.run(new Map(oneEach.map((value, i) => [program.graph.inputs[i]!, value])));
  };
}

/** ∂f_c/∂parameter of a one-row binding for every output c, `[C, …parameter]`. */
function pulledUnits({ g, prediction, parameters }: Binding): Value[] {
  const count = sizeOf(prediction.shape);
  const one = g.input("unit", prediction.dtype, prediction.shape);
  const pulled = pullBack(g, [prediction], [one], parameters).map((d, i) => dense(g, d, parameters[i]!));
  const units = Float64Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  const all = g.constantTensor({ dtype: prediction.dtype, shape: [count, ...prediction.shape], data: units });
  return vmap(g, pulled, new Map<Value, Value>([[one, all]]), count);
}

/** A batch that the model's file fixes: pulled back from units of one row and one output, `chunk · C` at once. */
function maskedRun(problem: Problem, binding: Binding, chunk: number, outputs: number): Run {
  const { g, prediction, parameters, inputs } = binding;
  const units = g.input("units", prediction.dtype, [chunk * outputs, ...prediction.shape]);
  const graph = (): Graph => {
    const one = g.input("unit", prediction.dtype, prediction.shape);
    const pulled = pullBack(g, [prediction], [one], parameters).map((d, i) => dense(g, d, parameters[i]!));
    return graphOf(
      [...inputs.values(), units, ...parameters],
      vmap(g, pulled, new Map<Value, Value>([[one, units]]), chunk * outputs),
    );
  };
  return async (batch, start) => {
    const program = await problem.program(binding, `masked example jacobians ×${chunk}`, graph);
    const data = new Float64Array(sizeOf(units.shape));
    const perUnit = binding.rows * outputs;
    for (let row = 0; row < chunk && start + row < batch.rows; row++) {
      for (let c = 0; c < outputs; c++) data[(row * outputs + c) * perUnit + (start + row) * outputs + c] = 1;
    }
    const input = program.graph.inputs.find(({ name }) => name === "units") as InputValue;
    return program.run(dataFeeds(binding, batch).set(input, { dtype: "float32", shape: units.shape, data }));
  };
}

/** Rows of `[rows, sizes[k]]` arrays next to each other. */
function sideBySide(parts: readonly NumericArray[], sizes: readonly number[], rows: number): Float64Array {
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const out = new Float64Array(rows * width);
  let offset = 0;
  parts.forEach((data, k) => {
    const size = sizes[k]!;
    for (let row = 0; row < rows; row++) out.set(data.subarray(row * size, (row + 1) * size), row * width + offset);
    offset += size;
  });
  return out;
}

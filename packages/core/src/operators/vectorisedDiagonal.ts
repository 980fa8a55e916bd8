/**
 * The diagonal of the generalised Gauss–Newton matrix of any model, from the gradients themselves: every column of every loss
 * term is pulled back by itself, many at once, and only the sum of squares leaves the engine.
 */
import { pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import { vmap } from "../autodiff/vmap.ts";
import type { Program } from "../engine/engine.ts";
import { graphOf } from "../ir/builder.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Likelihood } from "../loss/loss.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { lossFeeds } from "./feeds.ts";
import type { GgnDiagonalOptions } from "./ggnDiagonal.ts";
import type { Vector } from "./linearOperator.ts";
import { batchNoise } from "./noise.ts";
import { overClasses } from "./outputProduct.ts";
import { addVectors } from "./parameterSpace.ts";
import { exampleBinding, exampleFeeds, examplesAtOnce, overExamples, takeFrom } from "./perExample.ts";
import type { Problem } from "./problem.ts";
import { sampledScores } from "./sampledScores.ts";

/** Columns of one program run at most. */
const mostColumns = 64;

/**
 * @returns P entries, all ≥ 0.
 *
 * Cost: loss terms × classes (or samples) pull-backs, vectorised, with P entries of memory for each.
 */
export async function vectorisedDiagonal(
  problem: Problem,
  likelihood: Likelihood,
  options: GgnDiagonalOptions,
): Promise<Vector> {
  const binding = exampleBinding(problem);
  const plan = planOf(problem, binding, likelihood, options);
  const total = new Float64Array(problem.space.size);
  const factor = problem.scale * plan.factor;
  for await (const batch of problem.batches(options.signal)) {
    for (let start = 0; start < batch.rows; start += plan.examples) {
      for (let column = 0; column < plan.columns; column += plan.columnsAtOnce) {
        options.signal?.throwIfAborted();
        addVectors(problem.space, total, await plan.run(batch, start, column), 1, factor);
      }
    }
  }
  return total;
}

interface Plan {
  /** Examples one run takes: all of the batch where it cannot be told apart by rebinding. */
  readonly examples: number;
  /** Loss terms × columns of a factor, of what one run sees as an example. */
  readonly columns: number;
  readonly columnsAtOnce: number;
  readonly factor: number;
  run(batch: PreparedBatch, start: number, column: number): Promise<Tensor[]>;
}

function planOf(problem: Problem, binding: Binding, likelihood: Likelihood, options: GgnDiagonalOptions): Plan {
  const samples = options.fisher === "sampled" ? options.samples : 0;
  const { factor, noise } = columnsOf(binding, likelihood, samples);
  const terms = sizeOf(binding.weights.shape);
  const perTerm = factor.shape[0]!;
  const columns = terms * perTerm;
  const single = binding.rows === 1;
  const columnsAtOnce = Math.min(columns, mostColumns, examplesAtOnce(problem, columns, problem.space.size * 8));
  const examples = single
    ? examplesAtOnce(problem, problem.survey.batchRows, columnsAtOnce * problem.space.size * 8)
    : binding.rows;
  const name = `ggn diagonal ${samples} ×${columnsAtOnce} ×${examples}`;
  const graph = (): Graph =>
    diagonalGraph(problem, binding, factor, noise, columnsAtOnce, single ? examples : undefined);
  return {
    examples,
    columns,
    columnsAtOnce,
    factor: samples > 0 ? 1 / samples : 1,
    async run(batch, start, column) {
      const program = await problem.program(binding, name, graph);
      const select = selectors(column, columnsAtOnce, perTerm, terms, binding.weights.shape);
      const noises =
        noise && options.fisher === "sampled"
          ? [noiseFeed(problem, batch, likelihood, options, start, single ? examples : undefined)]
          : [];
      const data = single ? exampleFeeds(problem, batch, start, examples) : [...lossFeeds(binding, batch).values()];
      return program.run(inOrder(program, [...data, ...noises, ...select]));
    },
  };
}

/** The columns `[C, …prediction]` of the factor, or `[samples, …]` scores and the noise that draws them. */
function columnsOf(
  binding: Binding,
  likelihood: Likelihood,
  samples: number,
): { readonly factor: Value; readonly noise?: InputValue } {
  const { g, prediction, target } = binding;
  if (samples === 0) return { factor: likelihood.factor(g, prediction, target) };
  const { scores, noise } = sampledScores(binding, likelihood, samples);
  return { factor: scores, noise };
}

/** Σ over K columns (and E examples) of s · (Jᵀ column)², one output a parameter. */
function diagonalGraph(
  problem: Problem,
  binding: Binding,
  factor: Value,
  noise: InputValue | undefined,
  k: number,
  examples: number | undefined,
): Graph {
  const { g, prediction, parameters, weights, inputs, target } = binding;
  const term = g.input("term", prediction.dtype, weights.shape);
  const part = g.input("part", prediction.dtype, [factor.shape[0]!]);
  const chosen = g.sum(g.mul(factor, g.reshape(part, [part.shape[0]!, ...prediction.shape.map(() => 1)])), [0]);
  const ct = g.mul(chosen, overClasses(g, term, problem.loss.classAxis(prediction.shape)));
  const weight = g.total(g.mul(term, weights));
  const pulled = pullBack(g, [prediction], [ct], parameters).map((d, i) =>
    g.mul(weight, g.square(dense(g, d, parameters[i]!))),
  );
  const terms = g.input("terms", prediction.dtype, [k, ...term.shape]);
  const parts = g.input("parts", prediction.dtype, [k, ...part.shape]);
  const all = vmap(
    g,
    pulled,
    new Map<Value, Value>([
      [term, terms],
      [part, parts],
    ]),
    k,
  ).map((v) => g.sum(v, [0]));
  const extra = noise ? [noise] : [];
  if (examples === undefined)
    return graphOf([...inputs.values(), target, weights, ...extra, terms, parts, ...parameters], all);
  const { graph, outputs } = overExamples(binding, all, examples, { extra, shared: [terms, parts] });
  return graph(outputs.map((v) => g.sum(v, [0])));
}

/** One-hot rows for columns `from … from + k`, numbered (term, part); zero past the end. */
function selectors(from: number, k: number, perTerm: number, terms: number, termShape: readonly number[]): Tensor[] {
  const term = new Float64Array(k * terms);
  const part = new Float64Array(k * perTerm);
  for (let i = 0; i < k && from + i < terms * perTerm; i++) {
    term[i * terms + Math.floor((from + i) / perTerm)] = 1;
    part[i * perTerm + ((from + i) % perTerm)] = 1;
  }
  return [
    { dtype: "float32", shape: [k, ...termShape], data: term },
    { dtype: "float32", shape: [k, perTerm], data: part },
  ];
}

/** `[samples, rows, …]` for a whole batch, or `[examples, samples, 1, …]`. */
function noiseFeed(
  problem: Problem,
  batch: PreparedBatch,
  likelihood: Likelihood,
  { samples, seed }: { readonly samples: number; readonly seed: number },
  start: number,
  examples: number | undefined,
): Tensor {
  const shape = likelihood.noiseShape(problem.bind(batch).prediction.shape);
  const whole = batchNoise(batch, { seed, samples, kind: likelihood.noise, shape });
  if (examples === undefined) return whole;
  const [rows, ...rest] = shape as [number, ...number[]];
  const size = sizeOf(rest);
  const byRow = new Float64Array(whole.data.length);
  for (let m = 0; m < samples; m++) {
    for (let row = 0; row < rows; row++) {
      byRow.set(whole.data.subarray((m * rows + row) * size, (m * rows + row + 1) * size), (row * samples + m) * size);
    }
  }
  const rowsFirst: Tensor = { dtype: "float32", shape: [rows, samples, 1, ...rest], data: byRow };
  return takeFrom(rowsFirst, start, examples);
}

/** Feeds for the program's first inputs, in order. */
function inOrder({ graph }: Program, tensors: readonly Tensor[]): Map<InputValue, Tensor> {
  return new Map(tensors.map((value, i) => [graph.inputs[i]!, value]));
}

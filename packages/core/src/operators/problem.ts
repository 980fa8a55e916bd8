/**
 * A problem: a model, its parameters, a loss and data, on an engine. Everything that curvature is asked of.
 *
 *     L(θ) = scale · Σ_batches Σ_t s_t ℓ_t(f_t(θ), y_t)
 *
 * Making one goes over the data once: it counts the loss terms (a mean is over all of them, whatever the sizes of the
 * batches) and checks what would otherwise give wrong numbers silently. Batches smaller than the largest are padded with
 * rows of weight 0, so that one set of programs serves all.
 */
import type { Batch, Dataset } from "../data/dataset.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { programCache } from "../engine/programCache.ts";
import { widenedDtype } from "../ir/elements.ts";
import type { Graph, InputValue } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";
import { readModel } from "../onnx/decode.ts";
import { defaultOutput } from "../onnx/defaultOutput.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { chooseParameters, type InitializerChoice, type ParameterSelection } from "../onnx/select.ts";
import { batchShapes, type PreparedBatch, prepareBatch } from "./batches.ts";
import { type Binding, bindProblem, shapesKey } from "./binding.ts";
import { requireFiniteParameters } from "./checks.ts";
import { lossFor } from "./lossFor.ts";
import { type ParameterSpace, parameterSpace } from "./parameterSpace.ts";
import { requireScores } from "./requireScores.ts";
import { type Survey, survey } from "./survey.ts";

export interface ProblemOptions {
  /** A model that was read, or a path. */
  readonly model: OnnxModel | string;
  readonly data: Dataset;
  readonly loss: Loss;
  /** ONNX Runtime in a worker thread unless given; one that is given stays the caller's to release. */
  readonly engine?: Engine;
  /** By name, glob or predicate; by role unless given. */
  readonly parameters?: ParameterSelection;
  /** Which of the model's outputs is the prediction; the first of float type unless said. */
  readonly output?: string;
  /** Which safeguards run; all unless said. */
  readonly checks?: Partial<Checks> | false;
  /** Bytes that may be spent on batches kept in memory, kept residuals, and K columns at once; 1 GiB unless said. */
  readonly memory?: number;
  readonly signal?: AbortSignal;
}

/** Safeguards, each on unless switched off. */
export interface Checks {
  /** Data, chosen parameters and results are finite (−∞ in a mask is legitimate). */
  readonly finite: boolean;
  /** The data give the same loss and gradient twice, a product is the same twice. */
  readonly deterministic: boolean;
  /** A row's prediction does not depend on the other rows of its batch. */
  readonly independent: boolean;
}

export interface Problem extends AsyncDisposable {
  readonly model: OnnxModel;
  readonly loss: Loss;
  readonly data: Dataset;
  readonly engine: Engine;
  readonly space: ParameterSpace;
  /** Every float initializer: chosen or not, and why. */
  readonly choices: readonly InitializerChoice[];
  /** θ, in the space's order. */
  readonly values: readonly Tensor[];
  readonly output: string;
  readonly checks: Checks;
  readonly memory: number;
  /** What going over the data once has shown. */
  readonly survey: Survey;
  /** What Σ_t s_t ℓ_t is multiplied by: 1, or 1 over the pooled count for a mean. */
  readonly scale: number;
  /** Batches in order, padded to one size and checked; from memory where they fit. */
  batches(signal?: AbortSignal): AsyncIterable<PreparedBatch>;
  /** The model and loss at a batch's shapes. */
  bind(batch: PreparedBatch): Binding;
  /** The same at another number of rows; undefined where the model has a fixed one. */
  bindRows(binding: Binding, rows: number): Binding | undefined;
  /** A compiled program of a binding, with θ fixed; made once for each name. */
  program(binding: Binding, name: string, graph: () => Graph): Promise<Program>;
}

/** Programs kept compiled. */
const programCapacity = 64;

/**
 * @throws {UsageError | MismatchError | UnsupportedModelError} for whatever is wrong with model, parameters or data,
 *   before any product is computed.
 *
 * Cost: one pass of predictions over the data; with `deterministic`, two gradients.
 *
 * @example
 * ```ts no-run
 * await using problem = await createProblem({ model: "model.onnx", data, loss: crossEntropy() });
 * const h = hessian(problem);
 * ```
 */
export async function createProblem(options: ProblemOptions): Promise<Problem> {
  const { data, memory = 2 ** 30, signal } = options;
  const loss = lossFor(options.loss, data);
  const model = typeof options.model === "string" ? await readModel(options.model) : options.model;
  const checks = checksOf(options.checks);
  const choices = chooseParameters(model, options.parameters);
  const chosen = choices.filter((choice) => choice.chosen).map((choice) => choice.initializer);
  const space = parameterSpace(chosen.map(({ name, shape, dtype }) => ({ name, shape, dtype: widenedDtype(dtype) })));
  const values = chosen.map((initializer) => initializer.read());
  if (checks.finite) requireFiniteParameters(space, values);
  const output = options.output ?? defaultOutput(model);
  if (options.output === undefined) requireScores(model, output, loss);
  const engine = options.engine ?? ortNodeEngine();
  const request = { model, space, output, loss };
  const bindings = new Map<string, Binding>();
  const bindShapes = (shapes: Readonly<Record<string, readonly number[]>>): Binding => {
    const key = shapesKey(shapes);
    const known = bindings.get(key) ?? bindProblem(request, shapes);
    bindings.set(key, known);
    return known;
  };
  const programs = programCache(programCapacity);
  const fixedOf = (binding: Binding): ReadonlyMap<InputValue, Tensor> =>
    new Map(binding.parameters.map((input, i) => [input, values[i]!]));
  const base = {
    model,
    loss,
    data,
    engine,
    space,
    choices,
    values,
    output,
    checks,
    memory,
    bind: (batch: PreparedBatch) => bindShapes(batch.shapes),
    bindRows: (binding: Binding, rows: number) => {
      const shapes = batchShapes(model, binding, rows);
      return shapes && bindShapes(shapes);
    },
    program: (binding: Binding, name: string, graph: () => Graph) =>
      programs.get(`${name} @ ${binding.key}`, () => {
        const built = graph();
        const needed = new Set(built.inputs);
        const fixed = new Map([...fixedOf(binding)].filter(([input]) => needed.has(input)));
        return engine.compile(built, { fixed, ...(signal ? { signal } : {}) });
      }),
    async [Symbol.asyncDispose]() {
      await programs[Symbol.asyncDispose]();
      if (!options.engine) await engine[Symbol.asyncDispose]();
    },
  };
  try {
    const found = await survey(base, signal);
    return {
      ...base,
      survey: found,
      scale: loss.reduction === "sum" ? 1 : 1 / found.count,
      batches: (abort) => preparedBatches(base, found, abort),
    };
  } catch (error) {
    await base[Symbol.asyncDispose]();
    throw error;
  }
}

function checksOf(given: ProblemOptions["checks"]): Checks {
  const on = given !== false;
  return { finite: on, deterministic: on, independent: on, ...(given || {}) };
}

/** What making batches needs of a problem. */
export type ProblemBase = Omit<Problem, "survey" | "scale" | "batches">;

async function* preparedBatches(base: ProblemBase, found: Survey, signal?: AbortSignal): AsyncGenerator<PreparedBatch> {
  if (found.kept) {
    yield* found.kept;
    return;
  }
  let index = 0;
  let firstRow = 0;
  for await (const batch of base.data.batches() as AsyncIterable<Batch>) {
    signal?.throwIfAborted();
    yield prepareBatch(base, batch, { index, firstRow, rows: found.batchRows });
    index++;
    firstRow += batch.rows;
  }
}

/**
 * Trains a model on a problem's data: minibatches, an optimiser, a schedule. For retraining experiments, not for large models.
 *
 *     L(θ) over a minibatch = Σ_t s_t ℓ_t / count        for a loss that is a mean; the sum for a sum
 *
 * The weights are inputs of the gradient program, so that one program serves every step and every run.
 */

import type { Feed, Program } from "../engine/engine.ts";
import { MismatchError, UsageError } from "../errors.ts";
import type { InputValue } from "../ir/graph.ts";
import type { Binding } from "../operators/binding.ts";
import { gradientGraph } from "../operators/gradientAndLoss.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { addVectors, flatten, splitVectors } from "../operators/parameterSpace.ts";
import type { Problem } from "../operators/problem.ts";
import { randomStream } from "../random/random.ts";
import { type GatheredBatch, minibatches, type RowStore, rowStore } from "./minibatches.ts";
import { type OptimizerOptions, optimizerOf } from "./optimizer.ts";
import { type Schedule, scheduleFactor } from "./schedule.ts";

export interface TrainOptions {
  readonly optimizer: OptimizerOptions;
  readonly epochs: number;
  /** Rows a step; the problem's batch unless said. */
  readonly batchSize?: number;
  /** "constant" unless said. */
  readonly schedule?: Schedule;
  /** Seed of the rows' order; 0 unless said. */
  readonly seed?: number;
  /** Numbers of the rows to train on; all unless said. */
  readonly rows?: ArrayLike<number>;
  /** Where to start; the model's own values unless said. */
  readonly start?: Vector;
  /** Entries of the flat vector that may change: 1, others 0; all unless given. */
  readonly free?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly onEpoch?: (epoch: { readonly epoch: number; readonly loss: number }) => void;
}

export interface Trained {
  readonly theta: Vector;
  /** Mean loss of the minibatches of each epoch, as they were met. */
  readonly losses: readonly number[];
}

export interface Trainer extends AsyncDisposable {
  train(options: TrainOptions): Promise<Trained>;
}

/**
 * A trainer keeps the data in memory and the compiled program: make one for many runs.
 *
 * @throws {UsageError} if the data have no target, or the model's file fixes another number of rows.
 *
 * @example
 * ```ts no-run
 * await using trainer = await createTrainer(problem);
 * const { theta } = await trainer.train({ optimizer: { kind: "adam", learningRate: 1e-3 }, epochs: 10, batchSize: 32 });
 * const model = atPoint(problem.model, problem.space, theta);
 * ```
 */
export async function createTrainer(problem: Problem): Promise<Trainer> {
  const store = await rowStore(problem);
  const programs = new Map<number, Promise<Program>>();
  const programFor = (binding: Binding): Promise<Program> => {
    const known = programs.get(binding.rows) ?? problem.engine.compile(gradientGraph(binding));
    programs.set(binding.rows, known);
    return known;
  };
  return {
    train: (options) => runTraining(problem, store, programFor, options),
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
      programs.clear();
    },
  };
}

async function runTraining(
  problem: Problem,
  store: RowStore,
  programFor: (binding: Binding) => Promise<Program>,
  options: TrainOptions,
): Promise<Trained> {
  const {
    epochs,
    schedule = { kind: "constant" },
    seed = 0,
    rows = range(store.rows),
    free,
    signal,
    onEpoch,
  } = options;
  const { space } = problem;
  const binding = bindingFor(problem, Math.min(options.batchSize ?? problem.survey.batchRows, rows.length));
  const size = binding.rows;
  const program = await programFor(binding);
  const start = options.start ?? flatten(space, problem.values);
  if (start.length !== space.size) {
    throw new MismatchError("Cannot train from this point as its length is not the parameters'", {
      expected: space.size,
      found: start.length,
    });
  }
  if (free && free.length !== space.size) {
    throw new MismatchError("Cannot hold entries as what says which are free is not as long as the parameters", {
      expected: space.size,
      found: free.length,
    });
  }
  const theta = start.slice();
  const optimizer = optimizerOf(options.optimizer, space.size);
  const steps = epochs * Math.ceil(rows.length / size);
  const gradient = new Float64Array(space.size);
  const losses: number[] = [];
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const stream = randomStream(seed, `epoch ${epoch}`);
    let total = 0;
    for (const chosen of minibatches(rows, size, stream)) {
      signal?.throwIfAborted();
      const batch = store.gather(chosen, size);
      const [loss, ...slopes] = await program.run(feedsOf(problem, binding, batch, theta), signal ? { signal } : {});
      const scale = problem.loss.reduction === "sum" ? 1 : 1 / divisor(problem, chosen.length);
      addVectors(space, gradient.fill(0), slopes, 1, scale);
      optimizer.step(theta, gradient, scheduleFactor(schedule, step++, steps));
      if (free) hold(theta, start, free);
      total += scale * loss!.data[0]! * (chosen.length / rows.length);
    }
    requireFiniteLoss(total, epoch);
    losses.push(total);
    onEpoch?.({ epoch, loss: total });
  }
  return { theta, losses };
}

/** Undoes what a step did to entries that may not change: its weight decay too. */
function hold(theta: Vector, start: Vector, free: Uint8Array): void {
  for (let at = 0; at < theta.length; at++) if (!free[at]) theta[at] = start[at]!;
}

const range = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

function bindingFor(problem: Problem, rows: number): Binding {
  const { binding } = problem.survey;
  if (binding.rows === rows) return binding;
  const other = problem.bindRows(binding, rows);
  if (other) return other;
  throw new UsageError("Cannot train with this batch size as the model's file fixes another", {
    expected: binding.rows,
    found: rows,
  });
}

/** What a mean over these rows divides by: their share of the whole count. */
function divisor({ survey }: Problem, rows: number): number {
  return (survey.count / survey.rows) * rows;
}

function feedsOf(
  { space }: Problem,
  binding: Binding,
  { inputs, target, weights }: GatheredBatch,
  theta: Vector,
): Map<InputValue, Feed> {
  const feeds = new Map<InputValue, Feed>([...binding.inputs].map(([name, input]) => [input, inputs[name]!]));
  feeds.set(binding.target, target).set(binding.weights, weights);
  const parts = splitVectors(space, theta, 1, false);
  binding.parameters.forEach((input, i) => feeds.set(input, parts[i]!));
  return feeds;
}

function requireFiniteLoss(loss: number, epoch: number): void {
  if (Number.isFinite(loss)) return;
  throw new UsageError("Cannot go on training as the loss is not finite", {
    at: `epoch ${epoch}`,
    found: loss,
    try: "a smaller learning rate",
  });
}

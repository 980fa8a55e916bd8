/**
 * The Laplace approximation: a Gaussian posterior around trained weights, from one pass over the training data.
 *
 *     p(θ | data) ≈ N(θ*, (H/(σ² T) + D)⁻¹)
 *
 * H is the generalised Gauss–Newton matrix of −log p(y | f), in one of several structures, over all or some of the weights.
 *
 * Sources: MacKay (1992), A practical Bayesian framework for backpropagation networks; Ritter, Botev, Barber (2018), A scalable
 * Laplace approximation for neural networks; Daxberger et al. (2021), Laplace redux, arXiv:2106.14806.
 */
import {
  createProblem,
  type Dataset,
  type Engine,
  gradientAndLoss,
  lastLayer,
  type OnnxModel,
  ortNodeEngine,
  type Problem,
  readModel,
  UsageError,
} from "@hessonite/core";
import type { Likelihood } from "./likelihood/likelihood.ts";
import { measureCurvature, type StructureOptions } from "./posterior/measure.ts";
import type { Curvature, Posterior, StructureName } from "./posterior/posterior.ts";
import { hasRoom } from "./posterior/room.ts";
import { type Prior, type PriorKind, priorOf } from "./prior.ts";

export interface FitOptions extends StructureOptions {
  /** A model that was read, or a path. */
  readonly model: OnnxModel | string;
  /** What the model was trained on. */
  readonly data: Dataset;
  readonly likelihood: Likelihood;
  readonly structure: StructureName;
  /**
   * "all", "last-layer", "auto" (all where the structure has room for them, else the last layer's), or names and globs of
   * initializers; all unless said.
   */
  readonly weights?: "all" | "last-layer" | "auto" | readonly string[];
  /** Precision of the prior on every weight; 1 unless said. */
  readonly prior?: number;
  /** σ; 1 unless said. */
  readonly noise?: number;
  /** T: the posterior's precision is divided by it; 1 unless said. */
  readonly temperature?: number;
  /** ONNX Runtime unless given; one that is given stays the caller's to release. */
  readonly engine?: Engine;
  /** Which output is the prediction (logits, not probabilities); the first of float type unless said. */
  readonly output?: string;
  /** Bytes; 1 GiB unless said. */
  readonly memory?: number;
}

/** What the data say of the weights, measured once. */
export interface Measured {
  readonly curvature: Curvature;
  /** L at θ*, summed over the data. */
  readonly loss: number;
  /** ∇L at θ*, P entries. */
  readonly gradient: Float64Array;
  /** Predicted numbers (Gaussian), or loss terms, in all. */
  readonly entries: number;
  /** Rows, each as often as its weight says. */
  readonly rows: number;
  /** What of −log p no weight moves: log y! of counts. */
  readonly base: number;
}

export interface Hyperparameters {
  readonly prior: Prior;
  /** σ */
  readonly noise: number;
  /** T */
  readonly temperature: number;
}

export interface Laplace extends Measured, Hyperparameters, AsyncDisposable {
  readonly likelihood: Likelihood;
  /** The model on its training data; its parameters are the weights of the posterior. */
  readonly problem: Problem;
  /** θ*, P entries. */
  readonly mean: Float64Array;
  readonly posterior: Posterior;
}

/**
 * @throws {UsageError} if prior, noise or temperature are not positive, the likelihood does not fit the outputs, or the
 *   structure does not fit the weights.
 *
 * @example
 * ```ts no-run
 * await using fit = await fitLaplace({ model: "model.onnx", data, likelihood: categorical(), structure: "kronecker" });
 * const tuned = await tuneByEvidence(fit);
 * ```
 */
export async function fitLaplace(options: FitOptions): Promise<Laplace> {
  const { likelihood, structure, weights = "all", prior = 1, noise = 1, temperature = 1 } = options;
  const model = typeof options.model === "string" ? await readModel(options.model) : options.model;
  const engine = options.engine ?? ortNodeEngine();
  const owned = options.engine === undefined;
  const release: (() => PromiseLike<void>)[] = owned ? [() => engine[Symbol.asyncDispose]()] : [];
  const dispose = async (): Promise<void> => {
    for (const part of release.toReversed()) await part();
  };
  try {
    const problem = await chosenProblem({ ...options, model, engine }, weights);
    release.push(() => problem[Symbol.asyncDispose]());
    const { loss, gradient } = await gradientAndLoss(problem, options.signal ? { signal: options.signal } : {});
    const curvature = await measureCurvature(problem, structure, likelihood, options);
    release.push(async () => curvature.release?.());
    const { count, weightedRows } = problem.survey;
    const base = (await likelihood.logBase?.(options.data)) ?? 0;
    const measured: Measured = {
      curvature,
      loss: loss / problem.scale,
      gradient,
      entries: count,
      rows: weightedRows,
      base,
    };
    const hyper = checked(likelihood, { prior: priorOf(curvature.groups("scalar"), prior), noise, temperature });
    const posterior = await posteriorOf(curvature, hyper);
    return {
      ...measured,
      ...hyper,
      likelihood,
      problem,
      mean: flat(problem),
      posterior,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

type Settled = FitOptions & { readonly model: OnnxModel; readonly engine: Engine };

/** The problem over the chosen weights. Each row is a datum by itself, so rows must not depend on each other. */
async function chosenProblem(options: Settled, weights: NonNullable<FitOptions["weights"]>): Promise<Problem> {
  const { model, data, likelihood, engine, output, memory, signal } = options;
  const make = (parameters?: readonly string[]): Promise<Problem> =>
    createProblem({
      model,
      data,
      loss: likelihood.loss,
      engine,
      checks: { deterministic: false },
      ...(parameters ? { parameters } : {}),
      ...(output === undefined ? {} : { output }),
      ...(memory === undefined ? {} : { memory }),
      ...(signal ? { signal } : {}),
    });
  if (typeof weights !== "string") return make(weights);
  const whole = await make();
  const room = weights === "auto" && (options.subnetwork !== undefined || hasRoom(whole, options.structure));
  if (weights === "all" || room) return whole;
  await using _ = whole;
  return make(lastLayer(whole));
}

function flat({ space, values }: Problem): Float64Array {
  const mean = new Float64Array(space.size);
  space.parameters.forEach(({ offset }, i) => mean.set(values[i]!.data, offset));
  return mean;
}

/** s = 1/(σ² T) */
export function precisionScale({ noise, temperature }: Pick<Hyperparameters, "noise" | "temperature">): number {
  return 1 / (noise ** 2 * temperature);
}

function posteriorOf(curvature: Curvature, hyper: Hyperparameters): Promise<Posterior> {
  return curvature.posterior(precisionScale(hyper), hyper.prior);
}

function checked(likelihood: Likelihood, hyper: Hyperparameters): Hyperparameters {
  const { noise, temperature } = hyper;
  for (const [name, value] of Object.entries({ noise, temperature })) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new UsageError(`Cannot use a ${name} as it is not positive`, {
      expected: "a finite number above 0",
      found: value,
    });
  }
  if (noise !== 1 && !likelihood.noisy) {
    throw new UsageError("Cannot set the noise as the likelihood has none", {
      at: `${likelihood.name} likelihood`,
      found: noise,
    });
  }
  return hyper;
}

export interface Changes {
  /** Precisions, one a group of `kind`; `kind` is scalar unless said. */
  readonly prior?: number | ArrayLike<number>;
  readonly kind?: PriorKind;
  readonly noise?: number;
  readonly temperature?: number;
}

/** The same fit at other hyperparameters: nothing is measured again. What it holds is the first fit's to release. */
export async function withHyperparameters(fit: Laplace, changes: Changes): Promise<Laplace> {
  const { noise = fit.noise, temperature = fit.temperature, kind = "scalar" } = changes;
  const prior = changes.prior === undefined ? fit.prior : priorOf(fit.curvature.groups(kind), changes.prior);
  const hyper = checked(fit.likelihood, { prior, noise, temperature });
  return { ...fit, ...hyper, posterior: await posteriorOf(fit.curvature, hyper) };
}

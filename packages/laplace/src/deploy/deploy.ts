/**
 * Writes a model that says how sure it is: its own outputs, and beside them
 *
 *     classes      probabilities [rows, C], uncertainty [rows] (entropy of the Monte-Carlo predictive, nats), variance [rows, C]
 *     regression   uncertainty [rows, C] (standard deviation of the function), variance [rows, C] (of an observation: plus σ²)
 *     counts       rate [rows, C], uncertainty [rows, C] (standard deviation of its logarithm), variance [rows, C]
 *     spread       uncertainty [rows, C] (standard deviation of the means), variance [rows, C] (of an observation: plus E e^s)
 *     custom       uncertainty [rows, C] (standard deviation of the outputs), variance [rows, C]
 *     labels       probabilities [rows, C], uncertainty [rows, C] (entropy of each label's probit predictive), variance [rows, C]
 *
 * The file runs in any ONNX Runtime without this library. `variance` is that of the outputs; it is no score for inputs of another
 * kind than the training data, `uncertainty` is.
 */
import { type ExtendedModel, type Extension, UsageError, writeExtendedModel } from "@hessonite/core";
import type { Laplace } from "../fit.ts";
import type { Link } from "../predictive/link.ts";
import type { MonteCarloOptions } from "../predictive/monteCarlo.ts";
import { standardNormals } from "../sample.ts";
import { diagonalOf, entropy, labelEntropy, meanSoftmax, shrunk, sigmoid, softmax } from "./emit.ts";

export interface DeployOptions extends MonteCarloOptions {
  /** Where `probabilities` come from: the model's own ("map", unless said), "probit" or "monte-carlo". */
  readonly link?: Link;
  /** The posterior of `probabilities`, where it is not that of `uncertainty`. */
  readonly probabilitiesFrom?: Laplace;
  /** Rows of a file that cannot take any number. */
  readonly rows?: number;
}

type Value = Extension["prediction"];

/** The most classes whose covariance is factored in the graph: a step for each. */
const mostClasses = 256;

/**
 * @param fit The posterior of `uncertainty`: at the evidence's prior, unless there is reason for another.
 * @throws {UsageError} if the weights are not all in layers, the outputs are not `[rows, C]`, or the link has no graph.
 *
 * @example
 * ```ts no-run
 * const { fit } = await tuneByEvidence(await fitLaplace({ model, data, likelihood: categorical(), structure: "kronecker" }));
 * await writeUncertainModel("uncertain.onnx", fit);
 * ```
 */
export async function writeUncertainModel(
  path: string,
  fit: Laplace,
  options: DeployOptions = {},
): Promise<ExtendedModel> {
  const { problem, likelihood } = fit;
  requireRowsOfNumbers(fit);
  const emit = emitters[likelihood.kind];
  return writeExtendedModel(path, {
    problem,
    extend: (at) => emit(fit, at, options),
    metadata: {
      "hessonite.posterior": fit.curvature.structure,
      "hessonite.weights": String(problem.space.size),
      "hessonite.prior": Array.from(fit.prior.precision.slice(0, 64)).join(" "),
      "hessonite.noise": String(fit.noise),
      "hessonite.probabilities": options.link ?? "map",
    },
    ...(options.rows === undefined ? {} : { rows: options.rows }),
  });
}

type Emit = (fit: Laplace, at: Extension, options: DeployOptions) => Readonly<Record<string, Value>>;

const emitters: Record<Laplace["likelihood"]["kind"], Emit> = {
  classes(fit, at, options) {
    const { g, prediction: f } = at;
    const v = covarianceOf(fit, at);
    const { link = "map", probabilitiesFrom = fit } = options;
    const own = link === "map" || probabilitiesFrom === fit ? v : covarianceOf(probabilitiesFrom, at);
    const drawn = normals(f, options);
    return {
      probabilities: probabilitiesBy(link, at, own, drawn),
      uncertainty: entropy(g, meanSoftmax(g, f, v, drawn)),
      variance: diagonalOf(g, v),
    };
  },
  regression({ noise, ...fit }, at) {
    const { g } = at;
    const variance = diagonalOf(g, covarianceOf(fit, at));
    return { uncertainty: g.unary("Sqrt", variance), variance: g.add(variance, noise ** 2) };
  },
  counts(fit, at, { link = "map", probabilitiesFrom = fit }) {
    const { g, prediction: f } = at;
    const variance = diagonalOf(g, covarianceOf(fit, at));
    const own = probabilitiesFrom === fit ? variance : diagonalOf(g, covarianceOf(probabilitiesFrom, at));
    // With uncertainty: the mean of a log-normal rate.
    const log = link === "map" ? f : g.add(f, g.mul(own, 0.5));
    return { rate: g.unary("Exp", log), uncertainty: g.unary("Sqrt", variance), variance };
  },
  spread(fit, at) {
    const { g, prediction: f } = at;
    const all = diagonalOf(g, covarianceOf(fit, at));
    const c = f.shape[1]! / 2;
    const variance = g.narrow(all, 1, 0, c);
    // The mean of a log-normal noise.
    const noise = g.unary("Exp", g.add(g.narrow(f, 1, c, c), g.mul(g.narrow(all, 1, c, c), 0.5)));
    return { uncertainty: g.unary("Sqrt", variance), variance: g.add(variance, noise) };
  },
  custom(fit, at) {
    const { g } = at;
    const variance = diagonalOf(g, covarianceOf(fit, at));
    return { uncertainty: g.unary("Sqrt", variance), variance };
  },
  labels(fit, at, { link = "map", probabilitiesFrom = fit }) {
    const { g, prediction: f } = at;
    const variance = diagonalOf(g, covarianceOf(fit, at));
    const own = probabilitiesFrom === fit ? variance : diagonalOf(g, covarianceOf(probabilitiesFrom, at));
    return {
      probabilities: sigmoid(g, link === "map" ? f : shrunk(g, f, own)),
      uncertainty: labelEntropy(g, sigmoid(g, shrunk(g, f, variance))),
      variance,
    };
  },
};

function covarianceOf({ posterior, curvature }: Pick<Laplace, "posterior" | "curvature">, at: Extension): Value {
  const { inLayers } = posterior;
  if (inLayers) return at.covariance(inLayers.shapes, inLayers.covariance);
  throw new UsageError("Cannot write the posterior into a model as it is not known layer by layer", {
    found: `${curvature.structure} posterior`,
    try: "a Kronecker, diagonal or full posterior over weights that are all in layers",
  });
}

type Normals = { readonly half: number; readonly data: Float64Array };

/** The same normals as in predictive/monteCarlo.ts. */
function normals(f: Value, { samples = 1000, seed = 0 }: MonteCarloOptions): Normals {
  const half = samples / 2;
  return { half, data: standardNormals(half * f.shape[1]!, seed, "outputs") };
}

function probabilitiesBy(link: Link, { g, prediction: f }: Extension, v: Value, drawn: Normals): Value {
  if (link === "map") return softmax(g, f);
  if (link === "probit") return softmax(g, shrunk(g, f, diagonalOf(g, v)));
  if (link === "monte-carlo") return meanSoftmax(g, f, v, drawn);
  throw new UsageError("Cannot write these probabilities into a model as their link has no graph", {
    expected: "map, probit or monte-carlo",
    found: link,
  });
}

function requireRowsOfNumbers({ problem, likelihood }: Laplace): void {
  const { shape } = problem.survey.binding.prediction;
  const most = likelihood.kind === "classes" ? mostClasses : Number.POSITIVE_INFINITY;
  if (shape.length === 2 && shape[1]! <= most) return;
  throw new UsageError("Cannot write uncertainty into a model as its prediction is not a short list of numbers a row", {
    at: `output "${problem.output}"`,
    expected: likelihood.kind === "classes" ? `[rows, at most ${mostClasses}]` : "[rows, numbers]",
    found: `[${shape.join(", ")}]`,
  });
}

/**
 * The methods that need weights alone, as a table: what they need, what they compute, who found them.
 *
 * Names are those of mergekit where it has the method. Every method works on one tensor at a time.
 */
import { type Tensor, UsageError } from "@hessonite/core";
import { average, linear } from "./average.ts";
import { modelStock } from "./modelStock.ts";
import { karcher, nuslerp, slerp } from "./slerp.ts";
import { breadcrumbs, dare, della, type SparseOptions, taskArithmetic, ties } from "./taskVectors.ts";

/** What a method may be told about one tensor. */
export interface WeightParameters {
  /** One a model. */
  readonly weight: readonly number[];
  readonly density: readonly number[];
  /** Only where said: the method's own default otherwise. */
  readonly normalize?: boolean;
  readonly rescale?: boolean;
  readonly lambda: number;
  readonly gamma: number;
  readonly epsilon: number;
  readonly t: number;
  readonly rowWise: boolean;
  readonly flatten: boolean;
  readonly filterWise: boolean;
  readonly seed: number;
}

export const defaultParameters: Omit<WeightParameters, "weight" | "density"> = {
  lambda: 1,
  gamma: 0.01,
  epsilon: 0.15,
  t: 0.5,
  rowWise: false,
  flatten: true,
  filterWise: false,
  seed: 0,
};

/** One tensor of every model. */
export interface TensorMerge {
  readonly name: string;
  readonly tensors: readonly Tensor[];
  readonly base?: Tensor;
  readonly parameters: WeightParameters;
}

export interface WeightMethod {
  readonly needs: "models" | "models and base" | "two models" | "two models, base optional";
  readonly normalized: "yes" | "no" | "yes unless said" | "no unless said";
  readonly formula: string;
  readonly source: string;
  merge(request: TensorMerge): Tensor;
}

const taskVectorFormula = "θ₀ + λ Σ w m τ̃, τ = θᵢ − θ₀";

/** In the order of the table. */
export const weightMethodNames = [
  "average",
  "linear",
  "task_arithmetic",
  "ties",
  "dare_linear",
  "dare_ties",
  "della",
  "della_linear",
  "breadcrumbs",
  "breadcrumbs_ties",
  "slerp",
  "nuslerp",
  "karcher",
  "model_stock",
] as const;

export type WeightMethodName = (typeof weightMethodNames)[number];

export const weightMethods: Readonly<Record<WeightMethodName, WeightMethod>> = {
  average: {
    needs: "models",
    normalized: "yes",
    formula: "1/n Σ θᵢ",
    source: "Wortsman et al. 2022, arXiv:2203.05482",
    merge: ({ tensors }) => average(tensors),
  },
  linear: {
    needs: "models",
    normalized: "yes unless said",
    formula: "Σ wᵢ θᵢ / Σ wᵢ",
    source: "Wortsman et al. 2022, arXiv:2203.05482",
    merge: ({ tensors, parameters: { weight, normalize = true } }) => linear(tensors, { weights: weight, normalize }),
  },
  task_arithmetic: {
    needs: "models and base",
    normalized: "no unless said",
    formula: "θ₀ + λ Σ w τ, τ = θᵢ − θ₀",
    source: "Ilharco et al. 2023, arXiv:2212.04089",
    merge: (request) => taskArithmetic(baseOf(request), request.tensors, sparse(request)),
  },
  ties: {
    needs: "models and base",
    normalized: "yes unless said",
    formula: `${taskVectorFormula} trimmed by magnitude, signs agreed on`,
    source: "Yadav et al. 2023, arXiv:2306.01708",
    merge: (request) => ties(baseOf(request), request.tensors, sparse(request, "none")),
  },
  dare_linear: {
    needs: "models and base",
    normalized: "no unless said",
    formula: `${taskVectorFormula} dropped at random, kept ones / density`,
    source: "Yu et al. 2023, arXiv:2311.03099",
    merge: (request) => dare(baseOf(request), request.tensors, { ...random(request), consensus: false }),
  },
  dare_ties: {
    needs: "models and base",
    normalized: "no unless said",
    formula: `${taskVectorFormula} dropped at random, kept ones / density, signs agreed on`,
    source: "Yu et al. 2023, arXiv:2311.03099",
    merge: (request) => dare(baseOf(request), request.tensors, { ...random(request), consensus: true }),
  },
  della: {
    needs: "models and base",
    normalized: "yes unless said",
    formula: `${taskVectorFormula} dropped by rank, kept ones / probability, signs agreed on`,
    source: "Deep et al. 2024, arXiv:2406.11617",
    merge: (request) =>
      della(baseOf(request), request.tensors, { ...random(request), ...epsilonOf(request), consensus: true }),
  },
  della_linear: {
    needs: "models and base",
    normalized: "no unless said",
    formula: `${taskVectorFormula} dropped by rank, kept ones / probability`,
    source: "Deep et al. 2024, arXiv:2406.11617",
    merge: (request) =>
      della(baseOf(request), request.tensors, { ...random(request), ...epsilonOf(request), consensus: false }),
  },
  breadcrumbs: {
    needs: "models and base",
    normalized: "no unless said",
    formula: `${taskVectorFormula} without its largest and smallest entries`,
    source: "Davari & Belilovsky 2023, arXiv:2312.06795",
    merge: (request) =>
      breadcrumbs(baseOf(request), request.tensors, { ...sparse(request, "none"), ...gammaOf(request) }),
  },
  breadcrumbs_ties: {
    needs: "models and base",
    normalized: "no unless said",
    formula: `${taskVectorFormula} without its largest and smallest entries, signs agreed on`,
    source: "Davari & Belilovsky 2023, arXiv:2312.06795",
    merge: (request) =>
      breadcrumbs(baseOf(request), request.tensors, {
        ...sparse(request, "none"),
        ...gammaOf(request),
        consensus: true,
      }),
  },
  slerp: {
    needs: "two models",
    normalized: "yes",
    formula: "sin((1−t)ω)/sin ω a + sin(tω)/sin ω b",
    source: "Shoemake 1985",
    merge({ tensors, parameters }) {
      const [a, b] = two(tensors, "slerp");
      return slerp(a, b, parameters.t);
    },
  },
  nuslerp: {
    needs: "two models, base optional",
    normalized: "yes",
    formula: "slerp with t = w_b / (w_a + w_b), whole or by row, of task vectors where a base is given",
    source: "Shoemake 1985; mergekit",
    merge({ tensors, base, parameters: { weight, rowWise, flatten } }) {
      const [a, b] = two(tensors, "nuslerp");
      const per = flatten ? "tensor" : rowWise ? "column" : "row";
      return nuslerp(a, b, { weights: [weight[0] ?? 1, weight[1] ?? 1], per, ...(base ? { base } : {}) });
    },
  },
  karcher: {
    needs: "models",
    normalized: "yes",
    formula: "u with Σ wᵢ log_u(θᵢ/‖θᵢ‖) = 0, times Σ wᵢ‖θᵢ‖",
    source: "Karcher 1977",
    merge: ({ tensors, parameters: { weight } }) => karcher(tensors, { weights: weight }),
  },
  model_stock: {
    needs: "models and base",
    normalized: "yes",
    formula: "t θ̄ + (1−t) θ₀, t = n cos ω / (1 + (n−1) cos ω)",
    source: "Jang et al. 2024, arXiv:2403.19522",
    merge: (request) =>
      modelStock(baseOf(request), request.tensors, { per: request.parameters.filterWise ? "row" : "tensor" }),
  },
};

function baseOf({ base, name }: TensorMerge): Tensor {
  if (base) return base;
  throw new UsageError("Cannot merge as the method needs the base model and none is given", {
    at: name,
    try: "add a base model",
  });
}

function two(tensors: readonly Tensor[], method: string): [Tensor, Tensor] {
  const [a, b, ...others] = tensors;
  if (a && b && others.length === 0) return [a, b];
  throw new UsageError(`Cannot merge by ${method} as it takes two models`, { expected: 2, found: tensors.length });
}

function sparse({ parameters: p }: TensorMerge, rescale?: "none" | "expected"): SparseOptions {
  const said = p.rescale === undefined ? rescale : p.rescale ? "l1" : "none";
  return {
    weights: p.weight,
    density: p.density,
    scale: p.lambda,
    ...(p.normalize === undefined ? {} : { normalize: p.normalize }),
    ...(said ? { rescale: said } : {}),
  };
}

function random(request: TensorMerge): SparseOptions & { readonly seed: number; readonly name: string } {
  // Random drops are rescaled so that their mean is right unless rescaling is switched off.
  const rescale = request.parameters.rescale === false ? "none" : "expected";
  return { ...sparse(request), rescale, seed: request.parameters.seed, name: request.name };
}

const epsilonOf = ({ parameters }: TensorMerge): { readonly epsilon: number } => ({ epsilon: parameters.epsilon });
const gammaOf = ({ parameters }: TensorMerge): { readonly gamma: number } => ({ gamma: parameters.gamma });

/** What Kronecker factors are asked for, and the defaults. */
import { UsageError } from "../../errors.ts";
import { sizeOf } from "../../ir/shape.ts";
import { requireLikelihood } from "../ggn.ts";
import type { Problem } from "../problem.ts";
import type { PartialSums } from "./partialSums.ts";

/**
 * Which vectors are pulled back:
 * `type-2` the columns of a factor of the loss Hessian, exact; `mc` scores of labels drawn from the model; `empirical` the
 * scores of the given labels; `forward-only` none (G = I).
 */
export type Fisher =
  | { readonly fisher: "type-2" | "empirical" | "forward-only" }
  | { readonly fisher: "mc"; readonly samples: number; readonly seed: number };

/** How shared positions enter: each by itself, or inputs averaged and gradients summed first. */
export type Approximation = "expand" | "reduce";

export interface FactorOptions {
  /** "type-2" up to `exactColumns` outputs a row (classes × positions), else one drawn label a term (`mc`, seed 0). */
  readonly fisher?: Fisher["fisher"];
  /** Labels drawn for each term with `mc`; 1 unless said. */
  readonly samples?: number;
  /** Seed of the drawn labels; 0 unless said. */
  readonly seed?: number;
  readonly approximation?: Approximation;
  /** Weight and bias in one block `[W | b]`, or in two; "joint" unless said. */
  readonly bias?: "joint" | "separate";
  /** Grouped convolutions: a block for each group, or inputs averaged over the groups; "exact" unless said. */
  readonly groups?: "exact" | "average";
  /** A part of the data alone, or sums that go on where they stopped. */
  readonly part?: PartialSums;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Columns of the factor of a row's loss Hessian, one a class and position, up to which `type-2` is the default. */
export const exactColumns = 128;

/** The options with every choice made; `chosen` says in a sentence what was chosen for the caller. */
export interface FactorRequest {
  readonly fisher: Fisher;
  readonly approximation: Approximation;
  readonly bias: "joint" | "separate";
  readonly groups: "exact" | "average";
  readonly chosen?: string;
}

/** @throws {UsageError} if samples are not positive, or the loss has no likelihood and one is needed. */
export function factorRequest(problem: Problem, options: FactorOptions): FactorRequest {
  const { approximation = "expand", bias = "joint", groups = "exact", samples = 1, seed = 0 } = options;
  const { prediction } = problem.survey.binding;
  const columns = sizeOf(prediction.shape.slice(1));
  const kind = options.fisher ?? (columns <= exactColumns ? "type-2" : "mc");
  if (kind !== "forward-only") requireLikelihood(problem.loss, "Kronecker factors");
  if (!Number.isInteger(samples) || samples < 1) {
    throw new UsageError("Cannot sample labels as their number is not a positive integer", { found: samples });
  }
  const fisher: Fisher = kind === "mc" ? { fisher: kind, samples, seed } : { fisher: kind };
  const said = options.fisher === undefined && kind === "mc";
  const chosen = `${columns} classes × positions are more than ${exactColumns}: labels are drawn (${samples} a term, seed ${seed})`;
  return { fisher, approximation, bias, groups, ...(said ? { chosen } : {}) };
}

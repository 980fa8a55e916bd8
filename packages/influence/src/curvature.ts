/**
 * The curvature of the training loss, block by block, as a strategy approximates it.
 *
 *     H = (1/N) Σ_n ∇² Σ_t ℓ_t        N rows, whatever the loss's reduction: removing a row removes its whole loss
 */
import {
  type BlockShape,
  type CorrectionConvention,
  type FactorRequest,
  type LinearOperator,
  layerBlocks,
  type Matrix,
  matrix,
  type Problem,
  UsageError,
} from "@hessonite/core";
import { choicesOf, factorOptionsOf } from "./choices.ts";
import { type CurvatureParts, fitParts } from "./fitParts.ts";
import type { CurvatureOptions, Strategy } from "./options.ts";

export interface BlockCurvature {
  readonly shape: BlockShape;
  /** S: positions a row that share the weight. */
  readonly positions: number;
  /** Absent where the curvature is diagonal in the parameters themselves. */
  readonly basis?: { readonly qg: Matrix; readonly qa?: Matrix };
  /** λ `[out, in]`; absent for `identity`. */
  readonly values?: Matrix;
  /** Eigenvalues of the Kronecker factors, whose products approximate H's; absent for `identity` and `diagonal`. */
  readonly kronecker?: { readonly g: Float64Array; readonly a: Float64Array };
  /** ‖θ‖² of the block's parameters. */
  readonly squaredNorm: number;
}

export interface Curvature {
  readonly strategy: Strategy;
  readonly blocks: readonly BlockCurvature[];
  /** N, each row as often as its weight says. */
  readonly rows: number;
  readonly request: FactorRequest;
  readonly convention: CorrectionConvention;
  /** c of the evidence: 1, or 2σ² for squared errors; null where the loss has no likelihood. */
  readonly temperature: number | null;
  /** What was chosen for the caller, in sentences. */
  readonly notes: readonly string[];
  /** Wall seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>;
  /** From core's scale, that of the reduced loss, to ours, that of the mean over rows. */
  readonly toOurs: number;
  /** With strategy "operator", in core's scale. */
  readonly operator?: LinearOperator;
}

/**
 * @throws {UnsupportedModelError} if a parameter is used in a way that is no layer.
 *
 * Cost: `identity` nothing; `diagonal` one pass of curvature; the others two, and the factors' eigendecompositions.
 */
export async function fitCurvature(problem: Problem, options: CurvatureOptions = {}): Promise<Curvature> {
  requireLabels(problem);
  return curvatureOf(problem, options, await fitParts(problem, options));
}

/** The curvature of parts that were fitted or loaded. */
export function curvatureOf(
  problem: Problem,
  options: CurvatureOptions,
  { eigen, values, temperature, seconds }: CurvatureParts,
): Curvature {
  const { strategy, convention } = choicesOf(options);
  const { blocks, positions, request } = layerBlocks(problem, factorOptionsOf(options));
  const perRow = 1 / (problem.scale * problem.survey.weightedRows);
  const scaled = (m: Matrix): Matrix =>
    matrix(
      m.rows,
      m.columns,
      m.data.map((x) => perRow * x),
    );
  const fitted = blocks.map((shape, i): BlockCurvature => {
    const share = options.kfacPositions === "mean" && strategy === "kfac" ? perRow / positions[i]! : perRow;
    const kronecker = eigen && { g: eigen[i]!.g.map((x) => share * x), a: eigen[i]!.a };
    const own = strategy === "kfac" ? kronecker && outer(kronecker.g, kronecker.a) : values && scaled(values[i]!);
    return {
      shape,
      positions: positions[i]!,
      ...(eigen && { basis: eigen[i]!.basis }),
      ...(own && { values: own }),
      ...(kronecker && { kronecker }),
      squaredNorm: squaredNormOf(problem, shape),
    };
  });
  const notes = [...(request.chosen ? [request.chosen] : []), ...(request.groups === "average" ? [averageNote] : [])];
  return {
    strategy,
    blocks: fitted,
    rows: problem.survey.weightedRows,
    request,
    convention,
    temperature,
    notes,
    seconds,
    toOurs: perRow,
    ...(options.operator && { operator: options.operator }),
  };
}

const averageNote =
  "grouped convolutions see their inputs' mean over the groups, as the reference library has it: their gradients are not the loss's";

/** @throws {UsageError} if the data have no target: a score is a product with the gradient of a row's own loss. */
export function requireLabels({ survey, data }: Problem): void {
  if (survey.labelled) return;
  throw new UsageError("Cannot score as the data have no target", {
    at: data.name,
    try: 'add an array "y" to the data file, or name the target',
  });
}

/** u vᵀ */
export function outer(u: Float64Array, v: Float64Array): Matrix {
  const data = new Float64Array(u.length * v.length);
  for (const [i, x] of u.entries()) {
    data.set(
      v.map((y) => x * y),
      i * v.length,
    );
  }
  return matrix(u.length, v.length, data);
}

function squaredNormOf({ space, values }: Problem, { index }: BlockShape): number {
  const inBlock = new Set(index);
  let sum = 0;
  for (const [p, { offset }] of space.parameters.entries()) {
    for (const [i, x] of values[p]!.data.entries()) if (inBlock.has(offset + i)) sum += x * x;
  }
  return sum;
}

/** Measures H, the curvature of −log p at noise 1, in the structure asked for: one pass over the data (EK-FAC: two). */
import {
  diagonalOf,
  ekfac,
  type FactorOptions,
  ggn,
  ggnDiagonal,
  kroneckerFactors,
  layerBlocks,
  layersIfAll,
  matrix,
  type Problem,
  type ProblemOperator,
  submatrix,
  toDense,
  topEigenpairs,
  transposeMatrix,
  UsageError,
} from "@hessonite/core";
import type { Likelihood } from "../likelihood/likelihood.ts";
import { blockDiagonalCurvature, measureBlocks } from "./blockDiagonal.ts";
import { diagonalCurvature } from "./diagonal.ts";
import { curvatureOfFactors } from "./fromFactors.ts";
import { fullCurvature, indefinite, mostFull, rounding } from "./full.ts";
import { measureFunctionSpace } from "./functionSpace.ts";
import { type EigenBlock, kroneckerCurvature } from "./kronecker.ts";
import { lowRankCurvature } from "./lowRank.ts";
import { matrixFreeCurvature } from "./matrixFree.ts";
import type { Curvature, StructureName } from "./posterior.ts";
import { chosenWeights, embedded, type Subnetwork, spaceOf } from "./subnetwork.ts";

export interface StructureOptions {
  /** Weight and bias of a layer in one block or in two; "joint" unless said. */
  readonly bias?: "joint" | "separate";
  /** Eigenpairs of a low-rank posterior; 32 unless said. */
  readonly rank?: number;
  /** Rows of a function-space posterior; 128 unless said. */
  readonly subset?: number;
  /** Random vectors of a matrix-free posterior's log-determinant; 16 unless said. */
  readonly probes?: number;
  /** Products each of them takes; 40 unless said. */
  readonly steps?: number;
  /** Residual of a matrix-free posterior's solutions; 1e-10 in float64 and 1e-5 in float32 unless said. */
  readonly solveTolerance?: number;
  /** Of whatever is drawn, 0 unless said. */
  readonly seed?: number;
  /** Which of the weights are uncertain, where not all: for full and diagonal posteriors. */
  readonly subnetwork?: Subnetwork;
  readonly signal?: AbortSignal;
}

/** A problem, its likelihood, and what L is multiplied by to be −log p at noise 1. */
interface Subject {
  readonly problem: Problem;
  readonly likelihood: Likelihood;
  readonly factor: number;
}

type Measure = (subject: Subject, options: StructureOptions) => Promise<Curvature>;

/** @throws {UsageError} if the structure does not fit the weights. */
export function measureCurvature(
  problem: Problem,
  structure: StructureName,
  likelihood: Likelihood,
  options: StructureOptions = {},
): Promise<Curvature> {
  const subject = { problem, likelihood, factor: likelihood.unit / problem.scale };
  return options.subnetwork
    ? measureSubnetwork(subject, structure, options.subnetwork, options)
    : measures[structure](subject, options);
}

const measures: Record<StructureName, Measure> = {
  async full(subject, options) {
    const { problem, factor } = subject;
    const { space } = problem;
    requireFew(space.size);
    await using product = productOf(subject);
    const dense = await toDense(product, only(options));
    return fullCurvature(symmetric(space.size, dense, factor), space, layersIfAll(problem));
  },
  async "block-diagonal"(subject, options) {
    const { problem, factor } = subject;
    await using product = productOf(subject);
    const indices = blocksOf(problem, options);
    return blockDiagonalCurvature(await measureBlocks(product, indices, factor, options.signal), problem.space.size);
  },
  async kronecker({ problem, factor }, options) {
    return curvatureOfFactors(await kroneckerFactors(problem, factorOptions(options)), problem.space.size, factor);
  },
  async ekfac({ problem, factor }, options) {
    const { blocks } = await ekfac(problem, factorOptions(options));
    const inBasis = blocks.map((shape): EigenBlock => {
      const { rows, columns, data } = shape.values;
      return {
        shape,
        ...shape.basis,
        values: matrix(
          rows,
          columns,
          data.map((x) => factor * Math.max(x, 0)),
        ),
      };
    });
    return kroneckerCurvature("ekfac", inBasis, problem.space.size);
  },
  async diagonal(subject, options) {
    const { problem, factor } = subject;
    const shapes = layersIfAll(problem);
    const diagonal = await diagonalOfCurvature(subject, options);
    return diagonalCurvature(
      diagonal.map((x) => factor * x),
      problem.space,
      shapes,
    );
  },
  async "low-rank"(subject, { rank = 32, seed = 0, signal }) {
    const { problem, factor } = subject;
    const { size } = problem.space;
    await using product = semidefinite(productOf(subject), subject.likelihood, "low-rank");
    const { values, vectors } = await topEigenpairs(product, {
      k: Math.min(rank, size),
      seed,
      ...(signal ? { signal } : {}),
    });
    const positive = values.filter((x) => x > 0);
    const rows = matrix(positive.length, size, vectors.slice(0, positive.length * size));
    return lowRankCurvature(
      positive.map((x) => factor * x),
      transposeMatrix(rows),
      problem.space,
    );
  },
  "function-space": ({ problem, likelihood }, { subset = 128, seed = 0, signal }) =>
    measureFunctionSpace(problem, likelihood, { subset, seed, ...(signal ? { signal } : {}) }),
  async "matrix-free"(subject, { probes = 16, steps = 40, seed = 0, solveTolerance, signal }) {
    const { problem, factor } = subject;
    const product = semidefinite(productOf(subject), subject.likelihood, "matrix-free");
    const tolerance = solveTolerance ?? (problem.engine.precision === "float64" ? 1e-10 : 1e-5);
    const options = { probes, steps, seed, tolerance, ...(signal ? { signal } : {}) };
    return matrixFreeCurvature(product, factor, options, async () => product[Symbol.asyncDispose]());
  },
};

/** The exact GGN, or where that may be indefinite the Fisher matrix. */
function productOf({ problem, likelihood }: Subject): ProblemOperator {
  return ggn(problem, { fisher: likelihood.expected ? "type-2" : "exact" });
}

function semidefinite<Operator extends ProblemOperator>(
  product: Operator,
  { name }: Likelihood,
  what: string,
): Operator {
  if (product.structure.positiveSemidefinite) return product;
  throw new UsageError(`Cannot make a ${what} posterior as the curvature may be indefinite`, {
    at: `${name} likelihood`,
    expected: "a loss that is said to be convex in the outputs",
    try: "a full posterior, which looks at every eigenvalue",
  });
}

/** Over the chosen weights alone: their rows and columns of H. */
async function measureSubnetwork(
  subject: Subject,
  structure: StructureName,
  subnetwork: Subnetwork,
  options: StructureOptions,
): Promise<Curvature> {
  const { problem, factor } = subject;
  const { space, values } = problem;
  if (structure !== "full" && structure !== "diagonal") {
    throw new UsageError("Cannot make a posterior of this structure over a subnetwork as its weights are single ones", {
      expected: "full or diagonal",
      found: structure,
    });
  }
  const mean = new Float64Array(space.size);
  space.parameters.forEach(({ offset }, i) => mean.set(values[i]!.data, offset));
  let diagonal: Promise<Float64Array> | undefined;
  const diagonalOnce = (): Promise<Float64Array> => (diagonal ??= diagonalOfCurvature(subject, options));
  const indices = await chosenWeights(subnetwork, { mean, diagonal: diagonalOnce });
  const own = spaceOf(indices, space);
  const shapes = layersIfAll(problem);
  if (structure === "diagonal") {
    const all = await diagonalOnce();
    const chosen = Float64Array.from(indices, (i) => factor * all[i]!);
    return embedded(diagonalCurvature(chosen, own), indices, space.size, shapes);
  }
  requireFew(indices.length);
  await using product = productOf(subject);
  const dense = await toDense(submatrix(product, indices), only(options));
  return embedded(fullCurvature(symmetric(indices.length, dense, factor), own), indices, space.size, shapes);
}

function requireFew(size: number): void {
  if (size <= mostFull) return;
  throw new UsageError("Cannot make a full posterior as the weights are too many", {
    expected: `at most ${mostFull}`,
    found: size,
    try: "the last layer or a subnetwork, or a Kronecker, low-rank or matrix-free posterior",
  });
}

/** diag of the loss's curvature: for a loss without a likelihood by unit vectors. */
async function diagonalOfCurvature(subject: Subject, options: StructureOptions): Promise<Float64Array> {
  const { problem } = subject;
  if (problem.loss.likelihood) return ggnDiagonal(problem, only(options));
  await using product = productOf(subject);
  const diagonal = await diagonalOf(product, only(options));
  const [least, most] = [diagonal.reduce((m, x) => Math.min(m, x)), diagonal.reduce((m, x) => Math.max(m, x))];
  if (least < -rounding * Math.max(most, Number.MIN_VALUE))
    throw indefinite(`a diagonal entry of ${least.toPrecision(3)}`);
  return diagonal.map((x) => Math.max(x, 0));
}

/** Layers' weights, weight and bias together or apart; the parameters by themselves where some are in no layer. */
function blocksOf(problem: Problem, { bias = "joint" }: StructureOptions): Int32Array[] {
  const { parameters } = problem.space;
  if (layersIfAll(problem))
    return layerBlocks(problem, { bias, fisher: "forward-only" }).blocks.map(({ index }) => index);
  return parameters.map(({ offset, size }) => Int32Array.from({ length: size }, (_, i) => offset + i));
}

function factorOptions({ bias = "joint", signal }: StructureOptions): FactorOptions {
  return { bias, ...(signal ? { signal } : {}) };
}

function symmetric(n: number, dense: Float64Array, factor: number): ReturnType<typeof matrix> {
  const mirrored = transposeMatrix(matrix(n, n, dense)).data;
  return matrix(
    n,
    n,
    dense.map((x, i) => 0.5 * factor * (x + mirrored[i]!)),
  );
}

/** The signal alone. */
function only({ signal }: StructureOptions): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}

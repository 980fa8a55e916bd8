/**
 * What is costly in a curvature: factors, their eigenbases, eigenvalues in them. Factors and eigenvalues are sums over batches, so
 * that shards add up, and a sum that was stopped goes on.
 */
import {
  type BlockEigen,
  blockDiagonals,
  eigenOf,
  eigenvalueCorrection,
  type FactorOptions,
  type KroneckerFactors,
  kroneckerFactors,
  layerBlocks,
  lossSum,
  type Matrix,
  type Problem,
} from "@hessonite/core";
import { choicesOf, factorOptionsOf } from "./choices.ts";
import { factorArrays, factorsOf, matricesOf, matrixArrays } from "./fitArrays.ts";
import { type FitKeeper, keepShard, partKeeper, type Sum, wholeSum } from "./fitShards.ts";
import { keptEigh } from "./keptEigen.ts";
import type { CurvatureOptions } from "./options.ts";

/** What is costly in a curvature, and worth keeping. */
export interface CurvatureParts {
  readonly eigen?: readonly BlockEigen[];
  /** λ in core's scale. */
  readonly values?: readonly Matrix[];
  readonly temperature: number | null;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Computes them, or adds up what shards kept, timing each stage. */
export async function fitParts(
  problem: Problem,
  options: CurvatureOptions,
  keeper?: FitKeeper,
): Promise<CurvatureParts> {
  const { strategy } = choicesOf(options);
  const seconds: Record<string, number> = {};
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    seconds[stage] = (performance.now() - start) / 1000;
    return result;
  };
  if (strategy === "identity" || strategy === "operator") return { temperature: null, seconds };
  const temperature = await timed("residual", () => temperatureOf(problem, options, keeper));
  if (strategy === "diagonal") {
    const values = await timed("diagonal", () =>
      wholeSum(problem, "eigenvalues", diagonalSum(problem, options), keeper),
    );
    return { values: matricesOf(values), temperature, seconds };
  }
  const factors = await timed("factors", () => wholeFactors(problem, options, keeper));
  const eigen = await timed("eigendecomposition", () => eigenOf(factors.blocks, keptEigh(problem, options, keeper)));
  if (strategy === "kfac") return { eigen, temperature, seconds };
  const values = await timed("eigenvalues", () =>
    wholeSum(problem, "eigenvalues", eigenvalueSum(problem, options, factors, eigen), keeper),
  );
  return { eigen, values: matricesOf(values), temperature, seconds };
}

/** Computes and keeps one shard's part of the keeper's stage; nothing where the strategy has no such sum. */
export async function fitShard(problem: Problem, options: CurvatureOptions, keeper: FitKeeper): Promise<void> {
  const { strategy } = choicesOf(options);
  const stage = keeper.shard?.stage;
  if (strategy === "identity" || strategy === "operator") return;
  if (strategy === "diagonal") {
    if (stage === "eigenvalues") await keepShard(problem, stage, diagonalSum(problem, options), keeper);
    return;
  }
  if (stage === "factors") return keepShard(problem, stage, factorSum(problem, options), keeper);
  if (stage !== "eigenvalues" || strategy === "kfac") return;
  const factors = await wholeFactors(problem, options, keeper);
  const eigen = await eigenOf(factors.blocks, keptEigh(problem, options, keeper));
  await keepShard(problem, stage, eigenvalueSum(problem, options, factors, eigen), keeper);
}

function reporting(
  { signal, onProgress }: CurvatureOptions,
  stage: string,
): Pick<FactorOptions, "signal" | "onProgress"> {
  return {
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (progress) => onProgress({ stage, ...progress }) }),
  };
}

function factorSum(problem: Problem, options: CurvatureOptions): Sum {
  return async (part) =>
    factorArrays(
      await kroneckerFactors(problem, { ...factorOptionsOf(options), ...reporting(options, "factors"), part }),
    );
}

async function wholeFactors(
  problem: Problem,
  options: CurvatureOptions,
  keeper: FitKeeper | undefined,
): Promise<KroneckerFactors> {
  const arrays = await wholeSum(problem, "factors", factorSum(problem, options), keeper);
  return factorsOf(problem, layerBlocks(problem, factorOptionsOf(options)), arrays);
}

function eigenvalueSum(
  problem: Problem,
  options: CurvatureOptions,
  factors: KroneckerFactors,
  eigen: readonly BlockEigen[],
): Sum {
  const { convention } = choicesOf(options);
  return async (part) =>
    matrixArrays(
      await eigenvalueCorrection(problem, factors, eigen, { convention, ...reporting(options, "eigenvalues"), part }),
    );
}

function diagonalSum(problem: Problem, options: CurvatureOptions): Sum {
  const { convention } = choicesOf(options);
  const { blocks, request } = layerBlocks(problem, factorOptionsOf(options));
  return async (part) =>
    matrixArrays(
      await blockDiagonals(problem, blocks, request, { convention, ...reporting(options, "diagonal"), part }),
    );
}

/** c with loss = c · negative log-likelihood: 1 for cross-entropies, 2σ² for Σ(f − y)², σ² the mean squared residual. */
async function temperatureOf(
  problem: Problem,
  options: CurvatureOptions,
  keeper: FitKeeper | undefined,
): Promise<number | null> {
  const { loss, survey } = problem;
  if (!loss.likelihood || !survey.labelled) return null;
  if (loss.name !== "mse") return 1;
  const part = keeper && { keeper: partKeeper(problem, { stage: "residual" }, keeper) };
  const sum = await lossSum(problem, { ...reporting(options, "residual"), ...(part && { part }) });
  return (2 * sum) / survey.count;
}

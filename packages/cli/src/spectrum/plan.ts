/**
 * What a spectrum would cost, before anything of it runs: the data are read and checked, the graphs built and counted, the
 * engine's speed measured on a matrix product.
 */
import { type EngineSpeed, engineSpeed, gradientCost, type ProductCost } from "@hessonite/core";
import type { SpectrumOptions } from "./options.ts";
import type { SpectrumPlan } from "./result.ts";
import { openCounted, spectrumSubject } from "./setting.ts";
import { stageBudgets } from "./stageBudgets.ts";

/** Convolutions, small products and copies run below the speed of a large matrix product: by about this factor. */
const slowdown = 3;
/** Vectors that the Krylov basis of an eigenvalue stage holds. */
const basisRows = 32;

export async function planSpectrum(options: SpectrumOptions, signal: AbortSignal): Promise<SpectrumPlan> {
  await using setting = await openCounted(options, signal);
  const { problem, operator, engine } = setting;
  const speed = await engineSpeed(engine);
  const product = operator.cost(columnsOf(options));
  const gradient = gradientCost(problem);
  const gradients = options.checks ? 2 : 1; // a check of repeatability is a second one
  const gradientStage = {
    stage: "gradient",
    products: 0,
    flops: gradients * gradient.flops,
    seconds: gradients * secondsOf(gradient, speed),
    estimated: false,
  };
  const stages = [
    gradientStage,
    ...stageBudgets(options, problem.space.size).map((budget) => ({
      ...budget,
      flops: budget.products * product.flops,
      seconds: budget.products * secondsOf(product, speed),
    })),
  ];
  const products = stages.reduce((sum, stage) => sum + stage.products, 0);
  return {
    kind: "plan",
    ...(await spectrumSubject(options, setting)),
    stages,
    gradients,
    products,
    flops: product.onceFlops + stages.reduce((sum, stage) => sum + stage.flops, 0),
    flopsPerProduct: product.flops,
    flopsPerGradient: gradient.flops,
    peakBytes: Math.max(gradient.peakBytes, product.peakBytes) + 8 * problem.space.size * krylovRows(options),
    seconds: stages.reduce((sum, stage) => sum + stage.seconds, 0),
  };
}

/** Vectors that one product is asked for at most. */
function columnsOf({ samples, densityProbes }: SpectrumOptions): number {
  return Math.max(1, Math.min(16, Math.max(samples, densityProbes)));
}

type Work = Pick<ProductCost, "flops" | "productFlops" | "runs">;

function secondsOf({ flops, productFlops, runs }: Work, speed: EngineSpeed): number {
  const arithmetic = productFlops / speed.productFlops + (flops - productFlops) / speed.elementFlops;
  return slowdown * arithmetic + runs * speed.runSeconds;
}

/** Float64 vectors of the parameters' length that are held at once. */
function krylovRows({ eigenvalues, densityProbes, densitySteps }: SpectrumOptions): number {
  return Math.max(eigenvalues > 0 ? Math.max(basisRows, 2 * eigenvalues + 16) : 0, densityProbes * densitySteps);
}

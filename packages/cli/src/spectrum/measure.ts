/** Loss, gradient, eigenvalues, trace and density of one curvature operator. */
import {
  accuracy,
  gradientAndLoss,
  type ParameterSpace,
  type SpectralDensity,
  spectralDensity,
  type Tensor,
  type TopEigenpairs,
  topEigenpairs,
  trace,
} from "@hessonite/core";
import type { CommandContext } from "../command.ts";
import { type SpectrumOptions, smallestCount } from "./options.ts";
import type { Eigenvalues, MeasuredSpectrum } from "./result.ts";
import { openSetting, spectrumSubject } from "./setting.ts";
import { stageBudgets } from "./stageBudgets.ts";

export async function measureSpectrum(options: SpectrumOptions, context: CommandContext): Promise<MeasuredSpectrum> {
  const { signal } = context;
  const { stage, seconds } = stopwatch(context);
  await using setting = await stage("model and data", 1, () => openSetting(options, signal));
  const { problem, operator } = setting;
  const { loss, gradient } = await stage("gradient", 1, () => gradientAndLoss(problem, { signal }));
  const share = await stage("accuracy", 1, () => accuracy(problem, { signal }));
  const budgets = new Map(stageBudgets(options, problem.space.size).map((budget) => [budget.stage, budget.products]));
  /** Null for a stage that was not asked for. */
  const estimate = async <T>(title: string, work: (done: (steps: number) => void) => Promise<T>): Promise<T | null> => {
    const products = budgets.get(title);
    return products === undefined ? null : stage(title, products, work);
  };
  const common = { seed: options.seed, signal };
  const pairs = (title: string, k: number, which: "top" | "bottom"): Promise<TopEigenpairs | null> =>
    estimate(title, (done) =>
      topEigenpairs(operator, {
        ...common,
        k,
        which,
        tolerance: options.tolerance,
        onProgress: ({ products }) => done(products),
      }),
    );

  const largest = await pairs("largest eigenvalues", Math.min(options.eigenvalues, problem.space.size), "top");
  const smallest = await pairs("smallest eigenvalues", Math.min(smallestCount(options), problem.space.size), "bottom");
  const total = await estimate("trace", (step) =>
    trace(operator, { ...common, samples: options.samples, onProgress: ({ done }) => step(done) }),
  );
  const density = await estimate("spectral density", (step) => {
    const { densitySteps: steps, densityProbes: probes } = options;
    return spectralDensity(operator, { ...common, steps, probes, onProgress: ({ done }) => step(done) });
  });
  return {
    kind: "spectrum",
    ...(await spectrumSubject(options, setting)),
    lossValue: loss,
    accuracy: share ?? null,
    gradientNorm: norm(gradient),
    parameters: parameterNorms(problem.space, problem.values, gradient),
    largest: largest && eigenvaluesOf(largest),
    smallest: smallest && eigenvaluesOf(smallest),
    trace: total && { mean: total.mean, standardError: total.standardError, products: total.products },
    density: density && densityOf(density),
    seconds,
  };
}

interface Stopwatch {
  /** Shows the progress of a stage and records its seconds. */
  readonly stage: CommandContext["progress"]["stage"];
  readonly seconds: Record<string, number>;
}

function stopwatch({ progress }: CommandContext): Stopwatch {
  const seconds: Record<string, number> = {};
  return {
    seconds,
    async stage(title, total, work) {
      const start = performance.now();
      const result = await progress.stage(title, total, work);
      seconds[title] = (performance.now() - start) / 1000;
      return result;
    },
  };
}

function eigenvaluesOf({ values, residuals, outcome, products }: TopEigenpairs): Eigenvalues {
  return { values: [...values], residuals: [...residuals], outcome, products };
}

function densityOf({ grid, density, standardError, width, products }: SpectralDensity): MeasuredSpectrum["density"] {
  return { grid: [...grid], density: [...density], standardError: [...standardError], width, products };
}

function parameterNorms(
  space: ParameterSpace,
  values: readonly Tensor[],
  gradient: Float64Array,
): MeasuredSpectrum["parameters"] {
  return space.parameters.map(({ name, shape, size, offset }, i) => ({
    name,
    shape: [...shape],
    count: size,
    norm: norm(values.at(i)?.data ?? []),
    gradientNorm: norm(gradient.subarray(offset, offset + size)),
  }));
}

function norm(x: Iterable<number>): number {
  let sum = 0;
  for (const xi of x) sum += xi * xi;
  return Math.sqrt(sum);
}

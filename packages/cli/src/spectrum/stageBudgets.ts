/** How many products each stage of a spectrum takes, before any has run. */
import { type SpectrumOptions, smallestCount } from "./options.ts";

export interface StageBudget {
  readonly stage: string;
  readonly products: number;
  /** The number is a rule of thumb: the stage ends when it has converged. */
  readonly estimated: boolean;
}

/**
 * Products that block Lanczos typically takes for a pair with a tolerance of 1e-4: at the upper end eigenvalues lie apart,
 * at the lower end close together. Measured: 9 to 14 and 23 to 41, on a convolutional network of 9,098 parameters.
 */
const productsPerPair = { largest: 12, smallest: 35 };
const leastProducts = 24;

/** @param size P, the side of the operator. */
export function stageBudgets(options: SpectrumOptions, size: number): StageBudget[] {
  const pairs = (count: number, each: number): number =>
    count === 0 ? 0 : Math.min(size, Math.max(leastProducts, each * count));
  const { largest, smallest } = productsPerPair;
  const stages = [
    { stage: "largest eigenvalues", products: pairs(options.eigenvalues, largest), estimated: true },
    { stage: "smallest eigenvalues", products: pairs(smallestCount(options), smallest), estimated: true },
    { stage: "trace", products: Math.min(options.samples, size), estimated: false },
    {
      stage: "spectral density",
      products: options.densityProbes * Math.min(options.densitySteps, size),
      estimated: false,
    },
  ];
  return stages.filter(({ products }) => products > 0);
}

/** What `hessonite spectrum` is told. */
import { z } from "zod";
import { subjectOptions } from "../operator/options.ts";

export const spectrumOptions = z.object({
  ...subjectOptions,
  eigenvalues: z.int().nonnegative().default(5).describe("how many of the largest eigenvalues"),
  smallest: z
    .int()
    .nonnegative()
    .optional()
    .describe("how many of the smallest; as many as largest for the Hessian, else 0"),
  tolerance: z
    .number()
    .positive()
    .default(1e-4)
    .describe("residual of an eigenpair, relative to the largest eigenvalue"),
  samples: z.int().nonnegative().default(32).describe("probe vectors of the trace; 0 for no trace"),
  densityProbes: z.int().nonnegative().default(4).describe("probe vectors of the spectral density; 0 for no density"),
  densitySteps: z.int().positive().default(40).describe("Lanczos steps of each of them"),
  fisherSamples: z.int().positive().default(1).describe("fisher-mc: labels drawn for each prediction"),
  seed: z.int().nonnegative().default(0).describe("seed of all randomness"),
  report: z.string().optional().describe("write an HTML report with plots to this file"),
  dryRun: z.boolean().default(false).describe("tell what it would cost, and do nothing"),
});

export type SpectrumOptions = z.output<typeof spectrumOptions>;

/** How many eigenvalues at the lower end: the Hessian alone has interesting ones there. */
export function smallestCount({ smallest, operator, eigenvalues }: SpectrumOptions): number {
  return smallest ?? (operator.kind === "hessian" ? eigenvalues : 0);
}

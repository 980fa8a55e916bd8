/** What of a curvature's options was left open, decided. */
import type { CorrectionConvention, FactorOptions } from "@hessonite/core";
import type { CurvatureOptions, Strategy } from "./options.ts";

/** The strategy, and whether a row's terms are squared together. */
export function choicesOf({ strategy = "ekfac", convention = "perDatum" }: CurvatureOptions): {
  readonly strategy: Strategy;
  readonly convention: CorrectionConvention;
} {
  return { strategy, convention: isExact(strategy) ? "perTerm" : convention };
}

/** Whether systems with a whole matrix are solved, instead of inverting it block by block. */
export function isExact(strategy: Strategy): boolean {
  return strategy === "ggn" || strategy === "block-ggn" || strategy === "operator";
}

/** What core's factors are asked for. */
export function factorOptionsOf({
  strategy,
  fisher,
  samples,
  seed,
  approximation,
  bias,
  groups,
  signal,
}: CurvatureOptions): FactorOptions {
  return {
    ...(approximation && { approximation }),
    ...(bias && { bias }),
    ...(groups && { groups }),
    ...(strategy && isExact(strategy) ? { fisher: "type-2" as const } : fisher && { fisher }),
    ...(samples !== undefined && { samples }),
    ...(seed !== undefined && { seed }),
    ...(signal && { signal }),
  };
}

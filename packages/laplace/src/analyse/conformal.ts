/** Split conformal sets of a fit: calibrated on rows to choose by, checked on rows to report on. */
import { classScores, classSets, conformalThreshold, intervalScores, spreads } from "../conformal.ts";
import type { Laplace } from "../fit.ts";
import { functionalVariance } from "../functionalVariance.ts";
import { mean } from "../metrics/classification.ts";
import { classProbabilities } from "../predictive/link.ts";
import { targetsOf } from "../targets.ts";
import type { HeldOut } from "./judge.ts";

export interface Conformal {
  /** As stated. */
  readonly coverage: number;
  /** Rows that calibrated. */
  readonly rows: number;
  /** Share of other rows whose truth was in its set. */
  readonly found: number;
  /** Mean number of classes in a set, or mean width of an interval. */
  readonly size: number;
}

/** Undefined for likelihoods other than classes, and regression of one number. */
export async function conformalReport(
  fit: Laplace,
  { select, report }: HeldOut,
  coverage: number,
  signal?: AbortSignal,
): Promise<Conformal | undefined> {
  const [calibration, labels] = [await functionalVariance(fit, select, signal), await targetsOf(select)];
  const [fresh, truth] = [await functionalVariance(fit, report, signal), await targetsOf(report)];
  const { kind } = fit.likelihood;
  if (kind === "classes") {
    const threshold = conformalThreshold(classScores(classProbabilities(calibration, "map"), labels), coverage);
    const p = classProbabilities(fresh, "map");
    const found = mean(classScores(p, truth).map((score) => Number(score <= threshold)));
    return {
      coverage,
      rows: calibration.rows,
      found,
      size: classSets(p, threshold).reduce((a, b) => a + b, 0) / fresh.rows,
    };
  }
  if (kind !== "regression" || fresh.outputs !== 1) return undefined;
  const threshold = conformalThreshold(intervalScores(calibration, labels, fit.noise), coverage);
  const found = mean(intervalScores(fresh, truth, fit.noise).map((score) => Number(score <= threshold)));
  return { coverage, rows: calibration.rows, found, size: 2 * threshold * mean(spreads(fresh, fit.noise)) };
}

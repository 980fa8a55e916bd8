/**
 * What held-out rows say, by likelihood. Rows to tune by, to choose by and to report on are never the same: the first half
 * chooses (and every second row of it tunes, where tuning needs rows), the rest reports.
 */
import { type Dataset, everyNth, slice, UsageError } from "@hessonite/core";
import { type Choice, fewestRows } from "../choose.ts";
import type { Laplace } from "../fit.ts";
import { type ClassesReport, classesReport } from "./classes.ts";
import { type DensityReport, densityReport } from "./densities.ts";
import { type RegressionReport, regressionReport } from "./regression.ts";

export interface HeldOut {
  readonly tune?: Dataset;
  readonly select: Dataset;
  readonly report: Dataset;
}

/** @throws {UsageError} if there are fewer than two rows. */
export async function heldOutParts(data: Dataset, tuned: boolean): Promise<HeldOut> {
  const rows = data.rows ?? (await countRows(data));
  if (rows < 2) {
    throw new UsageError("Cannot judge as there are too few held-out rows", {
      at: data.name,
      expected: "2 or more",
      found: rows,
    });
  }
  const middle = Math.floor(rows / 2);
  const [first, report] = [slice(data, 0, middle), slice(data, middle, rows)];
  if (!tuned || middle < 2 * fewestRows) return { select: first, report };
  const { apart, rest } = everyNth(first, 2);
  return { tune: rest, select: apart, report };
}

async function countRows(data: Dataset): Promise<number> {
  let rows = 0;
  for await (const batch of data.batches()) rows += batch.rows;
  return rows;
}

export interface Judged {
  readonly classes?: ClassesReport;
  readonly regression?: RegressionReport;
  readonly densities?: DensityReport;
}

export interface JudgeOptions {
  readonly samples: number;
  readonly seed: number;
  /** Hyperparameters that were given are kept. */
  readonly given: boolean;
  readonly signal: AbortSignal;
}

type Judge = (fit: Laplace, parts: HeldOut, other: Dataset | undefined, options: JudgeOptions) => Promise<Judged>;

const byDensity: Judge = async (fit, parts, _, options) => ({ densities: await densityReport(fit, parts, options) });

export const judges: Readonly<Record<Laplace["likelihood"]["kind"], Judge | undefined>> = {
  classes: async (fit, parts, other, options) => ({
    classes: await classesReport(fit, { ...parts, ...(other ? { other } : {}) }, options),
  }),
  regression: async (fit, parts, _, options) => ({ regression: await regressionReport(fit, parts, options) }),
  labels: byDensity,
  counts: byDensity,
  spread: byDensity,
  custom: undefined,
};

/** What was chosen to be deployed, where there was a choice. */
export const choiceOf = ({ classes, densities }: Judged): Choice | undefined => (classes ?? densities)?.choice;
